//! The model of the cache protocol.

use crate::command::{cargo, run as run_command};
use crate::failure::Outcome;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The larger configurations, too: much longer, and several gigabytes of memory
    #[arg(long)]
    full: bool,
    /// End with the table of docs/cache-model.md
    #[arg(long)]
    table: bool,
    /// Only cases whose name contains one of these
    only: Vec<String>,
}

/// The cases of every day.
pub(crate) fn run_quick() -> Outcome {
    run(&Args {
        full: false,
        table: false,
        only: Vec::new(),
    })
}

/// With the profile of tests: the model is optimised there, and a release would link all its parts anew.
pub(crate) fn run(args: &Args) -> Outcome {
    let mut model = cargo(["run", "--quiet", "--package", "roster-cache-model", "--"]);
    if args.full {
        model.arg("--full");
    }
    if args.table {
        model.arg("--table");
    }
    run_command(model.args(&args.only))
}
