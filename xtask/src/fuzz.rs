//! Every parser of what strangers send, fed from its corpus for a while.

use crate::command::{cargo, run as run_command};
use crate::failure::Outcome;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where the run begins; the same number makes the same changes
    #[arg(long)]
    seed: Option<u64>,
    /// Only targets whose name contains this
    #[arg(default_value = "")]
    only: String,
}

/// A target is a test whose name begins with `fuzzed_`. With the build of all tests, which is
/// there anyway; the targets of one binary run beside each other.
pub(crate) fn run(args: &Args) -> Outcome {
    let mut tests = cargo(["test", "--workspace", "--quiet", "--lib", "--tests"]);
    tests.args(["--", "--nocapture"]);
    tests.arg(format!("fuzzed_{}", args.only));
    tests.env("ROSTER_FUZZ_SECONDS", args.seconds.to_string());
    if let Some(seed) = args.seed {
        tests.env("ROSTER_FUZZ_SEED", seed.to_string());
    }
    run_command(&mut tests)
}
