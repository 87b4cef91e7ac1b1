use std::fmt::Write as _;

use super::{Failure, output};
use crate::settings::Settings;
use crate::wiring;

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Undo every version after this one, with the data that they hold; 0 undoes all
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(i64).range(0..))]
    revert_to: Option<i64>,
}

/// Brings the schema to this release, or back, and says what was done.
pub(super) async fn run(args: Args, settings: &Settings) -> Result<(), Failure> {
    let report = wiring::migrate(settings, args.revert_to).await?;
    let done = if args.revert_to.is_some() {
        "undone"
    } else {
        "applied"
    };
    let mut text = String::new();
    for step in &report.steps {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{done} version {step}");
    }
    if report.steps.is_empty() {
        text.push_str("nothing to do\n");
    }
    let _ = writeln!(
        text,
        "{} is at version {}",
        report.description, report.version
    );
    output::write(text.as_bytes())
}
