//! The committed description of the API.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{cargo, output};
use crate::failure::{Failure, Outcome};
use crate::workspace;

const FILE: &str = "docs/openapi.json";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing; fail when the file is not what the code describes
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> Outcome {
    // No binary is named, as in the README: `cargo run` has to find the service by itself.
    let described = output(&mut cargo(["run", "--quiet", "--", "openapi"]))?;
    if args.check {
        return compare(&described);
    }
    fs::write(workspace::root().join(FILE), described)?;
    println!("openapi: wrote {FILE}");
    Ok(())
}

/// The check with a binary that is built already.
pub(crate) fn check_binary(roster: &Path) -> Outcome {
    compare(&output(Command::new(roster).arg("openapi"))?)
}

fn compare(described: &str) -> Outcome {
    let committed = fs::read_to_string(workspace::root().join(FILE)).unwrap_or_default();
    if committed == described {
        println!("openapi: {FILE} is fresh");
        return Ok(());
    }
    let line = committed
        .lines()
        .zip(described.lines())
        .take_while(|(one, other)| one == other)
        .count()
        + 1;
    Err(Failure::new(format!(
        "{FILE} is not what the code describes (first in line {line}): run `cargo xtask openapi`"
    )))
}
