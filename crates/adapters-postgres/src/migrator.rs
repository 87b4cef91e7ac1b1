//! The schema's versions: applying, reverting, and telling whether they are there.

use std::collections::BTreeMap;
use std::time::Duration;

use roster_domain::ports::{BoxError, StoreError};
use sqlx::migrate::{Migrate as _, Migration, Migrator};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection};

use crate::error::store_error;
use crate::pool::{PostgresPool, connect_options};
use crate::user_search::index_missing;

static EMBEDDED: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Where the driver keeps which versions are applied.
const TABLE: &str = "_sqlx_migrations";

/// The advisory lock of migrators: "roster" in ASCII. Such locks belong to one database.
const LOCK: i64 = 0x726f_7374_6572;

/// How often and how long a migrator waits for another one: a minute in all.
const LOCK_TRIES: u32 = 300;
const LOCK_PAUSE: Duration = Duration::from_millis(200);

/// How often a migration that waits for a table's lock is tried. While it waits, everybody
/// who comes after it waits too, so each try is short.
const TABLE_LOCK_TRIES: u32 = 10;
const TABLE_LOCK_WAIT: &str = "2s";

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
    /// release has added does not disturb it (`migrations/README.md`).
    pub fn is_current(&self) -> bool {
        self.pending.is_empty() && self.changed.is_empty()
    }
}

/// A schema that could not be brought to a version.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The URL cannot be read.
    #[error("the PostgreSQL URL is not valid")]
    InvalidUrl(#[source] BoxError),
    /// The server cannot be reached, or ended the connection.
    #[error("the database is not available")]
    Unavailable(#[source] BoxError),
    /// Another migrator has been at work for a minute.
    #[error("another migration is under way")]
    Busy,
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

/// Applies what is missing, on a connection of its own: give it the direct URL where the
/// service goes through a pooler. May run in several processes at once, and again after it
/// was killed.
pub async fn migrate(url: &str) -> Result<MigrationReport, MigrateError> {
    let mut connection = locked_connection(url).await?;
    let outcome = apply_pending(&mut connection).await;
    let closed = connection.close().await;
    let report = outcome?;
    closed?;
    Ok(report)
}

/// Reverts every version above `to`, the latest first; 0 reverts all. What the schema's newer
/// parts hold is lost.
pub async fn revert(url: &str, to: i64) -> Result<MigrationReport, MigrateError> {
    let mut connection = locked_connection(url).await?;
    let outcome = revert_above(&mut connection, to).await;
    let closed = connection.close().await;
    let report = outcome?;
    closed?;
    Ok(report)
}

/// Whether the schema is that of this release.
pub async fn migration_status(pool: &PostgresPool) -> Result<MigrationStatus, StoreError> {
    let mut connection = pool.acquire().await.map_err(store_error)?;
    let applied = match applied(&mut connection).await {
        Ok(applied) => applied,
        Err(error) if is_missing_table(&error) => BTreeMap::new(),
        Err(error) => return Err(StoreError::Unavailable(Box::new(error))),
    };
    Ok(compare(&applied))
}

type Checksums = BTreeMap<i64, Vec<u8>>;

async fn locked_connection(url: &str) -> Result<PgConnection, MigrateError> {
    let options = connect_options(url)
        .map_err(MigrateError::InvalidUrl)?
        .application_name("roster-migrate")
        .options([("statement_timeout", "0")]);
    let mut connection = options.connect().await?;
    for _ in 0..LOCK_TRIES {
        // Waiting inside the server would hold a snapshot, for which the other migrator's
        // CREATE INDEX CONCURRENTLY waits in turn.
        if try_lock(&mut connection).await? {
            return Ok(connection);
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    Err(MigrateError::Busy)
}

async fn try_lock(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "locked!""#, LOCK)
        .fetch_one(connection)
        .await
}

async fn apply_pending(connection: &mut PgConnection) -> Result<MigrationReport, MigrateError> {
    connection.ensure_migrations_table(TABLE).await?;
    let status = compare(&applied(connection).await?);
    if let Some(&version) = status.changed.first() {
        return Err(MigrateError::Changed { version });
    }
    for &version in &status.pending {
        apply(connection, embedded(version, false)?).await?;
    }
    give_keys(connection).await?;
    report(connection, status.pending).await
}

/// Gives rows their search keys that a release before them has stored, a thousand at a time:
/// whoever is interrupted goes on with what is left.
async fn give_keys(connection: &mut PgConnection) -> sqlx::Result<()> {
    const BATCH: u32 = 1_000;
    let mut total = 0;
    loop {
        let rows = index_missing(connection, BATCH).await?;
        total += rows;
        if rows < u64::from(BATCH) {
            break;
        }
        if total % (100 * u64::from(BATCH)) == 0 {
            tracing::info!(rows = total, "Users get their search keys");
        }
    }
    Ok(())
}

async fn revert_above(
    connection: &mut PgConnection,
    to: i64,
) -> Result<MigrationReport, MigrateError> {
    connection.ensure_migrations_table(TABLE).await?;
    let applied = applied(connection).await?;
    let versions: Vec<_> = applied.into_keys().rev().filter(|&v| v > to).collect();
    for &version in &versions {
        let migration = embedded(version, true)?;
        wait_for_tables(connection, migration).await?;
        connection
            .revert(TABLE, migration)
            .await
            .map_err(|source| failed(migration, source))?;
    }
    report(connection, versions).await
}

async fn report(
    connection: &mut PgConnection,
    versions: Vec<i64>,
) -> Result<MigrationReport, MigrateError> {
    let current = applied(connection).await?.into_keys().next_back();
    Ok(MigrationReport {
        versions,
        current: current.unwrap_or(0),
    })
}

async fn apply(connection: &mut PgConnection, migration: &Migration) -> Result<(), MigrateError> {
    let mut tries = 0;
    loop {
        wait_for_tables(connection, migration).await?;
        drop_unfinished_index(connection, migration).await?;
        tries += 1;
        match connection.apply(TABLE, migration).await {
            Ok(_) => return Ok(()),
            Err(error) if is_lock_timeout(&error) && tries < TABLE_LOCK_TRIES => {
                tracing::warn!(
                    migration.version = migration.version,
                    tries,
                    "A migration waits for a table that is in use"
                );
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            Err(error) => return Err(failed(migration, error)),
        }
    }
}

/// Limits how long the next migration waits for a table. One that builds an index
/// concurrently keeps nobody out while it waits, and waits for whole transactions.
async fn wait_for_tables(
    connection: &mut PgConnection,
    migration: &Migration,
) -> Result<(), MigrateError> {
    let wait = if migration.no_tx {
        "0"
    } else {
        TABLE_LOCK_WAIT
    };
    sqlx::query!("SELECT set_config('lock_timeout', $1, false)", wait)
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// An index whose concurrent build was interrupted stays behind, is never used, and would be
/// taken for the index by IF NOT EXISTS.
async fn drop_unfinished_index(
    connection: &mut PgConnection,
    migration: &Migration,
) -> Result<(), MigrateError> {
    let unfinished = unfinished_indexes(connection).await?;
    for name in unfinished {
        let named = migration
            .sql
            .as_str()
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .any(|word| word == name);
        if migration.no_tx && named {
            let statement = format!("DROP INDEX CONCURRENTLY IF EXISTS {name}");
            connection.execute(AssertSqlSafe(statement)).await?;
        }
    }
    Ok(())
}

async fn unfinished_indexes(connection: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"SELECT c.relname::text AS "name!"
           FROM pg_catalog.pg_index i
           JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           WHERE NOT i.indisvalid AND n.nspname = current_schema()"#
    )
    .fetch_all(connection)
    .await
}

async fn applied(connection: &mut PgConnection) -> Result<Checksums, sqlx::migrate::MigrateError> {
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
            .filter(|m| m.migration_type.is_up_migration())
    };
    for migration in ups() {
        status.latest = migration.version;
        match applied.get(&migration.version) {
            None => status.pending.push(migration.version),
            Some(checksum) if *checksum != *migration.checksum => {
                status.changed.push(migration.version);
            }
            Some(_) => {}
        }
    }
    let known = |version: &i64| ups().any(|migration| migration.version == *version);
    status.newer = applied.keys().copied().filter(|v| !known(v)).collect();
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
        name: migration.description.to_string(),
        source: Box::new(source),
    }
}

fn code(error: &sqlx::migrate::MigrateError) -> Option<String> {
    let (sqlx::migrate::MigrateError::Execute(error)
    | sqlx::migrate::MigrateError::ExecuteMigration(error, _)) = error
    else {
        return None;
    };
    error.as_database_error()?.code().map(Into::into)
}

fn is_lock_timeout(error: &sqlx::migrate::MigrateError) -> bool {
    code(error).as_deref() == Some("55P03")
}

fn is_missing_table(error: &sqlx::migrate::MigrateError) -> bool {
    code(error).as_deref() == Some("42P01")
}
