//! Two processes on one store and one cache: each call of a port, each wait and each push is a
//! point where another task may go on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use roster_adapters_memory::{
    MemoryCacheRelay, MemoryChangeLog, MemoryStore, MemoryUserCache, MemoryUsers, SequentialIds,
};
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, CachePush, Clock,
    FillOutcome, FillRequest, Invalidation, InvalidationSink, Lease, Stamped, Task, TaskSpawner,
    UserCache, UserRepository,
};
use roster_domain::{NewUser, ProfilePatch, Timestamp, UserId, UserVersion};
use shuttle::future::{spawn, yield_now};

use super::yielding_users::YieldingUsers;
use crate::caching::test_users::{id, user};
use crate::caching::{CachePolicy, CachedUsers, Caches, SharedCache};
use crate::{CacheEvent, CacheObserver, Freshness, Runtime};

/// Time that passes as tasks wait for it: a limit may end before what it limits, or after.
#[derive(Default)]
struct WaitedClock(AtomicU64);

#[async_trait]
impl Clock for WaitedClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH.plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        for _ in 0..8 {
            yield_now().await;
        }
        let micros = u64::try_from(duration.as_micros()).unwrap();
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

/// Counts what is under way.
#[derive(Default)]
struct Spawner(Arc<AtomicU64>);

impl TaskSpawner for Spawner {
    fn spawn(&self, task: Task) {
        let running = Arc::clone(&self.0);
        running.fetch_add(1, Ordering::SeqCst);
        drop(spawn(async move {
            task.await;
            running.fetch_sub(1, Ordering::SeqCst);
        }));
    }
}

struct Deaf;

impl CacheObserver for Deaf {
    fn observe(&self, _: CacheEvent) {}
}

/// A connection: pushes wait until they are read, and before any reply that was made later.
pub(super) struct Wire {
    cache: Arc<MemoryUserCache>,
    sink: Mutex<Option<Arc<dyn InvalidationSink>>>,
    queue: Mutex<VecDeque<(u64, CachePush)>>,
    /// Held by the one who reads: nothing behind a push is read before the push is handled.
    reading: shuttle::sync::Mutex<()>,
    made: AtomicU64,
    /// Invalidations get lost on it.
    loses_invalidations: AtomicBool,
}

impl Wire {
    /// Reads what was pushed up to a moment.
    pub(super) fn read(&self, until: u64) {
        let sink = self.sink.lock().unwrap().clone();
        let _reading = self.reading.lock().unwrap();
        loop {
            let next = {
                let mut queue = self.queue.lock().unwrap();
                queue
                    .pop_front_if(|(made, _)| *made <= until)
                    .map(|(_, push)| push)
            };
            match (next, &sink) {
                (Some(push), Some(sink)) => sink.push(push),
                _ => return,
            }
        }
    }

    pub(super) fn made(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }

    /// A call whose own push comes only after its reply, as a server sends it.
    async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        yield_now().await;
        let made = self.made();
        let reply = call.await;
        yield_now().await;
        self.read(made);
        yield_now().await;
        reply
    }

    pub(super) fn lose_invalidations(&self, lose: bool) {
        self.loses_invalidations.store(lose, Ordering::SeqCst);
    }
}

/// Puts pushes of the cache on the wire.
struct End(Arc<Wire>);

impl InvalidationSink for End {
    fn push(&self, push: CachePush) {
        let made = self.0.made.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.queue.lock().unwrap().push_back((made, push));
    }
}

#[async_trait]
impl UserCache for Wire {
    async fn get_many(
        &self,
        namespace: CacheNamespace,
        ids: &[UserId],
    ) -> Result<Stamped<Vec<CacheLookup>>, CacheError> {
        self.call(self.cache.get_many(namespace, ids)).await
    }

    async fn acquire_many(
        &self,
        namespace: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError> {
        self.call(self.cache.acquire_many(namespace, requests))
            .await
    }

    async fn fill_many(
        &self,
        namespace: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError> {
        self.call(self.cache.fill_many(namespace, fills)).await
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<(), CacheError> {
        self.call(self.cache.release_many(leases)).await
    }

    async fn invalidate_many(
        &self,
        invalidations: &[Invalidation],
    ) -> Result<Vec<bool>, CacheError> {
        if self.loses_invalidations.load(Ordering::SeqCst) {
            yield_now().await;
            return Err(CacheError::Unavailable("lost".into()));
        }
        self.call(self.cache.invalidate_many(invalidations)).await
    }

    async fn evict_many(&self, ids: &[UserId]) -> Result<(), CacheError> {
        self.call(self.cache.evict_many(ids)).await
    }

    fn subscribe(&self, sink: Arc<dyn InvalidationSink>) {
        *self.sink.lock().unwrap() = Some(sink);
    }
}

pub(super) struct Node {
    pub(super) cached: CachedUsers,
    pub(super) wire: Arc<Wire>,
    users: Arc<YieldingUsers>,
    running: Arc<AtomicU64>,
}

impl Node {
    fn new(
        store: &MemoryStore,
        cache: &Arc<MemoryUserCache>,
        runtime: &Runtime,
        running: &Arc<AtomicU64>,
        lanes: usize,
    ) -> Arc<Self> {
        let wire = Arc::new(Wire {
            cache: Arc::clone(cache),
            sink: Mutex::default(),
            queue: Mutex::default(),
            reading: shuttle::sync::Mutex::new(()),
            made: AtomicU64::default(),
            loses_invalidations: AtomicBool::default(),
        });
        let users = Arc::new(YieldingUsers(MemoryUsers::new(store.clone())));
        let shared = SharedCache {
            cache: Arc::clone(&wire) as _,
            relay: Arc::new(MemoryCacheRelay::new(cache)),
            change_log: Arc::new(MemoryChangeLog::new(store.clone())),
        };
        let cached = CachedUsers::new(
            Arc::clone(&users) as Arc<dyn UserRepository>,
            Caches::Shared(shared),
            CachePolicy {
                store_lanes: lanes,
                ..CachePolicy::default()
            },
            Arc::new(Deaf),
            runtime.clone(),
        );
        cache.subscribe(Arc::new(End(Arc::clone(&wire))));
        wire.read(u64::MAX);
        Arc::new(Self {
            cached,
            wire,
            users,
            running: Arc::clone(running),
        })
    }

    /// Waits for what goes on behind the answers: an execution that ends within it drops tasks
    /// that hold locks which others want as they are dropped.
    pub(super) async fn is_quiet(&self) {
        while self.running.load(Ordering::SeqCst) > 0 {
            yield_now().await;
        }
    }

    /// Reads somebody of whom no store knows.
    pub(super) async fn read_absent(&self, number: u128) {
        let answer = self.cached.reader.get(id(number), Freshness::CACHED).await;
        assert!(answer.unwrap().user().is_none());
    }

    pub(super) async fn read(&self) -> u64 {
        let answer = self.cached.reader.get(id(1), Freshness::CACHED).await;
        answer.unwrap().user().unwrap().user.version.get()
    }

    /// Commits a change; the caller may die before it invalidates.
    pub(super) async fn commit(&self, name: &str) -> UserVersion {
        let patch = ProfilePatch {
            name: Some(name.parse().unwrap()),
            ..ProfilePatch::default()
        };
        let at = Timestamp::UNIX_EPOCH;
        let written = self.users.patch(id(1), &patch, None, at).await;
        written.unwrap().unwrap().user.version
    }

    /// Commits a change and takes what was before out of the caches.
    pub(super) async fn write(&self, name: &str) -> u64 {
        let version = self.commit(name).await;
        self.cached.invalidator.invalidate(id(1), version).await;
        version.get()
    }

    /// Reads what is pushed, now and then.
    pub(super) async fn read_pushes(&self) {
        for _ in 0..6 {
            yield_now().await;
            self.wire.read(self.wire.made());
        }
    }

    pub(super) async fn relay(&self) {
        let shared = self.cached.shared.as_ref().unwrap();
        shared.relay.round(None).await.unwrap();
    }
}

/// Two processes, and what they share.
pub(super) struct Fleet {
    pub(super) here: Arc<Node>,
    pub(super) there: Arc<Node>,
    pub(super) cache: Arc<MemoryUserCache>,
}

impl Fleet {
    /// As at any moment of a long run: a watermark is there, the shared cache has the first
    /// version of the one user, and no process has.
    pub(super) async fn warm() -> Self {
        Self::with_lanes(CachePolicy::default().store_lanes).await
    }

    /// The same, with so many lanes for loads in each process.
    pub(super) async fn with_lanes(lanes: usize) -> Self {
        let store = MemoryStore::new();
        let spawner = Spawner::default();
        let running = Arc::clone(&spawner.0);
        let runtime = Runtime {
            clock: Arc::new(WaitedClock::default()),
            ids: Arc::new(SequentialIds::default()),
            tasks: Arc::new(spawner),
        };
        let cache = Arc::new(MemoryUserCache::new(Arc::clone(&runtime.clock)));
        let (here, there) = (
            Node::new(&store, &cache, &runtime, &running, lanes),
            Node::new(&store, &cache, &runtime, &running, lanes),
        );
        here.users.insert(&new_user()).await.unwrap();
        here.relay().await;
        here.read().await;
        for node in [&here, &there] {
            node.wire.read(u64::MAX);
            node.cached.near.void();
        }
        Self { here, there, cache }
    }
}

fn new_user() -> NewUser {
    let user = user(1, 1);
    NewUser {
        id: user.id,
        email: user.email.clone(),
        name: user.name.clone(),
        locale: None,
        avatar_url: None,
        metadata: user.metadata.clone(),
        is_active: true,
        created_at: Timestamp::UNIX_EPOCH,
    }
}
