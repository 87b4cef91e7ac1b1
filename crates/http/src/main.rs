//! The `roster` command.

use std::process::ExitCode;

use clap::Parser as _;
use roster_http::commands::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
