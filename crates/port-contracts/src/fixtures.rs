use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use roster_domain::UserId;
use roster_domain::ports::{
    ActivityRepository, CacheNamespace, CacheRelay, ChangeLog, NotificationRepository, Readiness,
    StatsRepository, UserCache, UserRepository, UserSearch, UserTransfer, UserWrites,
};

/// An empty store of the test's own, seen through all of its repositories.
pub trait StoreFixture: Send + Sync {
    /// The users.
    fn users(&self) -> Arc<dyn UserRepository>;
    /// The same users in bulk.
    fn transfer(&self) -> Arc<dyn UserTransfer>;
    /// The same users, changed by writes as values.
    fn writes(&self) -> Arc<dyn UserWrites>;
    /// The same users, found by names and addresses.
    fn search(&self) -> Arc<dyn UserSearch>;
    /// Their notifications.
    fn notifications(&self) -> Arc<dyn NotificationRepository>;
    /// Their activities.
    fn activities(&self) -> Arc<dyn ActivityRepository>;
    /// Their counters.
    fn stats(&self) -> Arc<dyn StatsRepository>;

    /// The change log; `None` where the store has none, and does not call `change_log!`.
    fn change_log(&self) -> Option<Arc<dyn ChangeLog>> {
        None
    }
}

/// An empty cache of the test's own.
#[async_trait]
pub trait CacheFixture: Send + Sync {
    /// The cache. It keeps the floor of an invalidation for 10 s or longer.
    fn cache(&self) -> Arc<dyn UserCache>;

    /// The same keys by a connection of its own, as another process has it.
    async fn elsewhere(&self) -> Arc<dyn UserCache> {
        self.cache()
    }

    /// The namespace that the cases use; they make others from it by changing it.
    fn namespace(&self) -> CacheNamespace {
        CacheNamespace {
            database: 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100,
            epoch: 0x1f1e_1d1c_1b1a_1918_1716_1514_1312_1110,
        }
    }

    /// Lets at least `duration` pass for the cache; a cache in another process waits so long.
    /// The cases ask for a tenth of a second at the most.
    async fn advance(&self, duration: Duration);

    /// Loses every key, as evictions do: floors and leases too, without a push lost.
    async fn flush(&self);

    /// Stores bytes under the key of a user that no release of this cache wrote; false when
    /// that cannot be done, and then the cases that need it say nothing.
    async fn store_foreign(&self, id: UserId, bytes: &[u8]) -> bool;
}

/// An empty cache of the test's own that has a relay.
#[async_trait]
pub trait RelayFixture: CacheFixture {
    /// The relay, on the connection of [`CacheFixture::cache`].
    fn relay(&self) -> Arc<dyn CacheRelay>;

    /// Breaks that connection, and returns when the next one serves.
    async fn reconnect(&self);

    /// Gives the data a new history, as a promotion does, and keeps data and connection; false
    /// when that cannot be done, and then the cases that need it say nothing.
    async fn renew_history(&self) -> bool;
}

/// A dependency that answers.
#[async_trait]
pub trait ReadinessFixture: Send + Sync {
    /// A check of it.
    fn readiness(&self) -> Arc<dyn Readiness>;

    /// A check of such a dependency that is not there any more; `None` when none can be made.
    async fn gone(&self) -> Option<Arc<dyn Readiness>>;
}
