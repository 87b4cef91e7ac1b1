//! The committed description of the API.

use std::fs;

use crate::command::{cargo, output};
use crate::failure::{Failure, Outcome};
use crate::workspace;

const FILE: &str = "docs/openapi.json";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing; fail when the file is not what the code describes
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let described = output(&mut cargo([
        "run",
        "--quiet",
        "--package",
        "roster-http",
        "--",
        "openapi",
    ]))?;
    let file = workspace::root().join(FILE);
    let committed = fs::read_to_string(&file).unwrap_or_default();
    if committed == described {
        println!("openapi: {FILE} is fresh");
        return Ok(());
    }
    if args.check {
        let line = committed
            .lines()
            .zip(described.lines())
            .take_while(|(one, other)| one == other)
            .count()
            + 1;
        return Err(Failure::new(format!(
            "{FILE} is not what the code describes (first in line {line}): run `cargo xtask openapi`"
        )));
    }
    fs::write(&file, described)?;
    println!("openapi: wrote {FILE}");
    Ok(())
}
