//! Drives the release binary over HTTP on real stores and prints what it saw as a table.
//!
//! `cargo xtask acceptance` builds both and runs this. Every server is private, on loopback,
//! and ends with this process; the exit code is 1 when a line of the table is a miss.

#![expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]

mod checks;
mod client;
mod report;
mod roster;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::report::Report;
use crate::store::{Kind, Store};

/// What went wrong outside a check: a server that does not start, a folder that cannot be made.
pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[derive(Parser)]
#[command(
    about = "Drives the release binary over HTTP on real stores and prints what it saw as a table."
)]
struct Args {
    /// The binary.
    #[arg(long, default_value = "target/release/roster")]
    roster: PathBuf,
    /// How large: 1 is a million users in PostgreSQL and a hundred thousand in SQLite.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Which store.
    #[arg(long, value_enum, default_value_t = Stores::Both)]
    store: Stores,
    /// Only the checks whose name contains this.
    #[arg(long)]
    only: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stores {
    Postgres,
    Sqlite,
    Both,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let mut report = Report::default();
    for (wanted, kind) in [
        (Stores::Postgres, Kind::Postgres),
        (Stores::Sqlite, Kind::Sqlite),
    ] {
        if args.store != Stores::Both && args.store != wanted {
            continue;
        }
        report.begin(kind.name());
        if let Err(error) = run(&args, kind, &mut report).await {
            report.miss("set-up", format!("{error}"));
        }
    }
    report.print();
    if report.ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn run(args: &Args, kind: Kind, report: &mut Report) -> Result<()> {
    let store = Store::start(kind, &args.roster, args.scale).await?;
    let seeded = store.seed().await?;
    // A small run is over before the store has warmed up.
    if kind == Kind::Postgres && args.scale >= 1.0 {
        report.check(
            "seed at 20,000 users/s or more",
            seeded.rate >= 20_000,
            seeded.text,
        );
    } else {
        report.note("seed", seeded.text);
    }
    checks::run_all(&store, args.only.as_deref(), report).await
}
