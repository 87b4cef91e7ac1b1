use super::{Failure, output};
use crate::openapi;

/// Prints the document that the service answers under `/openapi.json`.
pub(super) fn run() -> Result<(), Failure> {
    let mut document = serde_json::to_vec_pretty(&openapi::document())
        .map_err(|error| Failure::new("the document cannot be written", error))?;
    document.push(b'\n');
    output::write(&document)
}
