use std::collections::BTreeSet;
use std::path::Path;

use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::{Connection as _, SqliteConnection};

use crate::error::MigrationError;
use crate::pool::connect_to_write;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// What a run of the migrations did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationReport {
    /// The migrations that were made, or undone, in that order.
    pub applied: Vec<MigrationState>,
    /// The last migration that the database has now; 0 when it has none.
    pub version: i64,
}

/// One migration that this program knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationState {
    /// Its number: the order they are made in.
    pub version: i64,
    /// What it makes.
    pub description: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// Makes the migrations that a database file lacks; the file is created when it is not there.
pub async fn migrate(path: &Path) -> Result<MigrationReport, MigrationError> {
    let mut connection = connect_to_write(path).await?;
    let before = states(&mut connection).await?;
    run(&mut connection).await?;
    let report = report(&mut connection, before.into_iter()).await?;
    connection.close().await?;
    Ok(report)
}

/// Every migration of this program, and whether a database file has it.
pub async fn migration_status(path: &Path) -> Result<Vec<MigrationState>, MigrationError> {
    let mut connection = connect_to_write(path).await?;
    let states = states(&mut connection).await?;
    connection.close().await?;
    Ok(states)
}

/// Undoes every migration after `version`, the last one first, with the data that they hold.
pub async fn revert(path: &Path, version: i64) -> Result<MigrationReport, MigrationError> {
    let mut connection = connect_to_write(path).await?;
    let before = states(&mut connection).await?;
    MIGRATIONS.undo(&mut connection, version).await?;
    let report = report(&mut connection, before.into_iter().rev()).await?;
    connection.close().await?;
    Ok(report)
}

/// Makes the migrations that are lacking, on an open connection.
pub(crate) async fn run(connection: &mut SqliteConnection) -> Result<(), MigrationError> {
    Ok(MIGRATIONS.run(connection).await?)
}

async fn states(connection: &mut SqliteConnection) -> Result<Vec<MigrationState>, MigrationError> {
    connection
        .ensure_migrations_table(&MIGRATIONS.table_name)
        .await?;
    let applied: BTreeSet<i64> = connection
        .list_applied_migrations(&MIGRATIONS.table_name)
        .await?
        .into_iter()
        .map(|migration| migration.version)
        .collect();
    let known = MIGRATIONS
        .iter()
        .filter(|migration| migration.migration_type.is_up_migration());
    Ok(known
        .map(|migration| MigrationState {
            version: migration.version,
            description: migration.description.clone().into_owned(),
            applied: applied.contains(&migration.version),
        })
        .collect())
}

async fn report(
    connection: &mut SqliteConnection,
    before: impl Iterator<Item = MigrationState>,
) -> Result<MigrationReport, MigrationError> {
    let after = states(connection).await?;
    let has = |version| {
        after
            .iter()
            .any(|state| state.version == version && state.applied)
    };
    Ok(MigrationReport {
        applied: before
            .filter(|state| state.applied != has(state.version))
            .map(|state| MigrationState {
                applied: !state.applied,
                ..state
            })
            .collect(),
        version: after
            .iter()
            .filter(|state| state.applied)
            .map(|state| state.version)
            .max()
            .unwrap_or(0),
    })
}
