mod rejects;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roster_app::Runtime;
use roster_domain::ports::{OnConflict, UserTransfer};

use self::rejects::Rejects;
use super::{Failure, output};
use crate::progress::{Progress, grouped};
use crate::settings::Settings;
use crate::system;
use crate::transfer::{Format, ImportOptions, ImportReport, ImportStop, import};
use crate::wiring::open_transfer;

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file; `-` is standard input
    file: PathBuf,
    /// How the users are written; else as the file's name says, else NDJSON
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// What happens to a row whose user is there, by id or else by address
    #[arg(long, value_enum, default_value = "skip")]
    on_conflict: Conflict,
    /// Read the file and say what is wrong with it, without a look at the database
    #[arg(long)]
    dry_run: bool,
    /// Where every rejected row is told, as NDJSON; the first 20 are told on standard error anyway
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// The line to begin with, counted from 1: to go on with an import that stopped
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from_line: u64,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Conflict {
    /// The user stays as it is
    Skip,
    /// The user takes the row's members
    Update,
    /// The import stops, and nothing of the row's batch is stored
    Fail,
}

/// Stores the users of a file.
pub(super) async fn run(args: Args, settings: &Settings) -> Result<(), Failure> {
    let runtime = system::runtime();
    let input = Input::open(&args.file)
        .map_err(|error| Failure::new(format!("{} cannot be read", args.file.display()), error))?;
    if args.dry_run {
        return read(&args, input, None, &runtime).await;
    }
    let open = open_transfer(settings, &runtime).await?;
    let outcome = read(&args, input, Some(&*open.transfer), &runtime).await;
    open.close().await;
    outcome
}

/// What is read, and how long it is if it is a file.
struct Input {
    octets: Option<u64>,
    source: Box<dyn Read + Send>,
}

impl Input {
    fn open(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self {
                octets: None,
                source: Box::new(io::stdin()),
            });
        }
        let file = File::open(path)?;
        let found = file.metadata()?;
        if found.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let octets = found.is_file().then_some(found.len());
        Ok(Self {
            octets,
            source: Box::new(file),
        })
    }
}

async fn read(
    args: &Args,
    input: Input,
    transfer: Option<&dyn UserTransfer>,
    runtime: &Runtime,
) -> Result<(), Failure> {
    let options = ImportOptions {
        format: args
            .format
            .or(Format::of_path(&args.file))
            .unwrap_or(Format::Ndjson),
        on_conflict: match args.on_conflict {
            Conflict::Skip => OnConflict::Skip,
            Conflict::Update => OnConflict::Update,
            Conflict::Fail => OnConflict::Fail,
        },
        from_line: args.from_line,
    };
    let progress = Progress::start(Arc::clone(&runtime.clock));
    let mut rejects = Rejects::new(args.rejects.as_deref(), progress, input.octets)?;
    let surroundings = (&*runtime.clock, &*runtime.ids);
    let report = import(
        transfer,
        surroundings,
        input.source,
        options,
        &mut rejects,
        interrupted(),
    );
    let report = report.await;
    rejects.finish(&report.summary, args.dry_run)?;
    let mut summary = serde_json::to_vec(&report.summary)?;
    summary.push(b'\n');
    output::write(&summary)?;
    conclude(report, args)
}

fn conclude(report: ImportReport, args: &Args) -> Result<(), Failure> {
    let (rejected, read) = (report.summary.rejected, report.summary.read);
    let Some(stop) = report.stopped else {
        return if rejected == 0 {
            Ok(())
        } else {
            Err(Failure::message(format!(
                "{} of {} rows were rejected",
                grouped(rejected),
                grouped(read)
            )))
        };
    };
    let (line, next) = (report.committed_line, report.committed_line + 1);
    let after = match (&stop, args.dry_run) {
        (ImportStop::Header(_), _) => return Err(stop.into()),
        (_, true) => "nothing is stored",
        (ImportStop::Store(_) | ImportStop::Rejects(_), _) => "what follows may be stored or not",
        _ => "nothing that follows is stored",
    };
    Err(Failure::new(
        format!(
            "the import stopped: the file is done up to line {line}, and {after}; \
             --from-line {next} goes on"
        ),
        stop,
    ))
}

/// Ends when the process is asked to.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => return,
                Ok(()) = tokio::signal::ctrl_c() => return,
            }
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Nothing will come; the process ends as it does without a handler.
        std::future::pending::<()>().await;
    }
}
