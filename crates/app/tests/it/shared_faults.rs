//! A shared cache that fails: no request does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use roster_adapters_memory::MemoryUserCache;
use roster_app::{CacheEvent, CachePolicy, ForwardReason, Freshness, TierStatus, UserService};
use roster_domain::UserId;
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, Clock, FillOutcome,
    FillRequest, Invalidation, InvalidationSink, Lease, Stamped, UserCache, UserRepository as _,
};

use crate::support::{
    CountedUsers, NAMESPACE, PausedClock, draft, id, renamed, settle, settled, shared, shared_by,
    third_joins_second,
};

/// A cache that can be switched off, or made to hang.
struct Unsteady {
    inner: MemoryUserCache,
    down: AtomicBool,
    hung: AtomicBool,
    calls: AtomicU64,
    look_ups: AtomicU64,
    /// Replies to look-ups stay on their way for so many milliseconds.
    late_by: AtomicU64,
    /// And so long takes a fill.
    fills_late_by: AtomicU64,
}

impl Unsteady {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryUserCache::new(PausedClock::new()),
            down: AtomicBool::new(false),
            hung: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            look_ups: AtomicU64::new(0),
            late_by: AtomicU64::new(0),
            fills_late_by: AtomicU64::new(0),
        })
    }

    async fn ask(&self) -> Result<(), CacheError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.hung.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Err(CacheError::TimedOut);
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(CacheError::Unavailable("down".into()));
        }
        Ok(())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl UserCache for Unsteady {
    async fn get_many(
        &self,
        ns: CacheNamespace,
        ids: &[UserId],
    ) -> Result<Stamped<Vec<CacheLookup>>, CacheError> {
        self.look_ups.fetch_add(1, Ordering::SeqCst);
        self.ask().await?;
        let found = self.inner.get_many(ns, ids).await;
        let late_by = self.late_by.load(Ordering::SeqCst);
        if late_by > 0 {
            tokio::time::sleep(Duration::from_millis(late_by)).await;
        }
        found
    }

    async fn acquire_many(
        &self,
        ns: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError> {
        self.ask().await?;
        self.inner.acquire_many(ns, requests).await
    }

    async fn fill_many(
        &self,
        ns: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError> {
        self.ask().await?;
        let late_by = self.fills_late_by.load(Ordering::SeqCst);
        if late_by > 0 {
            tokio::time::sleep(Duration::from_millis(late_by)).await;
        }
        self.inner.fill_many(ns, fills).await
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<(), CacheError> {
        self.ask().await?;
        self.inner.release_many(leases).await
    }

    async fn invalidate_many(&self, floors: &[Invalidation]) -> Result<Vec<bool>, CacheError> {
        self.ask().await?;
        self.inner.invalidate_many(floors).await
    }

    async fn evict_many(&self, ids: &[UserId]) -> Result<(), CacheError> {
        self.ask().await?;
        self.inner.evict_many(ids).await
    }

    fn subscribe(&self, sink: Arc<dyn InvalidationSink>) {
        self.inner.subscribe(sink);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_cache_fails_no_request_and_is_left_alone_after_five() {
    let (users, cache) = (CountedUsers::new(), Unsteady::new());
    let (service, events) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    cache.down.store(true, Ordering::SeqCst);
    service.create(draft(1)).await.unwrap();
    for _ in 0..100 {
        let answer = service.get(id(1), Freshness::CACHED).await.unwrap();
        let bypass = TierStatus::Forwarded {
            reason: ForwardReason::Bypass,
            stored: false,
            collapsed: false,
        };
        assert_eq!(answer.trace.l2, Some(bypass));
    }
    assert_eq!(cache.calls.load(Ordering::SeqCst), 5);
    assert_eq!(
        events.count(|event| matches!(event, CacheEvent::BreakerChanged { open: true })),
        1
    );
    assert!(events.count(|event| matches!(event, CacheEvent::SharedCacheSkipped)) >= 90);
}

/// Reads the user, so that the cache holds the value before something happens to it.
async fn read_and_stored(service: &UserService, cache: &Unsteady) {
    settled(service.get(id(1), Freshness::CACHED))
        .await
        .unwrap();
    let held = cache.get_many(NAMESPACE, &[id(1)]).await.unwrap().reply;
    assert!(matches!(held[..], [CacheLookup::Value { .. }]), "{held:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_comes_back_is_used_within_two_seconds_and_holds_nothing_stale() {
    let (users, cache) = (CountedUsers::new(), Unsteady::new());
    let (service, events) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    service.create(draft(1)).await.unwrap();
    read_and_stored(&service, &cache).await;
    cache.down.store(true, Ordering::SeqCst);
    service
        .update(id(1), renamed("While it was down"), None)
        .await
        .unwrap();
    for _ in 0..10 {
        assert_eq!(
            service
                .get(id(1), Freshness::CACHED)
                .await
                .unwrap()
                .user
                .name
                .as_str(),
            "While it was down"
        );
    }
    assert_eq!(
        events.count(|event| matches!(event, CacheEvent::InvalidationFailed)),
        1
    );

    cache.down.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(2)).await;
    settle().await;

    // Another process, which knows nothing of the write, sees no stale value either.
    let (other, _) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    assert_eq!(
        other
            .get(id(1), Freshness::CACHED)
            .await
            .unwrap()
            .user
            .name
            .as_str(),
        "While it was down"
    );
    let reads = users.reads();
    let again = service.get(id(1), Freshness::CACHED).await.unwrap();
    assert!(
        matches!(again.trace.l2, Some(TierStatus::Hit { .. })),
        "{:?}",
        again.trace
    );
    assert_eq!(users.reads(), reads);
}

#[tokio::test(start_paused = true)]
async fn until_the_cache_acknowledges_this_process_takes_nothing_stale_from_it() {
    let (users, cache) = (CountedUsers::new(), Unsteady::new());
    let (service, _) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    service.create(draft(1)).await.unwrap();
    read_and_stored(&service, &cache).await;
    cache.down.store(true, Ordering::SeqCst);
    service.update(id(1), renamed("New"), None).await.unwrap();
    // Back for reads before anything was delivered.
    cache.down.store(false, Ordering::SeqCst);

    assert_eq!(
        service
            .get(id(1), Freshness::CACHED)
            .await
            .unwrap()
            .user
            .name
            .as_str(),
        "New"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_from_before_the_delivery_is_not_taken_after_it() {
    let (users, cache) = (CountedUsers::new(), Unsteady::new());
    let (service, events) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    service.create(draft(1)).await.unwrap();
    read_and_stored(&service, &cache).await;
    cache.down.store(true, Ordering::SeqCst);
    service.update(id(1), renamed("New"), None).await.unwrap();
    cache.down.store(false, Ordering::SeqCst);
    // The old value is read now, and looked at when the floor has been delivered.
    cache.late_by.store(1_000, Ordering::SeqCst);
    let before = cache.calls.load(Ordering::SeqCst);

    let answer = service.get(id(1), Freshness::CACHED).await.unwrap();

    assert_eq!(answer.user.name.as_str(), "New");
    // The look-up, the delivery meanwhile, and the lease that was asked for over the old value.
    assert!(cache.calls.load(Ordering::SeqCst) >= before + 3);
    let failed = |event: &CacheEvent| matches!(event, CacheEvent::InvalidationFailed);
    assert_eq!(events.count(failed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hung_cache_costs_a_write_its_limit_and_no_more() {
    let (users, cache) = (CountedUsers::new(), Unsteady::new());
    let (service, _) = shared(users as _, Arc::clone(&cache) as _);
    service.create(draft(1)).await.unwrap();
    cache.hung.store(true, Ordering::SeqCst);
    let started = PausedClock::new();

    service.update(id(1), renamed("New"), None).await.unwrap();

    let took = started.monotonic();
    assert!(took <= Duration::from_millis(21), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn who_asked_before_the_store_is_answered_before_the_fill_and_who_came_later_after_it() {
    let (users, cache) = (CountedUsers::new(), Unsteady::new());
    let (service, _) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    let service = Arc::new(service);
    service.create(draft(1)).await.unwrap();
    cache.fills_late_by.store(15, Ordering::SeqCst);
    let started = PausedClock::new();

    service.get(id(1), Freshness::CACHED).await.unwrap();

    assert_eq!(started.monotonic(), Duration::ZERO);
    let late = service.get(id(1), Freshness::CACHED).await.unwrap();
    let took = started.monotonic();
    assert!((15..20).contains(&took.as_millis()), "{took:?}");
    let stored = TierStatus::Forwarded {
        reason: ForwardReason::Miss,
        stored: true,
        collapsed: true,
    };
    assert_eq!(late.trace.l2, Some(stored));
    assert_eq!(users.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_came_after_the_store_was_asked_takes_no_row_whose_fill_is_refused() {
    let (users, cache) = (CountedUsers::new(), Unsteady::new());
    let (service, _) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    service.create(draft(1)).await.unwrap();
    cache.fills_late_by.store(15, Ordering::SeqCst);
    let early = service.get(id(1), Freshness::CACHED).await.unwrap();
    assert_eq!(early.user.version.get(), 1);

    // Another process changes the user while the fill is on its way.
    let other = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _).0;
    other.update(id(1), renamed("New"), None).await.unwrap();
    let late = service.get(id(1), Freshness::CACHED).await.unwrap();

    assert_eq!(late.user.name.as_str(), "New");
}

#[tokio::test(start_paused = true)]
async fn while_the_cache_has_nothing_it_is_not_looked_into_first() {
    let (users, cache) = (CountedUsers::new(), Unsteady::new());
    let (service, _) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    for n in 1..=200 {
        service.create(draft(n)).await.unwrap();
    }
    // What creating left behind is gone, as after a restart of the cache.
    cache.inner.clear();
    let looked_up = || cache.look_ups.load(Ordering::SeqCst);
    for n in 1..=100 {
        service.get(id(n), Freshness::CACHED).await.unwrap();
    }
    let before = looked_up();
    for n in 101..=150 {
        service.get(id(n), Freshness::CACHED).await.unwrap();
    }
    assert_eq!(looked_up(), before, "all were absent");

    // Another process reads what is there by now: first in vain, then by looking.
    let (other, _) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    for n in 151..=200 {
        other.get(id(n), Freshness::CACHED).await.unwrap();
    }
    let (before, reads) = (looked_up(), users.reads());
    for n in 151..=200 {
        let answer = service.get(id(n), Freshness::CACHED).await.unwrap();
        let hit = matches!(answer.trace.l2, Some(TierStatus::Hit { .. }));
        assert!(hit, "{:?}", answer.trace);
    }
    assert_eq!(users.reads(), reads, "a wrong guess costs no read");
    assert!(
        looked_up() >= before + 30,
        "{} look-ups",
        looked_up() - before
    );
}

#[tokio::test(start_paused = true)]
async fn a_forced_read_corrects_what_is_stored_also_where_nothing_was_expected() {
    let (users, cache) = (CountedUsers::new(), Unsteady::new());
    let (service, _) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    for n in 1..=100 {
        service.create(draft(n)).await.unwrap();
    }
    cache.inner.clear();
    let (other, _) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    other.get(id(100), Freshness::CACHED).await.unwrap();
    for n in 1..100 {
        service.get(id(n), Freshness::CACHED).await.unwrap();
    }
    // Changed by somebody whose invalidation is lost.
    let patch = renamed("New").profile;
    let at = PausedClock::new().now();
    users.patch(id(100), &patch, None, at).await.unwrap();

    let forced = service.get(id(100), Freshness::STRONG).await.unwrap();
    assert_eq!(forced.user.name.as_str(), "New");
    let next = service.get(id(100), Freshness::CACHED).await.unwrap();
    assert_eq!(next.user.name.as_str(), "New");
}

#[tokio::test(start_paused = true)]
async fn while_the_cache_is_down_no_more_reads_are_under_way_than_the_policy_lets() {
    let (users, cache) = (CountedUsers::new(), Unsteady::new());
    let policy = CachePolicy {
        unfilled_loads: 1,
        ..CachePolicy::default()
    };
    let store = Arc::clone(&users) as _;
    let (service, _) = shared_by(store, users.writes(), Arc::clone(&cache) as _, policy);
    let service = Arc::new(service);
    for n in 1..=8 {
        service.create(draft(n)).await.unwrap();
    }
    cache.down.store(true, Ordering::SeqCst);
    users.hold();
    let readers: Vec<_> = (1..=8)
        .map(|n| {
            let service = Arc::clone(&service);
            tokio::spawn(async move { service.get(id(n), Freshness::CACHED).await })
        })
        .collect();
    settle().await;
    assert_eq!(users.reads(), 1);
    users.let_go();
    for reader in readers {
        reader.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_cache_is_down_who_comes_joins_the_read_that_waits_for_its_turn() {
    let (users, cache) = (CountedUsers::new(), Unsteady::new());
    let (service, events) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    service.create(draft(1)).await.unwrap();
    cache.down.store(true, Ordering::SeqCst);
    third_joins_second(&users, Arc::new(service), &events).await;
}
