//! The rules of the source that no compiler knows.

mod rules;

use crate::failure::{Failure, Outcome};
use crate::workspace;

pub(crate) fn run() -> Outcome {
    let files = workspace::files()?;
    let mut violations = rules::migrations(&files);
    for file in &files {
        violations.extend(rules::all_of(file));
    }
    Failure::of_rules("tidy", &violations)
}
