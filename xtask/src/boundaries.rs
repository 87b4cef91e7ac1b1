//! The layers: who may depend on whom, and what is named in one place only.

mod edges;
mod places;
mod table;

use crate::failure::{Failure, Outcome};
use crate::workspace;

pub(crate) fn run() -> Outcome {
    let mut violations = edges::illegal(&workspace::root().join("Cargo.toml"), table::TABLE)?;
    violations.extend(places::misplaced(&workspace::files()?));
    Failure::of_rules("boundaries", &violations)
}
