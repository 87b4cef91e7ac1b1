//! The `roster` command.

use std::process::ExitCode;

use clap::Parser as _;
use roster_http::commands::Cli;

#[cfg(feature = "unsound")]
compile_error!("the service is not built without a part of its protocol; roster-unsound is");

fn main() -> ExitCode {
    Cli::parse().run()
}
