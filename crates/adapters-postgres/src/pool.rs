//! The connection pool and how it is set up.

use std::fmt;
use std::io::ErrorKind;
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use roster_domain::ports::BoxError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool};
use tokio::sync::Semaphore;

use crate::held::{Held, Rests, TRUSTED_IDLE};
use crate::retry::RetryBudget;

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

/// How long a connection may take to be made, or to end what a caller left behind who went away. More than a statement waits for one: an attempt
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
    rests: Arc<Rests>,
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
        .options([
            ("statement_timeout", timeout.as_str()),
            // A list of ids may be of any length, and the plan is the same: to make it anew for
            // each statement costs as much as a read. It holds for statements that are not kept,
            // too: they are planned each time, and without their values.
            ("plan_cache_mode", "force_generic_plan"),
            // A plan that does not know its limit counts with a tenth of the table, and of ten
            // million rows that is enough to be compiled anew each time: for milliseconds, to
            // read fifty.
            ("jit", "off"),
        ]);
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
        // A connection that a statement was cut off on says when that is over. One that hangs
        // would keep its place among the connections for ever.
        .after_release(|connection, _| {
            Box::pin(async move {
                match tokio::time::timeout(CONNECT_LIMIT, is_idle(connection)).await {
                    Ok(answered) => answered,
                    Err(_) => Err(sqlx::Error::Io(ErrorKind::TimedOut.into())),
                }
            })
        })
        .connect_lazy_with(options);
    Ok(PostgresPool {
        connections,
        turns: Arc::new(Semaphore::new(settings.max_connections as usize)),
        rests: Arc::default(),
        acquire_timeout: settings.acquire_timeout,
        budget: Arc::new(RetryBudget::default()),
        answers: Arc::default(),
    })
}

/// Waits for what is under way, and ends a transaction whose beginning nobody waited for; false
/// when the connection is of no more use.
///
/// The driver counts a transaction once the server has said that it began, so it takes back
/// none that a caller gave up before. A `ROLLBACK` alone would make the server warn whenever
/// there is none, which is nearly always; after a `BEGIN` there is one.
async fn is_idle(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        return Ok(false);
    }
    sqlx::raw_sql("BEGIN; ROLLBACK").execute(connection).await?;
    Ok(true)
}

/// What every connection has in common, those of the migrator included.
pub(crate) fn connect_options(url: &str) -> Result<PgConnectOptions, BoxError> {
    Ok(PgConnectOptions::from_str(url)?
        .application_name("roster")
        // More than there are statements here, so that each is prepared once a connection.
        .statement_cache_capacity(128)
        .disable_statement_logging())
}

impl PostgresPool {
    /// Ends every connection, each after its statement. Later uses answer unavailable.
    pub async fn close(&self) {
        self.rests.close();
        self.connections.close().await;
    }

    /// How many connections are open, idle ones included.
    pub fn size(&self) -> u32 {
        self.connections.size()
    }

    /// How many connections wait for work.
    pub fn idle(&self) -> usize {
        self.connections.num_idle() + self.rests.len()
    }

    /// A connection, within the limit. What is begun for a caller who gives up goes on by
    /// itself, and is there for the next one.
    pub(crate) async fn acquire(&self) -> Result<Held, sqlx::Error> {
        let mut acquiring = pin!(self.acquire_in_turn());
        // One that rests costs no timer.
        if let Poll::Ready(acquired) = futures::poll!(&mut acquiring) {
            return acquired;
        }
        match tokio::time::timeout(self.acquire_timeout, acquiring).await {
            Ok(acquired) => acquired,
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }

    /// A connection that rests, or one of the driver's.
    async fn acquire_in_turn(&self) -> Result<Held, sqlx::Error> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let mut turn = turn.map_err(|_| sqlx::Error::PoolClosed)?;
        loop {
            match self.rests.wake(turn) {
                Ok((held, true)) => return Ok(held),
                Ok((mut held, false)) => {
                    if held.ping().await.is_ok() {
                        return Ok(held);
                    }
                    turn = held.into_turn();
                }
                Err(unused) => {
                    turn = unused;
                    break;
                }
            }
        }
        let mut acquiring = Box::pin(self.connections.acquire());
        // One that is idle costs no task.
        if let Poll::Ready(acquired) = futures::poll!(&mut acquiring) {
            return Ok(Held::new(acquired?, turn));
        }
        let connecting = async move { Ok(Held::new(acquiring.await?, turn)) };
        match tokio::spawn(connecting).await {
            Ok(held) => held,
            Err(_) => Err(sqlx::Error::WorkerCrashed),
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
            connection.close();
        }
        self.acquire().await
    }

    /// Says that a connection was broken.
    pub(crate) fn distrust(&self) {
        self.rests.distrust();
    }

    pub(crate) fn budget(&self) -> &RetryBudget {
        &self.budget
    }

    /// Takes a connection back whose statement succeeded.
    pub(crate) fn answered(&self, held: Held) {
        self.rests.rest(held);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Though the database says that it is to be.
    #[tokio::test]
    async fn no_statement_is_compiled() {
        let database = roster_test_services::test_database("empty", async |_| Ok(()));
        let Some(database) = database.await else {
            return;
        };
        let mut sql = PgConnection::connect(database.url()).await.unwrap();
        let compile = "DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET jit = on', current_database());
        END $$";
        sqlx::raw_sql(compile).execute(&mut sql).await.unwrap();
        let compiles = async |connection: &mut PgConnection| {
            let shown = sqlx::query_scalar::<_, String>("SHOW jit");
            shown.fetch_one(connection).await.unwrap()
        };
        let mut plain = PgConnection::connect(database.url()).await.unwrap();
        assert_eq!(compiles(&mut plain).await, "on");
        let settings = PostgresSettings {
            acquire_timeout: Duration::from_secs(30),
            ..PostgresSettings::new(database.url())
        };
        let pool = connect(&settings).unwrap();
        assert_eq!(compiles(&mut pool.acquire().await.unwrap()).await, "off");
    }
}
