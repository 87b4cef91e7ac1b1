use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{pin_mut, poll};
use roster_domain::UserId;
use tokio::sync::OwnedMutexGuard;

use crate::Runtime;

/// Lets one read of a user's row be under way at a time in this process, in the order of asking.
///
/// A load that waits here has nothing of the past in it yet, so that whoever comes meanwhile
/// shares it: however fast a user is written and read, the database sees one read after another.
/// A read that hangs holds up no other for long.
pub(super) struct Turnstiles {
    rows: Mutex<HashMap<UserId, Turnstile>>,
    runtime: Runtime,
}

type Turnstile = Arc<tokio::sync::Mutex<()>>;

/// The right to read some rows.
pub(super) struct Turn<'t> {
    turnstiles: &'t Turnstiles,
    held: Vec<(UserId, OwnedMutexGuard<()>)>,
}

impl Turnstiles {
    /// Many times what a read takes.
    const PATIENCE: Duration = Duration::from_millis(50);

    pub(super) fn new(runtime: Runtime) -> Self {
        Self {
            rows: Mutex::default(),
            runtime,
        }
    }

    /// Waits until nobody else reads any of these rows, and no longer than is sensible.
    pub(super) async fn pass(&self, ids: &[UserId]) -> Turn<'_> {
        // In one order for everybody, or two batches could wait for each other.
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut turn = Turn {
            turnstiles: self,
            held: Vec::with_capacity(ids.len()),
        };
        {
            let passing = async {
                for id in ids {
                    let turnstile = Arc::clone(self.lock().entry(id).or_default());
                    turn.held.push((id, turnstile.lock_owned().await));
                }
            };
            pin_mut!(passing);
            // Most of the time nobody is there, and no timer is needed.
            if poll!(&mut passing).is_pending() {
                self.runtime.within(Self::PATIENCE, passing).await;
            }
        }
        turn
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Turnstile>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut rows = self.turnstiles.lock();
        for (id, guard) in self.held.drain(..) {
            drop(guard);
            // Nobody waits: whoever does has a share of it.
            if rows
                .get(&id)
                .is_some_and(|turnstile| Arc::strong_count(turnstile) == 1)
            {
                rows.remove(&id);
            }
        }
    }
}

#[cfg(all(test, not(feature = "explored")))]
mod tests;
