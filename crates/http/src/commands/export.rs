use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use roster_app::Runtime;

use super::Failure;
use crate::progress::{Progress, Step, grouped};
use crate::settings::Settings;
use crate::system;
use crate::transfer::{ExportError, Format, Target, export};
use crate::wiring::{OpenTransfer, open_transfer};

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How the users are written; else as the file's name says, else NDJSON
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The file, which appears once it is whole; `-` is standard output
    #[arg(long, short, default_value = "-")]
    output: PathBuf,
}

/// Writes every user that is not deleted.
pub(super) async fn run(args: Args, settings: &Settings) -> Result<(), Failure> {
    let runtime = system::runtime();
    let open = open_transfer(settings, &runtime).await?;
    let outcome = write(&args, &open, &runtime).await;
    open.close().await;
    outcome
}

async fn write(args: &Args, open: &OpenTransfer, runtime: &Runtime) -> Result<(), Failure> {
    let to_stdout = args.output.as_os_str() == "-";
    let format = args
        .format
        .or(Format::of_path(&args.output))
        .unwrap_or(Format::Ndjson);
    let target = if to_stdout {
        Target::stdout()
    } else {
        Target::file(&args.output, runtime.ids.random_token()).map_err(|error| {
            Failure::new(
                format!("{} cannot be written", args.output.display()),
                error,
            )
        })?
    };
    let mut progress = Progress::start(Arc::clone(&runtime.clock));
    let transfer = Arc::clone(&open.transfer);
    let users = export(transfer, format, target, |done| {
        progress.tell(Step {
            done,
            unit: "users",
            way: None,
        });
    });
    match users.await {
        Ok(users) => {
            progress.finish(users, &format!("wrote {} users", grouped(users)));
            Ok(())
        }
        // A reader that has seen enough, such as `head`, is no failure.
        Err(ExportError::Output(error)) if to_stdout && error.kind() == ErrorKind::BrokenPipe => {
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
