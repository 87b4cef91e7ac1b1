//! The service as a developer wants it: built, on real stores, with users in it.

use std::process::{ExitStatus, Stdio};

use roster_test_services::{PostgresServer, RedisServer};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::command::{cargo, run as run_command};
use crate::failure::{Failure, Outcome};
use crate::{services, workspace};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many made-up users to begin with
    #[arg(long, default_value_t = 10_000)]
    users: u32,
    /// SQLite in a temporary folder instead of PostgreSQL and Redis
    #[arg(long)]
    embedded: bool,
    /// Optimised as a release is
    #[arg(long)]
    release: bool,
}

/// What the service stands on; dropped, it is gone.
struct Stores {
    servers: Option<(PostgresServer, RedisServer)>,
    /// With the database of the embedded mode, and the key that tokens are signed with.
    folder: TempDir,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let profile = if args.release { "release" } else { "dev" };
    run_command(&mut cargo([
        "build",
        "--package",
        "roster-http",
        "--profile",
        profile,
    ]))?;
    let stores = Stores::start(args.embedded)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(serve(args, &stores));
    println!("dev: ending the private servers");
    drop(stores);
    done
}

async fn serve(args: &Args, stores: &Stores) -> Outcome {
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    let folder = if args.release { "release" } else { "debug" };
    let program = workspace::target_folder()?.join(folder).join("roster");
    let users = args.users.to_string();
    let steps: [&[&str]; 3] = [
        &["migrate"],
        &["seed", "--users", &users, "--seed", "1"],
        &["serve"],
    ];
    for step in steps {
        let name = format!("roster {}", step.join(" "));
        println!("dev: {name}");
        let mut command = Command::new(&program);
        // Its own group, so that Ctrl-C reaches it once, from here.
        command
            .args(step)
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        stores.tell(&mut command);
        let mut child = command.spawn()?;
        let asked = tokio::select! {
            status = child.wait() => {
                succeeded(&name, status?)?;
                continue;
            }
            _ = interrupts.recv() => Signal::INT,
            _ = terminations.recv() => Signal::TERM,
        };
        if let Some(pid) = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
        {
            kill_process(pid, asked)?;
        }
        child.wait().await?;
        return Ok(());
    }
    Ok(())
}

fn succeeded(name: &str, status: ExitStatus) -> Outcome {
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("`{name}` ended with {status}")))
    }
}

impl Stores {
    fn start(embedded: bool) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("roster-dev-").tempdir()?;
        if embedded {
            return Ok(Self {
                servers: None,
                folder,
            });
        }
        services::install_missing(true)?;
        let redis = RedisServer::try_start(&[])?;
        println!("services: private Redis at {}", redis.url());
        let postgres = services::start_postgres(true)?;
        Ok(Self {
            servers: Some((postgres, redis)),
            folder,
        })
    }

    fn tell(&self, command: &mut Command) {
        // What the developer's own shell says must not lead elsewhere.
        for variable in [
            "DATABASE_URL",
            "REDIS_URL",
            "ROSTER_DATABASE_URL",
            "ROSTER_REDIS_URL",
            "ROSTER_AUTH",
            "ROSTER_AUTH_ISSUERS",
            "ROSTER_AUTH_LOCAL_KEY",
            "ROSTER_CONFIG",
        ] {
            command.env_remove(variable);
        }
        command.env("ROSTER_DATA_DIR", self.folder.path());
        if let Some((postgres, redis)) = &self.servers {
            command
                .env("ROSTER_DATABASE_URL", postgres.url("postgres"))
                .env("ROSTER_REDIS_URL", redis.url());
        }
    }
}
