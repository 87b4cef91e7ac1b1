use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{CacheEvent, CacheObserver, Tier};

/// Counts what an operator asks about first, and passes every event on.
pub(super) struct Tally {
    next: Arc<dyn CacheObserver>,
    /// By tier: found or known to be absent.
    answers: [AtomicU64; 3],
    unproven: AtomicU64,
    relayed: AtomicU64,
    relay_failures: AtomicU64,
    /// In microseconds; [`u64::MAX`] where nothing is proven.
    behind: AtomicU64,
}

impl Tally {
    pub(super) fn new(next: Arc<dyn CacheObserver>) -> Self {
        Self {
            next,
            answers: Default::default(),
            unproven: AtomicU64::default(),
            relayed: AtomicU64::default(),
            relay_failures: AtomicU64::default(),
            behind: AtomicU64::new(u64::MAX),
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
        let behind = self.behind.load(Ordering::Relaxed);
        (behind != u64::MAX).then(|| Duration::from_micros(behind))
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
            CacheEvent::Probed { behind } => {
                let micros = behind.map(|behind| u64::try_from(behind.as_micros()));
                let micros = micros.and_then(Result::ok).unwrap_or(u64::MAX);
                self.behind.store(micros, Ordering::Relaxed);
            }
            _ => {}
        }
        self.next.observe(event);
    }
}

const fn place(tier: Tier) -> usize {
    match tier {
        Tier::L1 => 0,
        Tier::L2 => 1,
        Tier::Database => 2,
    }
}
