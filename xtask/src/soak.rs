//! The long run over several processes, the long forms of tests, and the runs that must fail.

use std::process::Command;

use clap::ValueEnum;

use crate::command::{cargo, run as run_command};
use crate::failure::Outcome;
use crate::{test, workspace};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Builds the service without one part of the protocol: no violation found is a failure then
    #[arg(long, value_name = "PART")]
    without: Option<Without>,
    /// What the run takes, such as `--operations 100000 --seed 7`; `-- --help` tells all. Without
    /// `--part` the long forms of the tests come last; `--part long` runs them alone
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

impl Args {
    /// The only part that is to run.
    fn part(&self) -> Option<&str> {
        let words = self.forwarded.iter().map(String::as_str);
        let next = words.clone().skip(1).map(Some).chain([None]);
        words.zip(next).find_map(|(word, next)| match word {
            "--part" => next,
            _ => word.strip_prefix("--part="),
        })
    }
}

pub(crate) fn run(args: &Args) -> Outcome {
    match (args.without, args.part()) {
        (None, Some("long")) => test::run_long(),
        (None, None) if !args.forwarded.iter().any(|word| word == "--help") => {
            // Whatever the one came to, the others are to be seen.
            let parts = run_parts(args);
            let long = test::run_long();
            parts.and(long)
        }
        _ => run_parts(args),
    }
}

fn run_parts(args: &Args) -> Outcome {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_part_is_told_however_it_is_named() {
        let part = |words: &[&str]| {
            let args = Args {
                without: None,
                forwarded: words.iter().map(ToString::to_string).collect(),
            };
            args.part().map(str::to_owned)
        };
        assert_eq!(part(&[]), None);
        assert_eq!(part(&["--seed", "7"]), None);
        assert_eq!(part(&["--part"]), None);
        assert_eq!(part(&["--part", "long"]).as_deref(), Some("long"));
        let named = part(&["--seed", "7", "--part=hot"]);
        assert_eq!(named.as_deref(), Some("hot"));
    }
}
