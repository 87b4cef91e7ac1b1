use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use roster_domain::UserId;
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, Clock, FillOutcome,
    FillRequest, Invalidation, InvalidationSink, Lease, Stamped, UserCache,
};

use crate::{CacheEvent, CacheObserver};

/// A shared cache that is left alone for a second after it failed five times in a row, or half
/// of the time within a second; then one call tries it, and closes the breaker or not.
pub(super) struct Breaker {
    inner: Arc<dyn UserCache>,
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn CacheObserver>,
}

#[derive(Default)]
struct State {
    /// Until when calls are skipped, on the monotonic clock; `None` while it is closed.
    open_until: Option<Duration>,
    /// Whether the one call that tries is under way.
    probing: bool,
    failures_in_a_row: u32,
    window_start: Duration,
    calls: u32,
    failures: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("the cache failed shortly before and was not asked")]
struct Skipped;

impl Breaker {
    const IN_A_ROW: u32 = 5;
    const WINDOW: Duration = Duration::from_secs(1);
    /// Fewer calls than this in a window say nothing about a share.
    const LEAST_CALLS: u32 = 20;
    const OPEN_FOR: Duration = Duration::from_secs(1);

    pub(super) fn new(
        inner: Arc<dyn UserCache>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn CacheObserver>,
    ) -> Self {
        Self {
            inner,
            state: Mutex::default(),
            clock,
            observer,
        }
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, CacheError>>,
    ) -> Result<T, CacheError> {
        let Some(pass) = self.admit() else {
            self.observer.observe(CacheEvent::SharedCacheSkipped);
            return Err(CacheError::Unavailable(Box::new(Skipped)));
        };
        let result = call.await;
        if let Err(error) = &result {
            let timed_out = matches!(error, CacheError::TimedOut);
            self.observer
                .observe(CacheEvent::SharedCacheFailed { timed_out });
        }
        pass.done(result.is_ok());
        result
    }

    /// `None` when the call must be skipped.
    fn admit(&self) -> Option<Pass<'_>> {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        let probe = match state.open_until {
            Some(until) if now < until || state.probing => return None,
            Some(_) => {
                state.probing = true;
                true
            }
            None => false,
        };
        Some(Pass {
            breaker: self,
            probe,
            done: false,
        })
    }

    fn record(&self, ok: bool, probe: bool) {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        let was_open = state.open_until.is_some();
        if probe {
            state.probing = false;
        } else if was_open {
            // A call from before the breaker opened says nothing new.
            return;
        }
        if now.saturating_sub(state.window_start) >= Self::WINDOW {
            (state.window_start, state.calls, state.failures) = (now, 0, 0);
        }
        state.calls += 1;
        if ok {
            state.failures_in_a_row = 0;
            state.open_until = None;
        } else {
            state.failures += 1;
            state.failures_in_a_row += 1;
            let share = state.calls >= Self::LEAST_CALLS && state.failures * 2 >= state.calls;
            if probe || state.failures_in_a_row >= Self::IN_A_ROW || share {
                state.open_until = Some(now + Self::OPEN_FOR);
            }
        }
        let open = state.open_until.is_some();
        drop(state);
        if open != was_open {
            self.observer.observe(CacheEvent::BreakerChanged { open });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One admitted call; dropped without a word, it counts as failed, so that a cancelled probe
/// does not keep the breaker open for ever.
struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
    done: bool,
}

impl Pass<'_> {
    fn done(mut self, ok: bool) {
        self.done = true;
        self.breaker.record(ok, self.probe);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.breaker.record(false, self.probe);
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl UserCache for Breaker {
    async fn get_many(
        &self,
        namespace: CacheNamespace,
        ids: &[UserId],
    ) -> Result<Stamped<Vec<CacheLookup>>, CacheError> {
        self.call(self.inner.get_many(namespace, ids)).await
    }

    async fn acquire_many(
        &self,
        namespace: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError> {
        self.call(self.inner.acquire_many(namespace, requests))
            .await
    }

    async fn fill_many(
        &self,
        namespace: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError> {
        self.call(self.inner.fill_many(namespace, fills)).await
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<(), CacheError> {
        self.call(self.inner.release_many(leases)).await
    }

    async fn invalidate_many(
        &self,
        invalidations: &[Invalidation],
    ) -> Result<Vec<bool>, CacheError> {
        self.call(self.inner.invalidate_many(invalidations)).await
    }

    async fn evict_many(&self, ids: &[UserId]) -> Result<(), CacheError> {
        self.call(self.inner.evict_many(ids)).await
    }

    fn subscribe(&self, sink: Arc<dyn InvalidationSink>) {
        self.inner.subscribe(sink);
    }
}
