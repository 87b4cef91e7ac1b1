//! The schema's versions: applying, reverting, and telling whether they are there.

use std::collections::BTreeMap;
use std::path::Path;

use roster_domain::ports::BoxError;
use sqlx::migrate::{Migrate as _, Migration, Migrator};
use sqlx::{Connection as _, SqliteConnection};

use crate::pool::connect_to_write;
use crate::user_search::index_missing;

static EMBEDDED: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// Where the driver keeps which versions are applied.
const TABLE: &str = "_sqlx_migrations";

/// What a run of the migrator did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationReport {
    /// The versions that were applied, or reverted, in the order of doing; none when the
    /// schema was there already.
    pub versions: Vec<i64>,
    /// The latest version that is applied now; 0 without any.
    pub current: i64,
}

/// The schema's versions, compared with those of this release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The latest version of this release.
    pub latest: i64,
    /// Versions of this release that are not applied.
    pub pending: Vec<i64>,
    /// Applied versions whose text differs from this release's.
    pub changed: Vec<i64>,
    /// Applied versions that this release does not know.
    pub newer: Vec<i64>,
}

impl MigrationStatus {
    /// Whether this release can work with the schema: all of its own is there. What a newer
    /// release has added does not disturb it.
    pub fn is_current(&self) -> bool {
        self.pending.is_empty() && self.changed.is_empty()
    }
}

/// A schema that could not be brought to a version.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The file cannot be created, read or written, or is not a SQLite database.
    #[error("the database is not available")]
    Unavailable(#[source] BoxError),
    /// A version is applied whose text is another one in this release.
    #[error("migration {version} was applied in another form than this release has")]
    Changed {
        /// Which one.
        version: i64,
    },
    /// A version to revert belongs to a newer release.
    #[error("migration {version} is not one of this release")]
    Unknown {
        /// Which one.
        version: i64,
    },
    /// The database refused a version. Those before it are applied.
    #[error("migration {version} ({name}) failed")]
    Failed {
        /// Which one.
        version: i64,
        /// What it is called.
        name: String,
        /// What the database said.
        #[source]
        source: BoxError,
    },
}

impl From<sqlx::Error> for MigrateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<sqlx::migrate::MigrateError> for MigrateError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// Applies what a database file lacks; the file is created when it is not there.
pub async fn migrate(path: &Path) -> Result<MigrationReport, MigrateError> {
    let mut connection = connect_to_write(path).await?;
    let outcome = apply_pending(&mut connection).await;
    let closed = connection.close().await;
    let report = outcome?;
    closed?;
    Ok(report)
}

/// Reverts every version above `to`, the latest first; 0 reverts all. What the schema's newer
/// parts hold is lost.
pub async fn revert(path: &Path, to: i64) -> Result<MigrationReport, MigrateError> {
    let mut connection = connect_to_write(path).await?;
    let outcome = revert_above(&mut connection, to).await;
    let closed = connection.close().await;
    let report = outcome?;
    closed?;
    Ok(report)
}

/// Whether the schema of a database file is that of this release; a file that is not there is
/// made, and lacks everything.
pub async fn migration_status(path: &Path) -> Result<MigrationStatus, MigrateError> {
    let mut connection = connect_to_write(path).await?;
    connection.ensure_migrations_table(TABLE).await?;
    let status = compare(&applied(&mut connection).await?);
    connection.close().await?;
    Ok(status)
}

/// Applies what is missing, each version in a transaction of its own.
pub(crate) async fn apply_pending(
    connection: &mut SqliteConnection,
) -> Result<MigrationReport, MigrateError> {
    connection.ensure_migrations_table(TABLE).await?;
    let status = compare(&applied(connection).await?);
    if let Some(&version) = status.changed.first() {
        return Err(MigrateError::Changed { version });
    }
    for &version in &status.pending {
        let migration = embedded(version, false)?;
        connection
            .apply(TABLE, migration)
            .await
            .map_err(|source| failed(migration, source))?;
    }
    give_keys(connection).await?;
    report(connection, status.pending).await
}

/// Gives rows their search keys that a release before them has stored, a thousand at a time:
/// whoever is interrupted goes on with what is left.
async fn give_keys(connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    const BATCH: u32 = 1_000;
    loop {
        let mut transaction = connection.begin().await?;
        let rows = index_missing(&mut transaction, BATCH)
            .await
            .map_err(|error| MigrateError::Unavailable(error.into()))?;
        transaction.commit().await?;
        if rows < u64::from(BATCH) {
            return Ok(());
        }
    }
}

async fn revert_above(
    connection: &mut SqliteConnection,
    to: i64,
) -> Result<MigrationReport, MigrateError> {
    connection.ensure_migrations_table(TABLE).await?;
    let applied = applied(connection).await?;
    let versions: Vec<_> = applied.into_keys().rev().filter(|&v| v > to).collect();
    for &version in &versions {
        let migration = embedded(version, true)?;
        connection
            .revert(TABLE, migration)
            .await
            .map_err(|source| failed(migration, source))?;
    }
    report(connection, versions).await
}

async fn report(
    connection: &mut SqliteConnection,
    versions: Vec<i64>,
) -> Result<MigrationReport, MigrateError> {
    let current = applied(connection).await?.into_keys().next_back();
    Ok(MigrationReport {
        versions,
        current: current.unwrap_or(0),
    })
}

type Checksums = BTreeMap<i64, Vec<u8>>;

async fn applied(connection: &mut SqliteConnection) -> Result<Checksums, MigrateError> {
    let rows = connection.list_applied_migrations(TABLE).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.version, row.checksum.into_owned()))
        .collect())
}

fn compare(applied: &Checksums) -> MigrationStatus {
    let mut status = MigrationStatus::default();
    let ups = || {
        EMBEDDED
            .iter()
            .filter(|migration| migration.migration_type.is_up_migration())
    };
    for migration in ups() {
        status.latest = status.latest.max(migration.version);
        match applied.get(&migration.version) {
            None => status.pending.push(migration.version),
            Some(checksum) if checksum[..] != migration.checksum[..] => {
                status.changed.push(migration.version);
            }
            Some(_) => {}
        }
    }
    let unknown = |version: &&i64| ups().all(|migration| migration.version != **version);
    status.newer = applied.keys().filter(unknown).copied().collect();
    status
}

fn embedded(version: i64, down: bool) -> Result<&'static Migration, MigrateError> {
    EMBEDDED
        .iter()
        .find(|m| m.version == version && m.migration_type.is_down_migration() == down)
        .ok_or(MigrateError::Unknown { version })
}

fn failed(migration: &Migration, source: sqlx::migrate::MigrateError) -> MigrateError {
    MigrateError::Failed {
        version: migration.version,
        name: migration.description.clone().into_owned(),
        source: Box::new(source),
    }
}
