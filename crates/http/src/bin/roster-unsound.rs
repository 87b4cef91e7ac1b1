//! The service without a part of its protocol, for `cargo xtask soak --without …`: its caches lie.

#![expect(clippy::print_stderr, reason = "nobody may take it for the service")]

use std::process::ExitCode;

use clap::Parser as _;
use roster_http::commands::Cli;

fn main() -> ExitCode {
    eprintln!(
        "a part of the cache protocol is left out of this build: what it answers may be stale"
    );
    Cli::parse().run()
}
