//! When a statement is tried again, and on which connection.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::held::Held;
use crate::pool::PostgresPool;

/// What a statement does to the database, and so when it may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: once more after any failure that may pass.
    Read,
    /// Something: only when the server says that it did not happen.
    Write,
}

/// Runs `$statement` with a connection of `$pool`, and again as [`Attempts`] allows.
///
/// A macro and not a function: a closure whose future borrows the connection and must be
/// `Send` cannot be written as a bound yet.
macro_rules! run {
    ($pool:expr, $kind:ident, $connection:ident => $statement:expr) => {{
        let pool: &$crate::pool::PostgresPool = &$pool;
        let mut attempts = $crate::retry::Attempts::new($crate::retry::Kind::$kind);
        loop {
            let mut held = match attempts.connection(pool).await {
                Ok(held) => held,
                Err(error) => break Err(error),
            };
            let outcome = {
                let $connection: &mut sqlx::PgConnection = &mut held;
                $statement.await
            };
            match outcome {
                Ok(value) => {
                    pool.answered(held);
                    break Ok(value);
                }
                Err(error) => {
                    if let Err(error) = attempts.again_after(error, held, pool).await {
                        break Err(error);
                    }
                }
            }
        }
    }};
}
pub(crate) use run;

/// The tries of one statement.
pub(crate) struct Attempts {
    kind: Kind,
    made: u32,
    broken: bool,
}

impl Attempts {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            made: 0,
            broken: false,
        }
    }

    pub(crate) async fn connection(&self, pool: &PostgresPool) -> Result<Held, sqlx::Error> {
        if self.broken {
            pool.acquire_checked().await
        } else {
            pool.acquire().await
        }
    }

    /// Waits until the statement may be sent again, or gives the error back.
    pub(crate) async fn again_after(
        &mut self,
        error: sqlx::Error,
        held: Held,
        pool: &PostgresPool,
    ) -> Result<(), sqlx::Error> {
        let failure = Failure::of(&error);
        if matches!(failure, Failure::Broken | Failure::Demoted) {
            // A demoted primary would refuse every write for as long as it is kept.
            held.close();
            pool.distrust();
        } else {
            drop(held);
        }
        self.made += 1;
        let again = match (self.kind, failure) {
            (Kind::Read, Failure::Broken | Failure::NotDone) => self.made == 1,
            (Kind::Write, Failure::NotDone) => self.made <= 3,
            _ => false,
        };
        if !again || !pool.budget().spend() {
            return Err(error);
        }
        self.broken = failure == Failure::Broken;
        tokio::time::sleep(jitter()).await;
        Ok(())
    }
}

/// What a failure says about the statement and its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// The server took everything back: a serialization failure, a deadlock, a lock timeout.
    NotDone,
    /// The connection is gone, and nobody knows what happened.
    Broken,
    /// The server is not, or no longer, one that takes writes.
    Demoted,
    /// Trying again would end the same way.
    Final,
}

impl Failure {
    fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => Self::Broken,
            sqlx::Error::Database(database) => match database.code().as_deref() {
                Some("40001" | "40P01" | "55P03") => Self::NotDone,
                Some("57P01" | "57P02" | "57P03") => Self::Broken,
                Some("25006") => Self::Demoted,
                _ => Self::Final,
            },
            _ => Self::Final,
        }
    }
}

/// Between 5 and 25 ms, so that those who failed together do not come back together.
fn jitter() -> Duration {
    let random = RandomState::new().build_hasher().finish();
    Duration::from_micros(5_000 + random % 20_000)
}

/// Lets retries be a tenth of the statements that succeed, and ten in a row: without a limit
/// they double the load on a server that fails because of its load.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    tenths: AtomicU32,
}

const FULL: u32 = 100;
const PRICE: u32 = 10;

impl Default for RetryBudget {
    fn default() -> Self {
        Self {
            tenths: AtomicU32::new(FULL),
        }
    }
}

impl RetryBudget {
    /// A statement succeeded.
    pub(crate) fn earn(&self) {
        // Full nearly always: a plain load keeps the cache line shared between the cores.
        if self.tenths.load(Ordering::Relaxed) < FULL {
            self.tenths.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether a statement may be tried again.
    fn spend(&self) -> bool {
        self.tenths
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tenths| {
                tenths.checked_sub(PRICE)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_ten_retries_and_a_tenth_of_the_successes() {
        let budget = RetryBudget::default();
        assert_eq!((0..20).filter(|_| budget.spend()).count(), 10);
        (0..10).for_each(|_| budget.earn());
        assert!(budget.spend());
        assert!(!budget.spend());
    }

    #[test]
    fn jitter_stays_within_its_limits() {
        for _ in 0..1_000 {
            let wait = jitter();
            assert!((5..25).contains(&wait.as_millis()), "{wait:?}");
        }
    }

    #[test]
    fn a_broken_connection_is_told_from_a_wrong_answer() {
        let reset = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(Failure::of(&reset), Failure::Broken);
        assert_eq!(Failure::of(&sqlx::Error::RowNotFound), Failure::Final);
        assert_eq!(Failure::of(&sqlx::Error::PoolTimedOut), Failure::Final);
    }
}
