//! How much work the process takes on at once.
//!
//! The limit follows what the store bears: requests that take far longer than such requests
//! usually do lower it, and while it is reached without that it grows. A request beyond it is
//! refused at once, because one that waits in a queue that only grows is answered to nobody.
//! What is answered from memory needs no place.

mod limit;
mod shares;
mod usual;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use roster_domain::ports::Clock;

use crate::metrics::{CapacityMetrics, Metrics};
use crate::problem::{Problem, ProblemType};
use crate::settings::HttpSettings;
use limit::{Finished, Limit};
use shares::{Share, Shares};
use usual::{Usual, UsualTimes};

/// What a request is to the service; the first matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// What tells whether the process works: never refused.
    Health,
    /// Changes.
    Write,
    /// Everything that answers one caller.
    Read,
    /// All users at once.
    Stream,
}

/// The places of the process.
pub(crate) struct Capacity {
    limit: Limit,
    taken: AtomicUsize,
    streams: AtomicUsize,
    max_streams: usize,
    shares: Shares,
    stream_shares: Shares,
    usual: UsualTimes,
    clock: Arc<dyn Clock>,
    metrics: CapacityMetrics,
    refused: AtomicU64,
    /// When refusals were told last, in milliseconds of the monotonic clock.
    told: AtomicU64,
}

/// One place, until it is dropped.
pub(crate) struct Place {
    capacity: Arc<Capacity>,
    share: Option<Share>,
    stream_share: Option<Share>,
    class: Class,
    usual: Option<Arc<Usual>>,
    began: Duration,
    /// How many others were taken then.
    found: usize,
}

impl Capacity {
    /// So few requests under way do not wait for one another in any store.
    const HARDLY_ANYTHING: usize = 4;
    /// How often refusals are told in the log.
    const TELL_EVERY_MS: u64 = 10_000;

    pub(crate) fn new(
        settings: &HttpSettings,
        clock: Arc<dyn Clock>,
        metrics: &Arc<Metrics>,
    ) -> Arc<Self> {
        let capacity = Arc::new(Self {
            limit: Limit::new(settings.max_in_flight, settings.target_latency),
            taken: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            max_streams: settings.max_streams,
            shares: Shares::new(),
            stream_shares: Shares::new(),
            usual: UsualTimes::default(),
            clock,
            metrics: metrics.capacity(),
            refused: AtomicU64::new(0),
            told: AtomicU64::new(0),
        });
        let watched = Arc::downgrade(&capacity);
        metrics.watch_capacity(move || {
            watched.upgrade().map_or((0, 0), |capacity| {
                (
                    capacity.taken.load(Ordering::Relaxed),
                    capacity.limit.current(),
                )
            })
        });
        capacity
    }

    /// Takes a place for a request of a caller; the route is its pattern.
    pub(crate) fn enter(
        self: &Arc<Self>,
        class: Class,
        route: &str,
        caller: u64,
    ) -> Result<Place, Problem> {
        let began = self.clock.monotonic();
        if class == Class::Health {
            return Ok(self.place(class, began));
        }
        let limit = self.limit.current();
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        // From here on the place is given back by dropping it.
        let mut place = self.place(class, began);
        let allowed = match class {
            Class::Health | Class::Write => limit,
            // The last tenth is for writes alone.
            Class::Read => (limit - limit / 10).max(1),
            Class::Stream => (limit / 2).max(1),
        };
        place.found = taken;
        if taken >= allowed {
            return Err(self.refuse(class));
        }
        if class == Class::Stream {
            if self.streams.fetch_add(1, Ordering::Relaxed) >= self.max_streams {
                self.streams.fetch_sub(1, Ordering::Relaxed);
                return Err(self.refuse(class));
            }
            place.class = Class::Stream;
            let share = self.stream_shares.enter(caller);
            // The last one is for somebody else.
            let has_enough = share.taken() > self.max_streams.saturating_sub(1).max(1);
            place.stream_share = Some(share);
            if has_enough {
                return Err(self.refuse(class));
            }
        } else {
            place.usual = Some(self.usual.of(route));
        }
        let share = self.shares.enter(caller);
        // Somebody alone may have all of it; among others, nobody more than an equal part of
        // what is nearly used up.
        let is_crowded = taken >= allowed - allowed / 5;
        let has_enough = share.taken() > (allowed / share.callers()).max(1);
        place.share = Some(share);
        if is_crowded && has_enough {
            return Err(self.refuse(class));
        }
        Ok(place)
    }

    /// Waits, not for long, while so much is under way that a stream had better pause.
    pub(crate) async fn make_way(&self) {
        const PAUSE: Duration = Duration::from_millis(10);
        const MOST: u32 = 50;
        for _ in 0..MOST {
            if self.taken.load(Ordering::Relaxed) <= (self.limit.current() / 2).max(1) {
                return;
            }
            self.clock.sleep(PAUSE).await;
        }
    }

    fn place(self: &Arc<Self>, class: Class, began: Duration) -> Place {
        Place {
            capacity: Arc::clone(self),
            share: None,
            stream_share: None,
            // Until its own place is taken, a stream holds that of any request.
            class: if class == Class::Stream {
                Class::Read
            } else {
                class
            },
            usual: None,
            began,
            found: 0,
        }
    }

    fn refuse(&self, class: Class) -> Problem {
        self.limit.was_reached();
        self.metrics.refused(class);
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        let now = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        let told = self.told.load(Ordering::Relaxed);
        let is_due = told == 0 || now.saturating_sub(told) >= Self::TELL_EVERY_MS;
        let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
        if is_due
            && self
                .told
                .compare_exchange(told, now.max(1), success, failure)
                .is_ok()
        {
            tracing::warn!(
                limit = self.limit.current(),
                refused,
                "more is asked for than the store bears; requests are refused, so many since the start"
            );
        }
        Problem::new(
            ProblemType::TemporaryReducedCapacity,
            "The process has as much under way as it bears.",
        )
    }
}

impl Place {
    /// Ends it with what became of the request; `overloaded` when something it needs was.
    pub(crate) fn finish(self, overloaded: bool) {
        let Some(usual) = &self.usual else {
            return;
        };
        let capacity = &self.capacity;
        let now = capacity.clock.monotonic();
        let finished = Finished {
            began: self.began,
            ended: now,
            usual: usual.get(),
            overloaded,
        };
        let taken = capacity.taken.load(Ordering::Relaxed);
        // What is usual shows while hardly anything else is under way; otherwise it would learn
        // to call an overload usual.
        if taken.max(self.found) <= Capacity::HARDLY_ANYTHING && !overloaded {
            usual.learn(now.saturating_sub(self.began));
        }
        capacity.limit.finished(finished, taken);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop((self.share.take(), self.stream_share.take()));
        if self.class == Class::Health {
            return;
        }
        if self.class == Class::Stream {
            self.capacity.streams.fetch_sub(1, Ordering::Relaxed);
        }
        self.capacity.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
