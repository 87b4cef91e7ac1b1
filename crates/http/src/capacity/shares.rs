use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// How many places each caller has.
///
/// A fixed number of counters: two callers that meet in one are counted as one, which is rare
/// and costs them nothing before the places run out.
pub(super) struct Shares(Arc<Counters>);

struct Counters {
    taken: Box<[AtomicU32]>,
    callers: AtomicUsize,
}

/// One place of a caller, until it is dropped.
pub(super) struct Share {
    counters: Arc<Counters>,
    slot: usize,
    taken: u32,
}

impl Shares {
    const SLOTS: usize = 4_096;

    pub(super) fn new() -> Self {
        Self(Arc::new(Counters {
            taken: (0..Self::SLOTS).map(|_| AtomicU32::new(0)).collect(),
            callers: AtomicUsize::new(0),
        }))
    }

    /// Counts a place for a caller.
    pub(super) fn enter(&self, caller: u64) -> Share {
        let slot = usize::try_from(caller % Self::SLOTS as u64).unwrap_or_default();
        let before = self.0.taken[slot].fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            self.0.callers.fetch_add(1, Ordering::Relaxed);
        }
        Share {
            counters: Arc::clone(&self.0),
            slot,
            taken: before + 1,
        }
    }
}

impl Share {
    /// How many places the caller has, this one included.
    pub(super) fn taken(&self) -> usize {
        self.taken as usize
    }

    /// How many callers have places.
    pub(super) fn callers(&self) -> usize {
        self.counters.callers.load(Ordering::Relaxed).max(1)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.counters.taken[self.slot].fetch_sub(1, Ordering::Relaxed) == 1 {
            self.counters.callers.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
