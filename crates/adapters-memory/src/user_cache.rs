use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use roster_domain::UserId;
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, Clock, FillOutcome,
    FillRequest, Invalidation, InvalidationSink, Lease, Stamped, UserCache,
};

use self::keys::{Data, Keys};

mod entry;
pub(crate) mod keys;

/// [`UserCache`] in memory, with the rules of a shared one: leases end and floors fade by the
/// clock, and whoever subscribed hears of each key that changed since it was read, also by the
/// call that changes it.
pub struct MemoryUserCache {
    shared: Arc<Shared>,
}

/// What the cache and the relays of it share.
pub(crate) struct Shared {
    clock: Arc<dyn Clock>,
    keys: Mutex<Keys>,
}

/// The data of a [`MemoryUserCache`] as it once was: values, floors, leases and watermarks.
pub struct MemorySnapshot(Data);

impl MemoryUserCache {
    /// An empty cache that keeps a floor for 30 s after an invalidation.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_floor_ttl(clock, Duration::from_secs(30))
    }

    /// An empty cache that keeps a floor for `floor_ttl` after an invalidation.
    pub fn with_floor_ttl(clock: Arc<dyn Clock>, floor_ttl: Duration) -> Self {
        let keys = Mutex::new(Keys::new(floor_ttl, clock.now()));
        Self {
            shared: Arc::new(Shared { clock, keys }),
        }
    }

    /// Loses one key, floor and lease included, as an eviction does.
    pub fn evict(&self, id: UserId) {
        self.with(|keys| keys.lose(id));
    }

    /// Loses every key, watermarks and claims of relays too.
    pub fn clear(&self) {
        self.with(Keys::lose_all);
    }

    /// Breaks the connection that pushes come by, and makes a new one.
    pub fn disconnect(&self) {
        self.with(Keys::reconnect);
    }

    /// The data as it is now.
    pub fn snapshot(&self) -> MemorySnapshot {
        MemorySnapshot(self.with(|keys| keys.data.clone()))
    }

    /// Another server takes over with the data that it had at `snapshot`: a new clock and a new
    /// history, and the connection breaks and is made anew.
    pub fn fail_over(&self, snapshot: &MemorySnapshot) {
        self.with(|keys| keys.fail_over(snapshot.0.clone()));
    }

    /// The same server is demoted and promoted again, with the data of `snapshot`: its clock and
    /// its connections stay, the history is new, and any key may have changed.
    pub fn repromote(&self, snapshot: &MemorySnapshot) {
        self.with(|keys| keys.repromote(snapshot.0.clone()));
    }

    /// The server ends and comes back empty: a new clock and a new history, and the connection
    /// breaks and is made anew.
    pub fn restart(&self) {
        self.with(|keys| keys.fail_over(Data::default()));
    }

    /// Steps the cache's time, which relays and probes are told, by so many microseconds.
    /// Leases and floors, which end by the monotonic clock, do not notice.
    pub fn step_time(&self, micros: i64) {
        self.with(|keys| keys.step_time(micros));
    }

    /// Stores bytes that this cache did not write.
    pub fn store_foreign(&self, id: UserId, bytes: &[u8]) {
        self.with(|keys| keys.store_foreign(id, bytes.into()));
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Keys) -> T) -> T {
        self.shared.with(work)
    }
}

impl Shared {
    /// One lock over keys and pushes: a push and a reply cannot overtake each other.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Keys) -> T) -> T {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.now = self.clock.monotonic();
        work(&mut keys)
    }
}

#[async_trait]
impl UserCache for MemoryUserCache {
    async fn get_many(
        &self,
        namespace: CacheNamespace,
        ids: &[UserId],
    ) -> Result<Stamped<Vec<CacheLookup>>, CacheError> {
        Ok(self.with(|keys| Stamped {
            connection: keys.connection(),
            reply: ids.iter().map(|id| keys.get(namespace, *id)).collect(),
        }))
    }

    async fn acquire_many(
        &self,
        namespace: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError> {
        Ok(self.with(|keys| Stamped {
            connection: keys.connection(),
            reply: requests
                .iter()
                .map(|request| keys.acquire(namespace, request))
                .collect(),
        }))
    }

    async fn fill_many(
        &self,
        namespace: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError> {
        Ok(self.with(|keys| {
            let fills = fills.iter();
            fills.map(|fill| keys.fill(namespace, fill)).collect()
        }))
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<(), CacheError> {
        self.with(|keys| leases.iter().for_each(|lease| keys.release(lease)));
        Ok(())
    }

    async fn invalidate_many(
        &self,
        invalidations: &[Invalidation],
    ) -> Result<Vec<bool>, CacheError> {
        Ok(self.with(|keys| {
            let invalidations = invalidations.iter();
            invalidations.map(|each| keys.invalidate(each)).collect()
        }))
    }

    async fn evict_many(&self, ids: &[UserId]) -> Result<(), CacheError> {
        self.with(|keys| ids.iter().for_each(|id| keys.lose(*id)));
        Ok(())
    }

    fn subscribe(&self, sink: Arc<dyn InvalidationSink>) {
        self.with(|keys| keys.subscribe(sink));
    }
}
