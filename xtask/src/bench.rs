//! The benchmark: the release binary under load, beside its floors and its peers.

use crate::command::{cargo, run as run_command};
use crate::failure::Outcome;
use crate::services;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What the run takes, such as `--quick`, `--only W1,W3` or `--rounds 5`; `-- --help` tells all
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    forwarded: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    services::install_for_bench()?;
    let packages = ["--package", "roster-http", "--package", "roster-load-bench"];
    run_command(&mut cargo(
        ["build", "--release", "--bins"].into_iter().chain(packages),
    ))?;
    let target = crate::workspace::target_folder()?;
    let program = target.join("release");
    let typed: Vec<_> = ["cargo xtask bench".to_owned()]
        .into_iter()
        .chain(args.forwarded.iter().cloned())
        .collect();
    run_command(
        std::process::Command::new(program.join("roster-load-bench"))
            .arg("--roster")
            .arg(program.join("roster"))
            .arg("--kept")
            .arg(target.join("bench"))
            .args(["--command", &typed.join(" ")])
            .args(&args.forwarded)
            .current_dir(crate::workspace::root()),
    )
}
