use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How long requests take while there is room, by route. There are as many as the router has
/// patterns.
#[derive(Default)]
pub(super) struct UsualTimes(RwLock<HashMap<Box<str>, Arc<Usual>>>);

/// How long requests of one route take while there is room: a moving average in nanoseconds.
#[derive(Default)]
pub(super) struct Usual(AtomicU64);

impl UsualTimes {
    pub(super) fn of(&self, route: &str) -> Arc<Usual> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(usual) = known.get(route) {
            return Arc::clone(usual);
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(route.into()).or_default())
    }
}

impl Usual {
    /// The weight of one observation among all before it.
    const WEIGHT: u64 = 64;

    pub(super) fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// Takes in one observation. Of two at the same moment one may be lost.
    pub(super) fn learn(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX / 2);
        let known = self.0.load(Ordering::Relaxed);
        let next = if known == 0 {
            took
        } else {
            known - known / Self::WEIGHT + took / Self::WEIGHT
        };
        self.0.store(next, Ordering::Relaxed);
    }
}
