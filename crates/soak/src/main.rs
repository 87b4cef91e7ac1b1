//! The long run: a million operations over three processes while things break at random.
//!
//! `cargo xtask soak` builds the binary and runs this. Every server is private, on loopback, and
//! ends with this process; the exit code is 1 when the history has a violation.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]
#![expect(clippy::print_stderr, reason = "a tool for the terminal")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use roster_soak::{Plan, Result, run, table};

#[derive(Parser)]
#[command(
    about = "Loads several processes while their caches break, and checks what they answered."
)]
struct Args {
    /// The binary.
    #[arg(long, default_value = "target/release/roster")]
    roster: PathBuf,
    /// Only this part of the run.
    #[arg(long)]
    part: Option<Part>,
    /// After how many operations the first part ends, and the second after a quarter of them.
    #[arg(long, default_value_t = 1_000_000)]
    operations: u64,
    /// After how many seconds a part ends, if it did not before; the third after 60.
    #[arg(long, default_value_t = 1_800)]
    seconds: u64,
    /// What all choices follow from; timing is the machine's all the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many violations of each kind are shown.
    #[arg(long, default_value_t = 1)]
    show: usize,
    /// The binary lacks a part of the protocol: to find no violation is the failure.
    #[arg(long)]
    expect_violation: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Everything breaks at random
    All,
    /// The same, but Redis keeps what it acknowledged: processes are held to their own writes
    Kept,
    /// CLIENT KILL every 50 ms, SCRIPT FLUSH, and a tracking table of one key
    Kills,
}

impl Part {
    const IN_ORDER: [Self; 3] = [Self::All, Self::Kept, Self::Kills];
    const KILLS_FOR: u64 = 60;

    fn plan(self, args: &Args) -> Plan {
        let limit = Duration::from_secs(args.seconds);
        match self {
            Self::All => Plan::all(args.operations, limit, args.seed),
            Self::Kept => Plan::kept(args.operations.div_ceil(4), limit, args.seed),
            Self::Kills => {
                let limit = Duration::from_secs(args.seconds.min(Self::KILLS_FOR));
                Plan::kills(limit, args.seed)
            }
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::All => "everything breaks at random",
            Self::Kept => "everything breaks, and Redis keeps what it acknowledged",
            Self::Kills => "connections killed every 50 ms",
        }
    }
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

/// True when it came to what was expected.
async fn soak(args: &Args) -> Result<bool> {
    let binary = args.roster.canonicalize()?;
    let mut violations = 0;
    for part in Part::IN_ORDER {
        if args.part.is_none_or(|only| only == part) {
            println!("== {}, seed {}", part.title(), args.seed);
            violations += soak_part(&binary, &part.plan(args), args.show).await?;
        }
    }
    Ok((violations > 0) == args.expect_violation)
}

/// How many violations one part showed.
async fn soak_part(binary: &Path, plan: &Plan, show: usize) -> Result<usize> {
    let Some(outcome) = run(binary, plan).await? else {
        return Err("there is no PostgreSQL or no Redis to be had".into());
    };
    print!("{}", table(&outcome));
    println!("the longest bound of a cache, and what was broken within it:");
    for line in outcome.history.longest_bound() {
        println!("  {line}");
    }
    for violation in outcome.verdict.first_of_each(show) {
        println!();
        for line in outcome.history.excerpt(violation) {
            println!("{line}");
        }
    }
    println!();
    Ok(outcome.verdict.violations.len())
}
