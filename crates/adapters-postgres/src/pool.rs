//! The connection pool and how it is set up.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use roster_domain::ports::BoxError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool, Postgres};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::retry::RetryBudget;

/// How long a connection may have been idle before it is asked whether it is still alive. The
/// driver would ask before every use, which costs a round trip a statement.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);

/// Where the database is, and how much of it one process takes.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database`; the options of libpq as its query.
    pub url: String,
    /// The most connections. About twice the cores serve best; more only queue in the server.
    pub max_connections: u32,
    /// How long a statement waits for a connection.
    pub acquire_timeout: Duration,
    /// How long a statement may run, enforced by the server. Bulk work sets its own.
    pub statement_timeout: Duration,
}

impl PostgresSettings {
    /// The defaults: twice the cores but at least 8 connections, 250 ms to get one, 1 s to run.
    pub fn new(url: impl Into<String>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            url: url.into(),
            max_connections: u32::try_from(cores * 2).unwrap_or(u32::MAX).max(8),
            acquire_timeout: Duration::from_millis(250),
            statement_timeout: Duration::from_secs(1),
        }
    }
}

impl fmt::Debug for PostgresSettings {
    /// Leaves the URL out: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSettings")
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .finish_non_exhaustive()
    }
}

/// A database URL that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the PostgreSQL URL is not valid")]
pub struct InvalidSettings(#[source] BoxError);

/// How long a connection may take to be made. More than a statement waits for one: an attempt
/// that ended with its statement's patience would be begun anew by the next, and on a busy
/// machine none would ever come to its end.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Connections to one database. Clones share them.
#[derive(Clone, Debug)]
pub struct PostgresPool {
    connections: PgPool,
    /// One for each connection. Who waits for a connection waits for one of these, and has left
    /// the line when he gives up: in the line of the driver's pool, what goes on by itself would
    /// take the turns of those behind it, and under load nobody would be served any more.
    turns: Arc<Semaphore>,
    acquire_timeout: Duration,
    budget: Arc<RetryBudget>,
    answers: Arc<AtomicU64>,
}

/// Makes a pool that connects when it is first used, so that a server that is down now does
/// not stop the start. Must be called inside a Tokio runtime.
pub fn connect(settings: &PostgresSettings) -> Result<PostgresPool, InvalidSettings> {
    let timeout = settings.statement_timeout.as_millis().to_string();
    let options = connect_options(&settings.url)
        .map_err(InvalidSettings)?
        .options([("statement_timeout", timeout)]);
    let connections = PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout.max(CONNECT_LIMIT))
        .test_before_acquire(false)
        .before_acquire(|connection, usage| {
            Box::pin(async move {
                if usage.idle_for > TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options);
    Ok(PostgresPool {
        connections,
        turns: Arc::new(Semaphore::new(settings.max_connections as usize)),
        acquire_timeout: settings.acquire_timeout,
        budget: Arc::new(RetryBudget::default()),
        answers: Arc::default(),
    })
}

/// What every connection has in common, those of the migrator included.
pub(crate) fn connect_options(url: &str) -> Result<PgConnectOptions, BoxError> {
    Ok(PgConnectOptions::from_str(url)?
        .application_name("roster")
        .disable_statement_logging())
}

/// A connection, and the turn by which it came.
pub(crate) struct Held {
    connection: PoolConnection<Postgres>,
    /// Given back after the connection.
    _turn: OwnedSemaphorePermit,
}

impl Held {
    const fn new(connection: PoolConnection<Postgres>, turn: OwnedSemaphorePermit) -> Self {
        Self {
            connection,
            _turn: turn,
        }
    }

    /// Ends the connection instead of keeping it for the next one.
    pub(crate) fn close_on_drop(&mut self) {
        self.connection.close_on_drop();
    }
}

impl Deref for Held {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl PostgresPool {
    /// Ends every connection, each after its statement. Later uses answer unavailable.
    pub async fn close(&self) {
        self.connections.close().await;
    }

    /// How many connections are open, idle ones included.
    pub fn size(&self) -> u32 {
        self.connections.size()
    }

    /// How many connections wait for work.
    pub fn idle(&self) -> usize {
        self.connections.num_idle()
    }

    /// A connection, within the limit. What is begun for a caller who gives up goes on by
    /// itself, and is there for the next one.
    pub(crate) async fn acquire(&self) -> Result<Held, sqlx::Error> {
        let acquired = async {
            let turn = Arc::clone(&self.turns).acquire_owned().await;
            let turn = turn.map_err(|_| sqlx::Error::PoolClosed)?;
            let mut acquiring = Box::pin(self.connections.acquire());
            // One that is idle costs no task.
            let acquired = match futures::poll!(&mut acquiring) {
                Poll::Ready(acquired) => acquired,
                Poll::Pending => {
                    let connecting = async move { Ok(Held::new(acquiring.await?, turn)) };
                    return match tokio::spawn(connecting).await {
                        Ok(held) => held,
                        Err(_) => Err(sqlx::Error::WorkerCrashed),
                    };
                }
            };
            Ok(Held::new(acquired?, turn))
        };
        match tokio::time::timeout(self.acquire_timeout, acquired).await {
            Ok(acquired) => acquired,
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }

    /// A connection that has just answered. What broke one connection has often broken all,
    /// so that the next one from the pool would only fail again.
    pub(crate) async fn acquire_checked(&self) -> Result<Held, sqlx::Error> {
        for _ in 0..self.connections.options().get_max_connections() {
            let mut connection = self.acquire().await?;
            if connection.ping().await.is_ok() {
                return Ok(connection);
            }
            connection.close_on_drop();
        }
        self.acquire().await
    }

    pub(crate) fn budget(&self) -> &RetryBudget {
        &self.budget
    }

    /// A statement succeeded.
    pub(crate) fn answered(&self) {
        self.budget.earn();
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// How many statements have succeeded.
    pub(crate) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// A connection outside the pool without its limit on the time of a statement.
    pub(crate) async fn unlimited(&self) -> Result<PgConnection, sqlx::Error> {
        let options = (*self.connections.connect_options()).clone();
        // The last setting of a name wins.
        options
            .options([("statement_timeout", "0")])
            .connect()
            .await
    }
}
