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
use roster_soak::{Hot, Node, Plan, RedisPair, Result, World, run, table};
use tokio::time::sleep;

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
    /// After how many seconds a part ends, if it did not before; the last two after 60.
    #[arg(long, default_value_t = 1_800)]
    seconds: u64,
    /// How often a second the one key of the last part is written, and read; fewer answers are a failure.
    #[arg(long, default_value_t = Hot::FULL.writes_per_second)]
    writes_per_second: u32,
    #[arg(long, default_value_t = Hot::FULL.reads_per_second)]
    reads_per_second: u32,
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
    /// Two processes, one key, and nothing breaks
    Hot,
}

impl Part {
    const IN_ORDER: [Self; 4] = [Self::All, Self::Kept, Self::Kills, Self::Hot];
    const MINUTE: u64 = 60;

    /// What breaks in it; nothing where nothing does.
    fn plan(self, args: &Args) -> Option<Plan> {
        let limit = Duration::from_secs(args.seconds);
        let plan = match self {
            Self::All => Plan::all(args.operations, limit, args.seed),
            Self::Kept => Plan::kept(args.operations.div_ceil(4), limit, args.seed),
            Self::Kills => {
                let limit = Duration::from_secs(args.seconds.min(Self::MINUTE));
                Plan::kills(limit, args.seed)
            }
            Self::Hot => return None,
        };
        Some(plan)
    }

    const fn title(self) -> &'static str {
        match self {
            Self::All => "everything breaks at random",
            Self::Kept => "everything breaks, and Redis keeps what it acknowledged",
            Self::Kills => "connections killed every 50 ms",
            Self::Hot => "everybody wants one key",
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
    let (mut violations, mut broken) = (0, 0);
    for part in Part::IN_ORDER {
        if args.part.is_none_or(|only| only == part) {
            println!("== {}, seed {}", part.title(), args.seed);
            match part.plan(args) {
                Some(plan) => violations += soak_part(&binary, &plan, args.show).await?,
                None => broken += soak_hot(&binary, args).await?,
            }
        }
    }
    // A machine that is too slow shows nothing of a part that is missing.
    Ok((violations > 0) == args.expect_violation && broken == 0)
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

/// How much of what the last part promises did not hold.
async fn soak_hot(binary: &Path, args: &Args) -> Result<usize> {
    const NODES: usize = 2;
    let servers = (
        World::start(binary).await?,
        RedisPair::start(NODES, &[]).await?,
    );
    let (Some(world), Some(redis)) = servers else {
        return Err("there is no PostgreSQL or no Redis to be had".into());
    };
    let nodes: Result<Vec<Node>> = (0..NODES)
        .map(|node| world.node(&redis.url(node)))
        .collect();
    let nodes = nodes?;
    let users = world.users(&nodes[0], 1).await?;
    let addresses: Vec<_> = nodes.iter().map(Node::address).collect();
    let hot = Hot {
        reads_per_second: args.reads_per_second,
        writes_per_second: args.writes_per_second,
        ..Hot::FULL
    };
    let ended = sleep(Duration::from_secs(args.seconds.min(Part::MINUTE)));
    let seen = hot.run(&addresses, users[0], ended).await?;
    println!("{seen:#?}");
    println!(
        "{:.0} writes/s, {:.0} reads/s",
        seen.write_rate(),
        seen.read_rate()
    );
    let broken = hot.broken(&seen);
    for broken in &broken {
        println!("not as promised: {broken}");
    }
    Ok(broken.len())
}
