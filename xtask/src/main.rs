//! Development commands: `cargo xtask help`.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]
#![expect(clippy::print_stderr, reason = "a tool for the terminal")]

mod command;
mod failure;
mod source;
mod workspace;

mod acceptance;
mod bench;
mod boundaries;
mod ci;
mod deny;
mod dev;
mod docs_check;
mod fuzz;
mod instructions;
mod model;
mod openapi;
mod services;
mod soak;
mod sqlx_data;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Development commands of the workspace",
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every test, with real PostgreSQL and Redis
    Test(test::Args),
    /// Run every check that a change has to pass, but for the tests
    Ci(ci::Args),
    /// Check which crate depends on which, and what is named where
    Boundaries,
    /// Check the rules of the source that no compiler knows
    Tidy,
    /// Check that the documentation builds and names only what exists
    DocsCheck,
    /// Check licences, banned packages and sources of all dependencies
    Deny,
    /// Run the service on a private PostgreSQL and Redis, seeded; Ctrl-C ends everything
    Dev(dev::Args),
    /// Search the model of the cache protocol for violations
    Model(model::Args),
    /// Feed every parser of what strangers send from its corpus for a while
    Fuzz(fuzz::Args),
    /// Count the instructions of the hot paths, and compare them with those committed
    Instructions(instructions::Args),
    /// Write docs/openapi.json from the code
    Openapi(openapi::Args),
    /// Write the offline data of the SQL queries from private databases
    Sqlx(sqlx_data::Args),
    /// Drive the release binary over HTTP on real stores
    Acceptance(acceptance::Args),
    /// Measure the release binary under load, beside its floors and its peers
    Bench(bench::Args),
    /// Check a million answers of three processes while their caches break
    Soak(soak::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Test(args) => test::run(&args),
        Task::Ci(args) => ci::run(&args),
        Task::Boundaries => boundaries::run(),
        Task::Tidy => tidy::run(),
        Task::DocsCheck => docs_check::run(),
        Task::Deny => deny::run(),
        Task::Dev(args) => dev::run(&args),
        Task::Model(args) => model::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Instructions(args) => instructions::run(&args),
        Task::Openapi(args) => openapi::run(&args),
        Task::Sqlx(args) => sqlx_data::run(&args),
        Task::Acceptance(args) => acceptance::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Soak(args) => soak::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
