//! Measures the service under load beside its floors and its peers, and writes what it saw as a
//! run folder.
//!
//! `cargo xtask bench` builds both and runs this. Every server is private, on loopback, and ends
//! with this process; the exit code is 1 when an answer was wrong or a request failed.

#![expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]

use mimalloc::MiMalloc;

mod burst;
mod caches;
mod cpu;
mod crowd;
mod depth;
mod extent;
mod external;
mod figures;
mod fleet;
mod floor;
mod held;
mod machine;
mod measured;
mod memory;
mod multiply;
mod open_loop;
mod plots;
mod profile;
mod progress;
mod redis_info;
mod report;
mod requests;
mod run;
mod sampling;
mod sizes;
mod stand;
mod start;
mod store_floors;
mod system;
mod targets;
mod workload;
mod wrk;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::extent::Extent;
use crate::floor::Template;
use crate::progress::say;
use crate::run::{Run, Seen};
use crate::stand::Stand;
use crate::system::System;

/// The floors have the allocator of the service.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What goes wrong outside of what is measured.
pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[derive(Parser)]
#[command(about = "Measures the service under load beside its floors and peers.")]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    mode: Option<Mode>,
    #[command(flatten)]
    measure: Measure,
}

#[derive(Subcommand)]
enum Mode {
    /// Serves one answer: a floor to measure against
    Floor(floor::Args),
}

#[derive(clap::Args)]
struct Measure {
    /// The binary
    #[arg(long, default_value = "target/release/roster")]
    roster: PathBuf,
    /// Another build of it to be measured beside, such as the one before a change
    #[arg(long)]
    before: Option<PathBuf>,
    /// Where the data is kept from run to run
    #[arg(long, default_value = "target/bench")]
    kept: PathBuf,
    /// Where the run folder is made
    #[arg(long, default_value = "docs/benchmarks/runs")]
    runs: PathBuf,
    /// The run folder's name; without it the day and the commit
    #[arg(long)]
    name: Option<String>,
    /// Where the peers are
    #[arg(long, default_value = "docs/benchmarks/peers")]
    peers: PathBuf,
    /// Measure the service and its floors alone
    #[arg(long)]
    without_peers: bool,
    /// Only these
    #[arg(long, value_delimiter = ',', ignore_case = true,
          value_parser = PossibleValuesParser::new(Extent::NAMES))]
    only: Vec<String>,
    /// A hundred thousand users, one round of a second, no peers: to see that all works
    #[arg(long)]
    quick: bool,
    /// Have the service do each workload once more under `perf`, and keep where its time went
    #[arg(long)]
    profile: bool,
    /// Rounds of each workload [default: 3]
    #[arg(long)]
    rounds: Option<u64>,
    /// Seconds of each cell [default: 4]
    #[arg(long)]
    seconds: Option<u64>,
    /// How many users; several sizes are measured one after the other [default: 1000000]
    #[arg(long, value_delimiter = ',')]
    users: Vec<u64>,
    /// Connections of the load, where a workload does not say otherwise
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// What the cache in the service's memory may hold
    #[arg(long, default_value = "512MiB")]
    memory: String,
    /// Another server beside the others, as `http://host:port`: waited for once the database is
    /// told, on which it has to run
    #[arg(long, value_parser = external::address)]
    external: Option<SocketAddr>,
    /// The process of that server; without it the one that listens there
    #[arg(long, requires = "external")]
    pid: Option<u32>,
    /// A header for that server, as `Name: value`
    #[arg(long)]
    header: Vec<String>,
    /// What the report names as its command
    #[arg(long, hide = true)]
    command: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.mode {
        Some(Mode::Floor(floor)) => floor::serve(floor).await.map(|()| true),
        // What runs by then is ended as if the measurement had come to its end.
        None => tokio::select! {
            done = measure(&args.measure) => done,
            asked = asked_to_stop() => asked.and(Err("stopped before its end".into())),
        },
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn asked_to_stop() -> Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        _ = terminated.recv() => Ok(()),
    }
}

/// True when every answer was right.
async fn measure(args: &Measure) -> Result<bool> {
    let sizes = match (&args.users[..], args.quick) {
        ([], true) => vec![100_000],
        ([], false) => vec![1_000_000],
        (given, _) => given.to_vec(),
    };
    if args.external.is_some() && sizes.len() > 1 {
        return Err("an external server is on one database: give one size to --users".into());
    }
    let extent = Extent {
        rounds: args.rounds.unwrap_or(if args.quick { 1 } else { 3 }).max(1),
        lasting: Duration::from_secs(
            args.seconds
                .unwrap_or(if args.quick { 1 } else { 4 })
                .max(1),
        ),
        connections: args.connections.max(1),
        only: args.only.clone(),
        memory: extent::octets(&args.memory)
            .ok_or_else(|| format!("--memory {} is no size", args.memory))?,
        quick: args.quick,
        profile: args.profile,
    };
    let roster = std::fs::canonicalize(&args.roster)
        .map_err(|error| format!("{}: {error}", args.roster.display()))?;
    let mut all = Seen::default();
    let mut facts = Vec::new();
    for users in sizes {
        let stand = Stand::start(&args.kept, &roster, users).await?;
        if facts.is_empty() {
            facts = machine::facts(&stand.version().await?);
        }
        let seen = one_size(args, &extent, &roster, &stand).await?;
        all.add(seen);
    }
    let folder = match &args.name {
        Some(name) => args.runs.join(name),
        None => unused(&args.runs, &name_of_now()),
    };
    let command = args
        .command
        .clone()
        .unwrap_or_else(|| "roster-load-bench".to_owned());
    let text = report::write(&folder, &command, &facts, &all)?;
    say(&text);
    say(&format!("written to {}", folder.display()));
    let wrong = all.cells.iter().any(|cell| cell.wrong > 0);
    Ok(all.failed() == 0 && !wrong && all.wrong.is_empty())
}

async fn one_size(args: &Measure, extent: &Extent, roster: &Path, stand: &Stand) -> Result<Seen> {
    let mut seen = Seen::default();
    if extent.wants(start::NAME) {
        seen.figures = start::run(stand, roster, extent.rounds).await?;
    }
    if extent.wants(memory::NAME) {
        seen.figures
            .extend(memory::run(stand, roster, extent).await?);
    }
    if extent.wants(fleet::NAME) {
        let outcome = fleet::run(stand, roster, extent).await?;
        seen.figures.extend(outcome.figures);
        seen.wrong.extend(outcome.wrong);
    }
    if !extent.wants_load() {
        return Ok(seen);
    }
    let memory = ["--cache-memory", &args.memory];
    let service = System::service("roster", roster, stand, &memory, None)?;
    let template = template(&service, stand).await?;
    // Processes of one database share one Redis: each change is delivered to one.
    let redis = service.redis.clone();
    let mut systems = vec![service];
    if let Some(before) = &args.before {
        let before = std::fs::canonicalize(before)
            .map_err(|error| format!("{}: {error}", before.display()))?;
        let name = "roster before";
        let before = System::service(name, &before, stand, &memory, redis.as_ref())?;
        systems.push(before);
    }
    systems.push(System::floor(stand, &template, false).await?);
    systems.push(System::floor(stand, &template, true).await?);
    if let Some(address) = args.external {
        let headers = args
            .header
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        systems.push(external::wait(address, args.pid, headers).await?);
    }
    if !args.without_peers && !args.quick {
        for folder in system::peer_folders(&args.peers)? {
            systems.extend(System::peer(&folder, stand).await?);
        }
    }
    stand.settle().await?;
    let mut run = Run::new(stand, &systems, roster, &template, extent)?;
    run.all().await?;
    seen.add(run.seen);
    Ok(seen)
}

/// An answer of the service to a read of memory, for the floors to repeat.
async fn template(service: &System, stand: &Stand) -> Result<Template> {
    let id = stand.ids.first().ok_or("there are no users")?;
    let http = service.client()?;
    let user = service.url(&format!("/v1/users/{id}"));
    let mut last = None;
    // The first reads fill the caches.
    for _ in 0..5 {
        last = Some(http.get(&user).send().await?.error_for_status()?);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let response = last.ok_or("no answer")?;
    let headers = response
        .headers()
        .iter()
        .filter(|(name, _)| !["content-length", "date", "connection"].contains(&name.as_str()))
        .map(|(name, value)| Ok((name.to_string(), value.to_str()?.to_owned())))
        .collect::<Result<_>>()?;
    Ok(Template {
        headers,
        body: response.text().await?,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the day of a run is that of the calendar"
)]
fn name_of_now() -> String {
    let date = time::OffsetDateTime::now_utc().date();
    let commit = machine::commit().replace(' ', "-");
    format!("{date}-{commit}")
}

/// A folder of this name, or with a number behind it where there is one already.
fn unused(under: &Path, name: &str) -> PathBuf {
    let mut folder = under.join(name);
    let mut number = 2_u32;
    while folder.exists() {
        folder = under.join(format!("{name}-{number}"));
        number += 1;
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_does_not_take_the_folder_of_another() {
        let under = tempfile::tempdir().unwrap();
        for wanted in ["day", "day-2", "day-3"] {
            let folder = unused(under.path(), "day");
            assert_eq!(folder, under.path().join(wanted));
            std::fs::create_dir(folder).unwrap();
        }
    }
}
