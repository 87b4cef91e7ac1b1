use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, Failure};

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints a script for a shell.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "roster", &mut script);
    super::output::write(&script)
}
