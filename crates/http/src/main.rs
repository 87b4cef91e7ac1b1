//! The `roster` command.

use std::process::ExitCode;

use clap::Parser as _;
use mimalloc::MiMalloc;
use roster_http::commands::Cli;

#[cfg(feature = "unsound")]
compile_error!("the service is not built without a part of its protocol; roster-unsound is");

/// Misses, pages and dashboards are made of many small pieces.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
