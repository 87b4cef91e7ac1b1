//! The layers: who may depend on whom, and what is named in one place only.

mod edges;
mod places;
mod switches;
mod table;

use crate::failure::{Failure, Outcome};
use crate::workspace;

pub(crate) fn run() -> Outcome {
    let manifest = workspace::root().join("Cargo.toml");
    let mut violations = edges::illegal(&manifest, table::TABLE)?;
    violations.extend(switches::misused(&manifest)?);
    violations.extend(places::misplaced(&workspace::files()?));
    Failure::of_rules("boundaries", &violations)
}
