//! The behaviour suites, run against the memory adapters.

#![expect(
    clippy::unused_async,
    reason = "a fixture is made by an async function; other stores wait for theirs"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use roster_adapters_memory::{
    ManualClock, MemoryActivities, MemoryCacheRelay, MemoryChangeLog, MemoryNotifications,
    MemoryReadiness, MemoryStats, MemoryStore, MemoryUserCache, MemoryUserSearch,
    MemoryUserTransfer, MemoryUserWrites, MemoryUsers,
};
use roster_domain::UserId;
use roster_domain::ports::{
    ActivityRepository, CacheRelay, ChangeLog, NotificationRepository, Readiness, StatsRepository,
    UserCache, UserRepository, UserSearch, UserTransfer, UserWrites,
};
use roster_port_contracts::{CacheFixture, ReadinessFixture, RelayFixture, StoreFixture};

struct Store(MemoryStore);

impl StoreFixture for Store {
    fn users(&self) -> Arc<dyn UserRepository> {
        Arc::new(MemoryUsers::new(self.0.clone()))
    }

    fn transfer(&self) -> Arc<dyn UserTransfer> {
        Arc::new(MemoryUserTransfer::new(self.0.clone()))
    }

    fn writes(&self) -> Arc<dyn UserWrites> {
        Arc::new(MemoryUserWrites::new(self.0.clone()))
    }

    fn search(&self) -> Arc<dyn UserSearch> {
        Arc::new(MemoryUserSearch::new(self.0.clone()))
    }

    fn notifications(&self) -> Arc<dyn NotificationRepository> {
        Arc::new(MemoryNotifications::new(self.0.clone()))
    }

    fn activities(&self) -> Arc<dyn ActivityRepository> {
        Arc::new(MemoryActivities::new(self.0.clone()))
    }

    fn stats(&self) -> Arc<dyn StatsRepository> {
        Arc::new(MemoryStats::new(self.0.clone()))
    }

    fn change_log(&self) -> Option<Arc<dyn ChangeLog>> {
        Some(Arc::new(MemoryChangeLog::new(self.0.clone())))
    }
}

async fn store() -> Option<Store> {
    Some(Store(MemoryStore::new()))
}

struct Cache {
    clock: Arc<ManualClock>,
    cache: Arc<MemoryUserCache>,
}

#[async_trait]
impl CacheFixture for Cache {
    fn cache(&self) -> Arc<dyn UserCache> {
        Arc::<MemoryUserCache>::clone(&self.cache)
    }

    async fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    async fn flush(&self) {
        self.cache.clear();
    }

    async fn store_foreign(&self, id: UserId, bytes: &[u8]) -> bool {
        self.cache.store_foreign(id, bytes);
        true
    }
}

#[async_trait]
impl RelayFixture for Cache {
    fn relay(&self) -> Arc<dyn CacheRelay> {
        Arc::new(MemoryCacheRelay::new(&self.cache))
    }

    async fn reconnect(&self) {
        self.cache.disconnect();
    }

    async fn renew_history(&self) -> bool {
        self.cache.repromote(&self.cache.snapshot());
        true
    }
}

async fn cache() -> Option<Cache> {
    let clock = Arc::new(ManualClock::default());
    let cache = Arc::new(MemoryUserCache::new(Arc::<ManualClock>::clone(&clock)));
    Some(Cache { clock, cache })
}

struct Dependency;

#[async_trait]
impl ReadinessFixture for Dependency {
    fn readiness(&self) -> Arc<dyn Readiness> {
        Arc::new(MemoryReadiness::new())
    }

    async fn gone(&self) -> Option<Arc<dyn Readiness>> {
        let gone = MemoryReadiness::new();
        gone.set(false);
        Some(Arc::new(gone))
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
