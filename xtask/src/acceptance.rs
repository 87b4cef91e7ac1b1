//! The acceptance runs: real stores, real input, the release binary.

use crate::command::{cargo, run as run_command};
use crate::failure::Outcome;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What the runs take, such as `--scale 0.1` or `--store sqlite`; `-- --help` tells all
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    forwarded: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    // One build for both, so that what they share is compiled once.
    let packages = ["--package", "roster-http", "--package", "roster-acceptance"];
    run_command(&mut cargo(
        ["build", "--release", "--bins"].into_iter().chain(packages),
    ))?;
    let program = crate::workspace::target_folder()?.join("release");
    run_command(
        std::process::Command::new(program.join("roster-acceptance"))
            .arg("--roster")
            .arg(program.join("roster"))
            .args(&args.forwarded)
            .current_dir(crate::workspace::root()),
    )
}
