//! The long run: a million operations over three processes while things break at random.
//!
//! `cargo xtask soak` builds the binary and runs this. Every server is private, on loopback, and
//! ends with this process; the exit code is 1 when the history has a violation.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]
#![expect(clippy::print_stderr, reason = "a tool for the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use roster_soak::{Plan, Result, run, table};

#[derive(Parser)]
#[command(
    about = "Loads several processes while their caches break, and checks what they answered."
)]
struct Args {
    /// The binary.
    #[arg(long, default_value = "target/release/roster")]
    roster: PathBuf,
    /// After how many operations it ends.
    #[arg(long, default_value_t = 1_000_000)]
    operations: u64,
    /// After how many seconds it ends, if it did not before.
    #[arg(long, default_value_t = 1_800)]
    seconds: u64,
    /// What all choices follow from; timing is the machine's all the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many of the violations are shown.
    #[arg(long, default_value_t = 3)]
    show: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    match soak(&Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn soak(args: &Args) -> Result<bool> {
    let binary = args.roster.canonicalize()?;
    let plan = Plan::new(
        args.operations,
        Duration::from_secs(args.seconds),
        args.seed,
    );
    println!("seed {}", args.seed);
    let Some((history, verdict, faults)) = run(&binary, &plan).await? else {
        return Ok(true);
    };
    print!("{}", table(&history, &verdict, &faults));
    for violation in verdict.violations.iter().take(args.show) {
        println!();
        for line in history.excerpt(violation) {
            println!("{line}");
        }
    }
    Ok(verdict.violations.is_empty())
}
