//! Connections between two uses.
//!
//! The driver asks each connection that comes back whether it is alive, in a task of its own: a
//! round trip a statement. A connection whose statement ended well has just said so. It rests
//! here, and the next statement has it at once; so a lane that always has work goes on with the
//! connection that it had. What has rested for long, or has been out for long, goes back to
//! the driver, which looks after age and idleness.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, PgConnection, Postgres};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

/// How long a connection may have been idle before it is asked whether it is still alive.
pub(crate) const TRUSTED_IDLE: Duration = Duration::from_secs(5);

/// How long a connection is kept from the driver, which closes those that are old.
const LONGEST_OUT: Duration = Duration::from_mins(1);

/// A connection, and the turn by which it came.
#[derive(Debug)]
pub(crate) struct Held {
    connection: PoolConnection<Postgres>,
    out_since: Instant,
    turn: OwnedSemaphorePermit,
}

impl Held {
    /// One that the driver has just handed out.
    pub(crate) fn new(connection: PoolConnection<Postgres>, turn: OwnedSemaphorePermit) -> Self {
        Self {
            connection,
            out_since: now(),
            turn,
        }
    }

    /// Ends it instead of giving it back.
    pub(crate) fn close(self) {
        drop(self.into_turn());
    }

    /// Ends it, for another one by the same turn.
    pub(crate) fn into_turn(mut self) -> OwnedSemaphorePermit {
        self.connection.close_on_drop();
        self.turn
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

/// The connections that rest.
#[derive(Debug, Default)]
pub(crate) struct Rests(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The one that rests longest comes first.
    resting: Vec<Resting>,
    is_swept: bool,
    is_closed: bool,
}

#[derive(Debug)]
struct Resting {
    connection: PoolConnection<Postgres>,
    out_since: Instant,
    since: Instant,
}

impl Rests {
    /// Lets a connection rest whose statement ended well; one that still has something to say
    /// to the server, such as that a transaction is over, goes to the driver, which does.
    pub(crate) fn rest(self: &Arc<Self>, held: Held) {
        let Held {
            connection,
            out_since,
            turn,
        } = held;
        let now = now();
        let is_clean = !connection.is_in_transaction() && !connection.should_flush();
        let mut state = self.lock();
        if is_clean && !state.is_closed && now.duration_since(out_since) < LONGEST_OUT {
            state.resting.push(Resting {
                connection,
                out_since,
                since: now,
            });
            if !state.is_swept {
                state.is_swept = true;
                tokio::spawn(sweep(Arc::downgrade(self)));
            }
        }
        drop(state);
        // Whoever waits for the turn finds the connection there.
        drop(turn);
    }

    /// The connection that has rested for the shortest time, and whether that is so short that it need not be
    /// asked first.
    pub(crate) fn wake(
        &self,
        turn: OwnedSemaphorePermit,
    ) -> Result<(Held, bool), OwnedSemaphorePermit> {
        let Some(resting) = self.lock().resting.pop() else {
            return Err(turn);
        };
        let held = Held {
            connection: resting.connection,
            out_since: resting.out_since,
            turn,
        };
        Ok((held, resting.since.elapsed() <= TRUSTED_IDLE))
    }

    /// How many rest.
    pub(crate) fn len(&self) -> usize {
        self.lock().resting.len()
    }

    /// Gives all back to the driver, which asks each whether it is alive: what broke one
    /// connection has often broken all.
    pub(crate) fn distrust(&self) {
        let resting = std::mem::take(&mut self.lock().resting);
        drop(resting);
    }

    /// The same, and from now on each.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.distrust();
    }

    /// Gives back what has rested for long; false when nothing is left.
    fn give_back(&self) -> bool {
        let mut state = self.lock();
        let rested = state
            .resting
            .partition_point(|resting| resting.since.elapsed() >= TRUSTED_IDLE);
        let given: Vec<Resting> = state.resting.drain(..rested).collect();
        state.is_swept = !state.resting.is_empty();
        let is_swept = state.is_swept;
        drop(state);
        drop(given);
        is_swept
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs while something rests.
async fn sweep(rests: Weak<Rests>) {
    loop {
        tokio::time::sleep(TRUSTED_IDLE).await;
        match rests.upgrade() {
            Some(rests) if rests.give_back() => {}
            _ => return,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a connection has been idle is no time of the domain"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgPoolOptions;

    use super::*;

    /// What the driver counts itself: nobody is left to end this transaction.
    #[tokio::test]
    async fn a_connection_whose_transaction_was_leaked_does_not_rest() {
        let database = roster_test_services::test_database("empty", async |_| Ok(()));
        let Some(database) = database.await else {
            return;
        };
        let pool = PgPoolOptions::new().connect(database.url()).await.unwrap();
        let (turns, rests) = (Arc::new(tokio::sync::Semaphore::new(2)), Arc::default());
        let rest = async |begun: bool| {
            let turn = Arc::clone(&turns).acquire_owned().await.unwrap();
            let mut connection = pool.acquire().await.unwrap();
            if begun {
                std::mem::forget(connection.begin().await.unwrap());
            }
            Rests::rest(&rests, Held::new(connection, turn));
            rests.len()
        };
        assert_eq!(rest(true).await, 0);
        assert_eq!(rest(false).await, 1);
    }
}
