//! The long run over several processes, and the runs that must fail.

use std::process::Command;

use clap::ValueEnum;

use crate::command::{cargo, run as run_command};
use crate::failure::Outcome;
use crate::workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Builds the service without one part of the protocol: no violation found is a failure then
    #[arg(long, value_name = "PART")]
    without: Option<Without>,
    /// What the run takes, such as `--operations 100000 --seed 7`; `-- --help` tells all
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    forwarded: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Without {
    /// Whatever was read is kept in the process, though it was invalidated meanwhile
    Guard,
    /// Whatever was read is stored in Redis, though the lease is lost
    Lease,
    /// Nobody carries the change log to Redis
    Relay,
}

impl Without {
    const fn feature(self) -> &'static str {
        match self {
            Self::Guard => "roster-http/without-guard",
            Self::Lease => "roster-http/without-lease",
            Self::Relay => "roster-http/without-relay",
        }
    }
}

pub(crate) fn run(args: &Args) -> Outcome {
    let mut soak = match args.without {
        None => built("release", "roster", &["--release"])?,
        Some(without) => {
            // A binary of another name: one that lies must not lie where the service is looked
            // for. Not optimised, because what is missing shows as well in a slow one.
            let features = ["--features", without.feature()];
            let mut soak = built("debug", "roster-unsound", &features)?;
            soak.args(["--expect-violation", "--part", "all"]);
            if !args
                .forwarded
                .iter()
                .any(|word| word.starts_with("--seconds"))
            {
                soak.args(["--seconds", "90"]);
            }
            soak
        }
    };
    run_command(soak.args(&args.forwarded))
}

/// The run over a binary of the service, both built.
fn built(folder: &str, service: &str, flags: &[&str]) -> Outcome<Command> {
    let packages = ["--package", "roster-http", "--package", "roster-soak"];
    let bins = ["--bin", service, "--bin", "roster-soak"];
    let words = ["build"].into_iter().chain(packages).chain(bins);
    run_command(cargo(words).args(flags))?;
    let folder = workspace::target_folder()?.join(folder);
    let mut soak = Command::new(folder.join("roster-soak"));
    soak.arg("--roster").arg(folder.join(service));
    soak.current_dir(workspace::root());
    Ok(soak)
}
