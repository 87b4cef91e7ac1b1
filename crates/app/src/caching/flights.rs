use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use roster_domain::ports::StoreError;
use roster_domain::{User, UserId, UserVersion};
use tokio::sync::watch;

use super::near_cache::Ticket;
use super::watermark::Proof;
use crate::ReadTrace;

/// The loads under way in this process: at most one per user and kind.
#[derive(Default)]
pub(super) struct Flights {
    flights: Mutex<HashMap<FlightKey, Flight>>,
    numbers: AtomicU64,
}

/// A forced read may not share the answer of one that took it from a cache.
type FlightKey = (UserId, bool);

#[derive(Clone)]
struct Flight {
    number: u64,
    /// The writes of this process that it started after.
    writes: u64,
    reading: Arc<AtomicBool>,
    outcome: watch::Receiver<Option<LoadResult>>,
}

/// What a load came to; shared by all who wait for it.
pub(super) type LoadResult = Result<Loaded, Arc<StoreError>>;

/// A loaded user, or that there is none.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    /// The row.
    pub(super) user: Option<Arc<User>>,
    /// What the tiers did.
    pub(super) trace: ReadTrace,
    /// When the store was asked, on the monotonic clock; `None` when a cache answered.
    pub(super) read_at: Option<Duration>,
    /// What shows how old a cache's answer is; taken before the cache was asked.
    pub(super) proof: Option<Proof>,
    /// False when somebody invalidated the user while it was read.
    pub(super) current: bool,
}

/// One load, for whoever runs it.
pub(super) struct Lead {
    pub(super) id: UserId,
    /// Takes nothing from a cache.
    pub(super) strong: bool,
    /// Takes no version below it from a cache.
    pub(super) min_version: UserVersion,
    pub(super) ticket: Ticket,
    reading: Arc<AtomicBool>,
    outcome: watch::Sender<Option<LoadResult>>,
    number: u64,
    flights: Arc<Flights>,
}

/// One load, for whoever waits for it.
pub(super) struct Seat {
    /// Joined a load that another caller started.
    pub(super) collapsed: bool,
    /// Asked before the store was; such a caller may take whatever the store says.
    pub(super) before_read: bool,
    outcome: watch::Receiver<Option<LoadResult>>,
}

impl Flights {
    /// Joins the load of a user, or starts one. A load that began before this process's latest
    /// write is not joined, and neither is a forced read that has asked the store.
    pub(super) fn board(
        self: &Arc<Self>,
        id: UserId,
        strong: bool,
        min_version: UserVersion,
        ticket: Ticket,
    ) -> (Seat, Option<Lead>) {
        let mut flights = self.lock();
        let slot = flights.entry((id, strong));
        if let Entry::Occupied(found) = &slot {
            let flight = found.get();
            let before_read = !flight.reading.load(Ordering::Acquire);
            if flight.writes == ticket.writes() && (before_read || !strong) {
                let outcome = flight.outcome.clone();
                return (
                    Seat {
                        collapsed: true,
                        before_read,
                        outcome,
                    },
                    None,
                );
            }
        }
        let (sender, outcome) = watch::channel(None);
        let reading = Arc::new(AtomicBool::new(false));
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let writes = ticket.writes();
        slot.insert_entry(Flight {
            number,
            writes,
            reading: Arc::clone(&reading),
            outcome: outcome.clone(),
        });
        drop(flights);
        let lead = Lead {
            id,
            strong,
            min_version,
            ticket,
            reading,
            outcome: sender,
            number,
            flights: Arc::clone(self),
        };
        (
            Seat {
                collapsed: false,
                before_read: true,
                outcome,
            },
            Some(lead),
        )
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FlightKey, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// Says that the store is asked from now on: who joins later asked after it.
    pub(super) fn begin_read(&self) {
        self.reading.store(true, Ordering::Release);
    }

    /// Ends the load for all who wait.
    pub(super) fn finish(self, result: LoadResult) {
        self.outcome.send_replace(Some(result));
    }
}

impl Drop for Lead {
    /// Also when the load's task is dropped or panics: then the waiters see the channel close.
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        if let Entry::Occupied(found) = flights.entry((self.id, self.strong))
            && found.get().number == self.number
        {
            found.remove();
        }
    }
}

impl Seat {
    /// What the load came to; `None` when it ended without a word.
    pub(super) async fn arrive(mut self) -> Option<LoadResult> {
        let outcome = self.outcome.wait_for(Option::is_some).await.ok()?;
        outcome.clone()
    }
}
