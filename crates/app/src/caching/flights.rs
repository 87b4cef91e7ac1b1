use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use roster_domain::ports::StoreError;
use roster_domain::{User, UserId, UserVersion};
use tokio::sync::watch;

use super::driven::Driven;
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
    stage: Arc<Stage>,
    progress: watch::Receiver<Progress>,
}

/// What is known of a load.
#[derive(Default)]
struct Progress {
    /// What the store said, as long as that is all.
    row: Option<Loaded>,
    end: Option<LoadResult>,
}

impl Progress {
    /// What a caller may take who asked before the store was asked, or not.
    fn taken(&self, before_read: bool) -> Option<LoadResult> {
        match (&self.end, &self.row) {
            (Some(end), _) => Some(end.clone()),
            (None, Some(row)) if before_read => Some(Ok(row.clone())),
            (None, _) => None,
        }
    }
}

/// How far a load is, and who runs it.
pub(super) struct Stage {
    stage: AtomicU8,
    is_driven: AtomicBool,
}

impl Stage {
    /// A cache is asked, if there is one; what it says may be of any moment since the start.
    const ASKING: u8 = 0;
    /// Nothing but the store will be asked, and it was not yet.
    const QUEUED: u8 = 1;
    /// The store is asked.
    const READING: u8 = 2;

    pub(super) const fn new() -> Self {
        Self {
            stage: AtomicU8::new(Self::ASKING),
            is_driven: AtomicBool::new(false),
        }
    }

    fn get(&self) -> u8 {
        self.stage.load(Ordering::Acquire)
    }

    fn set(&self, stage: u8) {
        self.stage.store(stage, Ordering::Release);
    }

    /// Says whether a caller runs the load from now on; true when one did.
    pub(super) fn set_driven(&self, is_driven: bool) -> bool {
        self.is_driven.swap(is_driven, Ordering::AcqRel)
    }

    /// Waits once where a caller runs the load, and wakes nobody: he has his answer, goes, and
    /// leaves the rest to a task. To be called by the load itself alone, once its answer is there.
    pub(super) async fn hand_over(&self) {
        let mut has_waited = false;
        poll_fn(|_| {
            let waits = !has_waited && self.is_driven.load(Ordering::Acquire);
            has_waited = true;
            if waits {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }
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
    /// The store said less than the cache knew of: it lags behind, or lost what it acknowledged.
    pub(super) lags: bool,
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
    stage: Arc<Stage>,
    progress: watch::Sender<Progress>,
    number: u64,
    flights: Arc<Flights>,
}

/// One load, for whoever waits for it.
pub(super) struct Seat {
    /// Joined a load that another caller started.
    pub(super) collapsed: bool,
    /// Asked before the store was; such a caller may take whatever the store says.
    pub(super) before_read: bool,
    progress: watch::Receiver<Progress>,
    /// The load, where this caller is the one who runs it.
    pub(super) driven: Option<Driven>,
}

impl Flights {
    /// Joins the load of a user, or starts one. A load that began before this process's latest
    /// write is not joined unless only the store is left to ask, and neither is a forced read
    /// that has asked the store.
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
            let stage = flight.stage.get();
            let before_read = stage != Stage::READING;
            if flight.takes(stage, strong, ticket) {
                let progress = flight.progress.clone();
                return (
                    Seat {
                        collapsed: true,
                        before_read,
                        progress,
                        driven: None,
                    },
                    None,
                );
            }
        }
        let (sender, progress) = watch::channel(Progress::default());
        let stage = Arc::new(Stage::new());
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let writes = ticket.writes();
        slot.insert_entry(Flight {
            number,
            writes,
            stage: Arc::clone(&stage),
            progress: progress.clone(),
        });
        drop(flights);
        let lead = Lead {
            id,
            strong,
            min_version,
            ticket,
            stage,
            progress: sender,
            number,
            flights: Arc::clone(self),
        };
        (
            Seat {
                collapsed: false,
                before_read: true,
                progress,
                driven: None,
            },
            Some(lead),
        )
    }

    /// Whether hardly anything is loaded but what was started last: at most one load besides, as
    /// of one caller whose load before is being filled in.
    pub(super) fn are_few(&self) -> bool {
        self.lock().len() <= 2
    }

    /// Whether a caller would join a load that is under way.
    pub(super) fn can_board(&self, id: UserId, strong: bool, ticket: Ticket) -> bool {
        self.lock()
            .get(&(id, strong))
            .is_some_and(|flight| flight.takes(flight.stage.get(), strong, ticket))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FlightKey, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Whether a caller with this ticket may join at this stage.
    fn takes(&self, stage: u8, strong: bool, ticket: Ticket) -> bool {
        let of_now = self.writes == ticket.writes();
        stage == Stage::QUEUED || (of_now && (stage != Stage::READING || !strong))
    }
}

impl Lead {
    /// Says that nothing but the store will be asked, and not yet: whoever comes may join.
    pub(super) fn queue(&self) {
        self.stage.set(Stage::QUEUED);
    }

    /// Says that the store is asked from now on: who joins later asked after it.
    pub(super) fn begin_read(&self) {
        self.stage.set(Stage::READING);
    }

    /// Tells those who asked before the store was what it says: nothing that happens from then
    /// on changes what they may take. The others wait for the end.
    pub(super) fn tell(&self, loaded: Loaded) {
        self.progress
            .send_modify(|progress| progress.row = Some(loaded));
    }

    /// Leaves to a task what is to be done after [`Self::tell`], where a caller runs this load.
    pub(super) async fn hand_over(&self) {
        self.stage.hand_over().await;
    }

    pub(super) fn stage(&self) -> Arc<Stage> {
        Arc::clone(&self.stage)
    }

    /// Whether this is the load of that stage.
    pub(super) fn is_at(&self, stage: &Arc<Stage>) -> bool {
        Arc::ptr_eq(&self.stage, stage)
    }

    /// Ends the load for all who wait.
    pub(super) fn finish(self, result: LoadResult) {
        self.progress
            .send_modify(|progress| progress.end = Some(result));
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
    /// What the load came to, or what it may take of it already; `None` when it ended without
    /// a word.
    pub(super) async fn arrive(mut self) -> Option<LoadResult> {
        if let Some(driven) = self.driven.take() {
            let answer = || self.progress.borrow().taken(self.before_read);
            if let Some(result) = driven.until(answer).await {
                return Some(result);
            }
        }
        let before_read = self.before_read;
        let is_over =
            |progress: &Progress| progress.end.is_some() || (before_read && progress.row.is_some());
        let progress = self.progress.wait_for(is_over).await.ok()?;
        progress.taken(before_read)
    }
}
