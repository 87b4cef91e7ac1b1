//! The command line: one file a command.
//!
//! A command ends with 0 when it did what it was asked, with 1 when it could not, and with 2
//! when the command line or a setting cannot be used.

mod client;
mod failure;
mod output;

mod banner;
mod cache;
mod completions;
mod config;
mod export;
mod health;
mod import;
mod migrate;
mod openapi;
mod seed;
mod serve;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use failure::Failure;

use crate::settings::{SettingFlags, Settings};
use crate::telemetry;

/// A user service: profiles, notifications, activity and dashboards over HTTP.
///
/// Without a command it serves. Settings come from flags, else from variables, else from the file
/// that --config names; `roster config` shows what they are. A command ends with 0 when it did
/// what it was asked, with 1 when it could not, and with 2 when the command line or a setting
/// cannot be used.
#[derive(Debug, Parser)]
#[command(name = "roster", version, max_term_width = 100)]
pub struct Cli {
    /// What is to be done.
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: SettingFlags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API (the default)
    Serve,
    /// Bring the schema of the database to this release, or back to an earlier one
    Migrate(migrate::Args),
    /// Fill the database with made-up users
    Seed(seed::Args),
    /// Read users from a file
    Import(import::Args),
    /// Write users to a file
    Export(export::Args),
    /// Show the settings as they are, and who set them
    Config,
    /// Print the description of the API as an OpenAPI document
    Openapi,
    /// Print a token that the service accepts, signed with its own key
    Token(token::Args),
    /// Ask a running service whether it is ready
    Health,
    /// Look at the caches of a running service, or clear them
    Cache(cache::Args),
    /// Print a script that completes commands in a shell
    Completions(completions::Args),
}

impl Cli {
    /// Does what the command line says, and says how it went.
    pub fn run(self) -> ExitCode {
        // What needs no settings works with settings that are wrong, too.
        match &self.command {
            Some(Command::Openapi) => return conclude(openapi::run()),
            Some(Command::Completions(args)) => return conclude(completions::run(args)),
            _ => {}
        }
        let settings = match Settings::load(&self.flags) {
            Ok(settings) => settings,
            Err(error) => return failure::unusable(&error),
        };
        telemetry::start(&settings.log);
        let outcome = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new("the runtime cannot be started", error))
            .and_then(|runtime| {
                runtime.block_on(Box::pin(execute(
                    self.command.unwrap_or(Command::Serve),
                    settings,
                )))
            });
        conclude(outcome)
    }
}

async fn execute(command: Command, settings: Settings) -> Result<(), Failure> {
    match command {
        Command::Serve => serve::run(settings).await,
        Command::Migrate(args) => migrate::run(args, &settings).await,
        Command::Seed(args) => seed::run(args, &settings).await,
        Command::Import(args) => import::run(args, &settings).await,
        Command::Export(args) => export::run(args, &settings).await,
        Command::Config => config::run(&settings),
        Command::Token(args) => token::run(&args, &settings),
        Command::Health => health::run(&settings).await,
        Command::Cache(args) => cache::run(args, &settings).await,
        Command::Openapi => openapi::run(),
        Command::Completions(args) => completions::run(&args),
    }
}

fn conclude(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
