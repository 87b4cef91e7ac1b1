use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use roster_domain::ports::StoreError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, SqliteConnection};
use tokio::time::{sleep, timeout};

use crate::error::OpenError;
use crate::migrator;
use crate::writer::{Job, Writer};

/// How long a file may take to be opened for reads.
const OPEN_LIMIT: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// How a database file is used.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    /// How many connections read at once: one a processor, from 2 to 4, unless told otherwise.
    pub readers: u32,
    /// How long a read waits for a connection.
    pub read_acquire_timeout: Duration,
    /// How long a write may take with its wait in the queue; one that waits longer is never begun.
    pub writer_queue_timeout: Duration,
    /// The same for a batch of an import or of seeding.
    pub transfer_timeout: Duration,
}

impl Default for SqliteSettings {
    fn default() -> Self {
        let processors = available_parallelism().map_or(2, NonZero::get);
        Self {
            readers: u32::try_from(processors).unwrap_or(4).clamp(2, 4),
            read_acquire_timeout: Duration::from_millis(250),
            writer_queue_timeout: Duration::from_secs(2),
            transfer_timeout: Duration::from_mins(1),
        }
    }
}

/// An open database file; its clones are the same one.
///
/// Each statement that runs is an event at level debug with the target `sqlx::query`, with the
/// text of the statement and never with a bound value.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    path: Arc<Path>,
    readers: SqlitePool,
    writer: Writer,
    transfer_timeout: Duration,
}

/// Opens a database file, creates it when it is not there, and brings its tables up to date.
pub async fn open(path: &Path, settings: &SqliteSettings) -> Result<SqliteStore, OpenError> {
    let refused = |error: sqlx::Error| OpenError::File {
        path: PathBuf::from(path),
        source: error.into(),
    };
    let mut connection = connect_to_write(path).await.map_err(refused)?;
    migrator::apply_pending(&mut connection)
        .await
        .map_err(|source| OpenError::Migrate {
            path: PathBuf::from(path),
            source,
        })?;
    let options = shared_options(path).read_only(true).row_buffer_size(256);
    // What the pool is refused while it opens by itself, it keeps to itself.
    let first = SqliteConnection::connect_with(&options).await;
    first.map_err(refused)?.close().await.map_err(refused)?;
    let count = settings.readers.max(1);
    let readers = SqlitePoolOptions::new()
        .max_connections(count)
        .min_connections(count)
        .acquire_timeout(settings.read_acquire_timeout)
        // A file does not hang up: a connection that was good stays so.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options);
    let opened = timeout(OPEN_LIMIT, all_open(&readers, count)).await;
    opened.map_err(|_| refused(sqlx::Error::PoolTimedOut))?;
    Ok(SqliteStore {
        path: path.into(),
        readers,
        writer: Writer::start(connection, settings.writer_queue_timeout),
        transfer_timeout: settings.transfer_timeout,
    })
}

/// Waits for every connection, which the pool opens by itself: none is made, with a thread and its
/// pragmas, while a request waits. How long a request would wait is no limit here: a slow disk,
/// or a busy machine, may take longer to open the file than to read it.
async fn all_open(readers: &SqlitePool, count: u32) {
    while readers.num_idle() < count as usize {
        sleep(BETWEEN_LOOKS).await;
    }
}

impl SqliteStore {
    /// Ends every connection after the writes that are queued, and moves the write-ahead log
    /// into the file. Later calls of any port answer [`StoreError::Unavailable`].
    pub async fn close(&self) {
        // A reader that is still open would keep the log from being emptied.
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The connections that see what was committed when each statement begins.
    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Runs a job as [`Writer::write`] does.
    pub(crate) async fn write<T, E>(&self, job: impl Job<T, E>) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.writer.write(job).await
    }

    /// Moves the write-ahead log into the file and empties it, so that nothing that was erased
    /// stays behind in it. A reader that is in the way for longer than a moment leaves it to
    /// the next one, and to the end of the process.
    pub(crate) async fn empty_log(&self) {
        let emptied = async {
            let mut connection = connect_to_write(&self.path).await?;
            sqlx::query("PRAGMA busy_timeout = 250")
                .execute(&mut connection)
                .await?;
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(&mut connection)
                .await?;
            connection.close().await
        };
        if let Err(error) = emptied.await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "The write-ahead log was not emptied after a user was erased"
            );
        }
    }

    /// Runs a job that stores many users.
    pub(crate) async fn transfer<T, E>(&self, job: impl Job<T, E>) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.writer.write_within(self.transfer_timeout, job).await
    }
}

/// The connection that writes: what it commits is on the disk (`synchronous = FULL`).
pub(crate) async fn connect_to_write(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = shared_options(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is deleted is overwritten: an erased user is not to be read from free pages.
        .pragma("secure_delete", "on")
        // In pages: a page that several commits change is moved into the file once.
        .pragma("wal_autocheckpoint", "4096")
        // The log shrinks again after a bulk load.
        .pragma("journal_size_limit", "67108864");
    SqliteConnection::connect_with(&options).await
}

fn shared_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .pragma("temp_store", "memory")
        // In KiB, and negative because a positive number would be pages.
        .pragma("cache_size", "-16384")
        .statement_cache_capacity(128)
}
