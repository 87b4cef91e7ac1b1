//! The offline data that lets the SQL queries be checked without a database.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use roster_test_services::{PostgresOptions, PostgresServer};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::command::{cargo, run as run_command};
use crate::failure::{Failure, Outcome};
use crate::workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing; fail when the data in the tree is not what would be written
    #[arg(long)]
    check: bool,
    /// Only this store
    #[arg(long, value_parser = ["postgres", "sqlite"])]
    only: Option<String>,
}

impl Args {
    /// Both stores, nothing changed.
    pub(crate) const fn check() -> Self {
        Self {
            check: true,
            only: None,
        }
    }
}

/// One crate with compile-time checked SQL.
struct Adapter {
    store: &'static str,
    package: &'static str,
    /// The variable that the crate's `sqlx.toml` names.
    variable: &'static str,
}

const ADAPTERS: [Adapter; 2] = [
    Adapter {
        store: "postgres",
        package: "roster-adapters-postgres",
        variable: "ROSTER_POSTGRES_DATABASE_URL",
    },
    Adapter {
        store: "sqlite",
        package: "roster-adapters-sqlite",
        variable: "ROSTER_SQLITE_DATABASE_URL",
    },
];

pub(crate) fn run(args: &Args) -> Outcome {
    for adapter in ADAPTERS {
        if args.only.as_ref().is_none_or(|only| only == adapter.store) {
            regenerate(&adapter, args.check)?;
        }
    }
    Ok(())
}

fn regenerate(adapter: &Adapter, check: bool) -> Outcome {
    let folder = tempfile::tempdir()?;
    let fresh = folder.path().join("sqlx");
    fs::create_dir(&fresh)?;
    if adapter.store == "postgres" {
        let server = PostgresServer::start(PostgresOptions::default())?;
        let url = server.url("postgres");
        block_on(migrate_postgres(&url))?;
        compile(adapter, &url, &fresh)?;
    } else {
        let url = format!(
            "sqlite://{}?mode=rwc",
            folder.path().join("roster.db").display()
        );
        block_on(migrate_sqlite(&url))?;
        compile(adapter, &url, &fresh)?;
    }
    let committed = workspace::root()
        .join("crates")
        .join(format!("adapters-{}", adapter.store))
        .join(".sqlx");
    let (before, after) = (queries_in(&committed)?, queries_in(&fresh)?);
    if before == after {
        println!(
            "sqlx: {} queries of {} are fresh",
            after.len(),
            adapter.package
        );
        return Ok(());
    }
    if check {
        let differing: Vec<&str> = before
            .iter()
            .filter(|(name, text)| after.get(*name) != Some(text))
            .chain(after.iter().filter(|(name, _)| !before.contains_key(*name)))
            .map(|(name, _)| name.as_str())
            .collect();
        return Err(Failure::new(format!(
            "the offline data of {} is stale, run `cargo xtask sqlx`; it differs in\n  {}",
            adapter.package,
            differing.join("\n  ")
        )));
    }
    write(&committed, &before, &after)?;
    println!("sqlx: wrote {} queries of {}", after.len(), adapter.package);
    Ok(())
}

/// The macros write their data while they expand, so the crate has to be compiled anew.
fn compile(adapter: &Adapter, url: &str, data: &Path) -> Outcome {
    run_command(
        cargo(["clean", "--quiet", "--package", adapter.package]).env("SQLX_OFFLINE", "true"),
    )?;
    run_command(
        cargo(["check", "--quiet", "--lib", "--package", adapter.package])
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", data)
            .env(adapter.variable, url),
    )
}

async fn migrate_postgres(url: &str) -> Outcome {
    let mut connection = PgConnection::connect(url).await?;
    for file in migrations("postgres")? {
        let statements = AssertSqlSafe(fs::read_to_string(&file)?);
        sqlx::raw_sql(statements)
            .execute(&mut connection)
            .await
            .map_err(|error| broken(&file, &error))?;
    }
    Ok(connection.close().await?)
}

async fn migrate_sqlite(url: &str) -> Outcome {
    let mut connection = SqliteConnection::connect(url).await?;
    for file in migrations("sqlite")? {
        let statements = AssertSqlSafe(fs::read_to_string(&file)?);
        sqlx::raw_sql(statements)
            .execute(&mut connection)
            .await
            .map_err(|error| broken(&file, &error))?;
    }
    Ok(connection.close().await?)
}

fn broken(file: &Path, error: &sqlx::Error) -> Failure {
    Failure::new(format!("{}: {error}", file.display()))
}

fn migrations(store: &str) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(workspace::root().join("migrations").join(store))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".up.sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn queries_in(folder: &Path) -> Outcome<BTreeMap<String, String>> {
    let mut queries = BTreeMap::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                queries.insert(name, fs::read_to_string(&path)?);
            }
        }
    }
    Ok(queries)
}

fn write(
    folder: &Path,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Outcome {
    fs::create_dir_all(folder)?;
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
    }
    for (name, text) in after
        .iter()
        .filter(|(name, text)| before.get(*name) != Some(text))
    {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

fn block_on(work: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
