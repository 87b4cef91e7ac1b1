//! The decorators pass the suites of what they wrap while no fault is armed, and fail as told.

#![expect(
    clippy::unused_async,
    reason = "a fixture is made by an async function; other stores wait for theirs"
)]

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use roster_adapters_memory::{
    ManualClock, MemoryActivities, MemoryCacheRelay, MemoryChangeLog, MemoryNotifications,
    MemoryReadiness, MemoryStats, MemoryStore, MemoryUserCache, MemoryUserSearch,
    MemoryUserTransfer, MemoryUserWrites, MemoryUsers,
};
use roster_domain::ports::{
    ActivityRepository, CacheError, CacheRelay, ChangeLog, NotificationRepository, Readiness,
    StatsRepository, StoreError, UserCache, UserRepository, UserSearch, UserTransfer, UserWrites,
    WriteError,
};
use roster_domain::{Timestamp, UserId};
use roster_port_contracts::decorators::{Fault, Faults, Faulty};
use roster_port_contracts::samples::new_user;
use roster_port_contracts::{CacheFixture, ReadinessFixture, RelayFixture, StoreFixture};

struct Store {
    inner: MemoryStore,
    faults: Arc<Faults>,
}

impl Store {
    fn wrap<P: ?Sized>(&self, inner: Arc<P>) -> Arc<Faulty<P>> {
        Arc::new(Faulty::new(inner, Arc::clone(&self.faults)))
    }
}

impl StoreFixture for Store {
    fn users(&self) -> Arc<dyn UserRepository> {
        let inner: Arc<dyn UserRepository> = Arc::new(MemoryUsers::new(self.inner.clone()));
        self.wrap(inner)
    }

    fn transfer(&self) -> Arc<dyn UserTransfer> {
        let inner: Arc<dyn UserTransfer> = Arc::new(MemoryUserTransfer::new(self.inner.clone()));
        self.wrap(inner)
    }

    fn writes(&self) -> Arc<dyn UserWrites> {
        let inner: Arc<dyn UserWrites> = Arc::new(MemoryUserWrites::new(self.inner.clone()));
        self.wrap(inner)
    }

    fn search(&self) -> Arc<dyn UserSearch> {
        let inner: Arc<dyn UserSearch> = Arc::new(MemoryUserSearch::new(self.inner.clone()));
        self.wrap(inner)
    }

    fn notifications(&self) -> Arc<dyn NotificationRepository> {
        let inner: Arc<dyn NotificationRepository> =
            Arc::new(MemoryNotifications::new(self.inner.clone()));
        self.wrap(inner)
    }

    fn activities(&self) -> Arc<dyn ActivityRepository> {
        let inner: Arc<dyn ActivityRepository> =
            Arc::new(MemoryActivities::new(self.inner.clone()));
        self.wrap(inner)
    }

    fn stats(&self) -> Arc<dyn StatsRepository> {
        let inner: Arc<dyn StatsRepository> = Arc::new(MemoryStats::new(self.inner.clone()));
        self.wrap(inner)
    }

    fn change_log(&self) -> Option<Arc<dyn ChangeLog>> {
        let inner: Arc<dyn ChangeLog> = Arc::new(MemoryChangeLog::new(self.inner.clone()));
        Some(self.wrap(inner))
    }
}

async fn store() -> Option<Store> {
    Some(Store {
        inner: MemoryStore::new(),
        faults: Arc::new(Faults::none()),
    })
}

struct Cache {
    clock: Arc<ManualClock>,
    inner: Arc<MemoryUserCache>,
    faults: Arc<Faults>,
}

#[async_trait]
impl CacheFixture for Cache {
    fn cache(&self) -> Arc<dyn UserCache> {
        let inner: Arc<dyn UserCache> = Arc::<MemoryUserCache>::clone(&self.inner);
        Arc::new(Faulty::new(inner, Arc::clone(&self.faults)))
    }

    async fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    async fn flush(&self) {
        self.inner.clear();
    }

    async fn store_foreign(&self, id: UserId, bytes: &[u8]) -> bool {
        self.inner.store_foreign(id, bytes);
        true
    }
}

#[async_trait]
impl RelayFixture for Cache {
    fn relay(&self) -> Arc<dyn CacheRelay> {
        let inner: Arc<dyn CacheRelay> = Arc::new(MemoryCacheRelay::new(&self.inner));
        Arc::new(Faulty::new(inner, Arc::clone(&self.faults)))
    }

    async fn reconnect(&self) {
        self.inner.disconnect();
    }

    async fn renew_history(&self) -> bool {
        self.inner.repromote(&self.inner.snapshot());
        true
    }
}

async fn cache() -> Option<Cache> {
    let clock = Arc::new(ManualClock::default());
    let inner = Arc::new(MemoryUserCache::new(Arc::<ManualClock>::clone(&clock)));
    Some(Cache {
        clock,
        inner,
        faults: Arc::new(Faults::none()),
    })
}

struct Dependency;

fn ready(faults: Faults) -> Arc<dyn Readiness> {
    let inner: Arc<dyn Readiness> = Arc::new(MemoryReadiness::new());
    Arc::new(Faulty::new(inner, Arc::new(faults)))
}

#[async_trait]
impl ReadinessFixture for Dependency {
    fn readiness(&self) -> Arc<dyn Readiness> {
        ready(Faults::none())
    }

    async fn gone(&self) -> Option<Arc<dyn Readiness>> {
        let faults = Faults::none();
        faults.arm(Fault::Fail);
        Some(ready(faults))
    }
}

async fn dependency() -> Option<Dependency> {
    Some(Dependency)
}

roster_port_contracts::store!(store);
roster_port_contracts::change_log!(store);
roster_port_contracts::user_cache!(cache);
roster_port_contracts::cache_relay!(cache);
roster_port_contracts::readiness!(dependency);

#[tokio::test]
async fn a_failed_call_does_nothing_and_says_that_it_was_injected() {
    let store = store().await.unwrap();
    store.faults.arm(Fault::Fail);
    let Err(WriteError::Store(refusal)) = store.users().insert(&new_user(1)).await else {
        panic!("the fault was armed");
    };
    assert!(matches!(refusal, StoreError::Unavailable(_)));
    let source = refusal.source().map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("a test injected this fault"));
    store.faults.mend();
    assert!(store.transfer().is_empty().await.unwrap());
}

#[tokio::test]
async fn a_lost_answer_is_a_failure_of_something_that_was_done() {
    let store = store().await.unwrap();
    store.faults.arm_once(1, Fault::LoseAnswer);
    assert!(store.users().insert(&new_user(1)).await.is_err());
    assert!(!store.transfer().is_empty().await.unwrap());
}

#[tokio::test]
async fn one_call_of_many_fails() {
    let cache = cache().await.unwrap();
    cache.faults.arm_once(2, Fault::Fail);
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        outcomes.push(cache.cache().invalidate_many(&[]).await);
    }
    let [Ok(_), Err(CacheError::Unavailable(_)), Ok(_)] = outcomes.as_slice() else {
        panic!("{outcomes:?}");
    };
    assert_eq!(cache.faults.calls(), 3);
}

#[tokio::test]
async fn the_calls_of_a_round_meet_the_faults_of_its_relay() {
    let cache = cache().await.unwrap();
    let round = cache.relay().begin_round(1, None).await.unwrap().unwrap();
    cache.faults.arm(Fault::LoseAnswer);
    round.invalidate_many(&[]).await.unwrap_err();
    let marked = round.set_watermark(Timestamp::UNIX_EPOCH, 7).await;
    assert!(matches!(marked, Err(CacheError::Unavailable(_))));
    cache.relay().probe(1).await.unwrap_err();
    cache.faults.mend();
    let probe = cache.relay().probe(1).await.unwrap().reply;
    assert_eq!(probe.watermark.unwrap().epoch, 7);
    cache.faults.arm(Fault::Fail);
    assert!(cache.relay().begin_round(1, None).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_call_takes_so_long() {
    let cache = cache().await.unwrap();
    cache.faults.arm(Fault::Delay(Duration::from_secs(3)));
    let port = cache.cache();
    let early = tokio::time::timeout(Duration::from_secs(2), port.release_many(&[])).await;
    assert!(early.is_err());
    let late = tokio::time::timeout(Duration::from_secs(4), port.release_many(&[])).await;
    assert!(late.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_goes_on_after_the_mending() {
    let store = store().await.unwrap();
    store.faults.arm(Fault::Hang);
    let users = store.users();
    let hanging = tokio::spawn(async move { users.insert(&new_user(1)).await });
    let hour = Duration::from_hours(1);
    tokio::time::timeout(hour, store.users().find_many(&[]))
        .await
        .unwrap_err();
    assert!(!hanging.is_finished());
    store.faults.mend();
    assert!(hanging.await.unwrap().is_ok());
}
