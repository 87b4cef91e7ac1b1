use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{CacheEvent, CacheObserver, Tier};

/// No duration, where one is kept in microseconds.
const NOTHING: u64 = u64::MAX;

/// Counts what an operator asks about first, and passes every event on.
pub(super) struct Tally {
    next: Arc<dyn CacheObserver>,
    /// By tier: found or known to be absent.
    answers: [AtomicU64; 3],
    unproven: AtomicU64,
    relayed: AtomicU64,
    relay_failures: AtomicU64,
    /// In microseconds; [`NOTHING`] where nothing is proven.
    behind: AtomicU64,
    /// In microseconds; [`NOTHING`] where this process's relay does not look.
    lag: AtomicU64,
}

impl Tally {
    pub(super) fn new(next: Arc<dyn CacheObserver>) -> Self {
        Self {
            next,
            answers: Default::default(),
            unproven: AtomicU64::default(),
            relayed: AtomicU64::default(),
            relay_failures: AtomicU64::default(),
            behind: AtomicU64::new(NOTHING),
            lag: AtomicU64::new(NOTHING),
        }
    }

    /// How many reads a tier answered.
    pub(super) fn answers(&self, tier: Tier) -> u64 {
        self.answers[place(tier)].load(Ordering::Relaxed)
    }

    /// How many cached answers came without a bound.
    pub(super) fn unproven(&self) -> u64 {
        self.unproven.load(Ordering::Relaxed)
    }

    /// How many changes this process's relay delivered, and how many of its rounds failed.
    pub(super) fn relay(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.relayed), of(&self.relay_failures))
    }

    /// How far the watermark was behind when it was read last.
    pub(super) fn behind(&self) -> Option<Duration> {
        known(&self.behind)
    }

    /// How old the oldest change was that the last look of this process's relay found pending.
    pub(super) fn lag(&self) -> Option<Duration> {
        known(&self.lag)
    }
}

impl CacheObserver for Tally {
    fn observe(&self, event: CacheEvent) {
        let add = |count: &AtomicU64, number: u64| {
            count.fetch_add(number, Ordering::Relaxed);
        };
        match event {
            CacheEvent::Answered(tier) | CacheEvent::AnsweredAbsent(tier) => {
                add(&self.answers[place(tier)], 1);
            }
            CacheEvent::Unproven => add(&self.unproven, 1),
            CacheEvent::Relayed { changes } => add(&self.relayed, changes as u64),
            CacheEvent::RelayFailed => add(&self.relay_failures, 1),
            CacheEvent::Probed { behind } => note(&self.behind, behind),
            CacheEvent::RelayLag { lag } => note(&self.lag, lag),
            _ => {}
        }
        self.next.observe(event);
    }
}

fn note(kept: &AtomicU64, duration: Option<Duration>) {
    let micros = duration.map(|duration| u64::try_from(duration.as_micros()));
    let micros = micros.and_then(Result::ok).unwrap_or(NOTHING);
    kept.store(micros, Ordering::Relaxed);
}

fn known(kept: &AtomicU64) -> Option<Duration> {
    let micros = kept.load(Ordering::Relaxed);
    (micros != NOTHING).then(|| Duration::from_micros(micros))
}

const fn place(tier: Tier) -> usize {
    match tier {
        Tier::L1 => 0,
        Tier::L2 => 1,
        Tier::Database => 2,
    }
}
