//! Processes on one database and one cache in memory, each with its upkeep running.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use roster_adapters_memory::{
    MemoryCacheRelay, MemoryChangeLog, MemoryStore, MemoryUserCache, MemoryUserWrites, MemoryUsers,
};
use roster_app::{
    CacheEvent, CacheObserver, CachePolicy, Caches, Freshness, Runtime, SharedCache,
    StalenessBound, UserService,
};
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, CacheRelay, ChangeLog,
    Clock, ConnectionEpoch, FillOutcome, FillRequest, Invalidation, InvalidationSink, Lease, Probe,
    RelayClaim, RelayRound, Stamped, UserCache, UserRepository,
};
use roster_domain::{Timestamp, UserId};
use roster_port_contracts::decorators::{Faults, Faulty};

use crate::support::{Events, PausedClock, id, is_hit, renamed, runtime_with};

/// Two processes on one database and one cache.
pub(crate) struct Fleet {
    pub(crate) store: MemoryStore,
    pub(crate) users: Arc<MemoryUsers>,
    pub(crate) cache: Arc<MemoryUserCache>,
    pub(crate) near: Node,
    pub(crate) far: Node,
}

pub(crate) struct Node {
    pub(crate) service: Arc<UserService>,
    pub(crate) relay: Arc<Cuttable>,
    pub(crate) way: Arc<Way>,
    pub(crate) events: Arc<Events>,
    /// Of its change log.
    pub(crate) log_faults: Arc<Faults>,
}

/// A relay that can lose its way to the cache, or only what it is answered.
pub(crate) struct Cuttable {
    inner: MemoryCacheRelay,
    pub(crate) cut: AtomicBool,
    pub(crate) deaf: AtomicBool,
    /// By which connection its probes say that they came, if not by their own.
    pub(crate) stray: Mutex<Option<ConnectionEpoch>>,
    /// How long what a probe is answered is on its way.
    pub(crate) probes_late_by: Mutex<Duration>,
}

impl Cuttable {
    fn way(&self) -> Result<(), CacheError> {
        if self.cut.load(Ordering::SeqCst) {
            return Err(CacheError::Unavailable("cut".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl CacheRelay for Cuttable {
    async fn begin_round(
        &self,
        database: u128,
        claim: Option<RelayClaim>,
    ) -> Result<Option<Box<dyn RelayRound>>, CacheError> {
        self.way()?;
        let begun = self.inner.begin_round(database, claim).await;
        if self.deaf.load(Ordering::SeqCst) {
            return Err(CacheError::TimedOut);
        }
        begun
    }

    async fn probe(&self, database: u128) -> Result<Stamped<Probe>, CacheError> {
        let mut probed = self.inner.probe(database).await?;
        let late_by = *self.probes_late_by.lock().unwrap();
        if !late_by.is_zero() {
            pass(late_by).await;
        }
        if let Some(stray) = *self.stray.lock().unwrap() {
            probed.connection = stray;
        }
        Ok(probed)
    }
}

/// What happens to a cache while a question is on its way to it.
type Turn = Box<dyn FnOnce() + Send>;

/// A process's way to the cache.
pub(crate) struct Way {
    inner: Arc<MemoryUserCache>,
    /// Whether pushes come by it.
    pushes: bool,
    /// Before the next look-up arrives.
    before_look_up: Mutex<Option<Turn>>,
    /// By which connection look-ups say that they were answered, if not by their own.
    pub(crate) stray: Mutex<Option<ConnectionEpoch>>,
}

impl Way {
    /// Lets this happen before the next look-up arrives.
    pub(crate) fn before_look_up(&self, turn: impl FnOnce() + Send + 'static) {
        *self.before_look_up.lock().unwrap() = Some(Box::new(turn));
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl UserCache for Way {
    async fn get_many(
        &self,
        ns: CacheNamespace,
        ids: &[UserId],
    ) -> Result<Stamped<Vec<CacheLookup>>, CacheError> {
        let turn = self.before_look_up.lock().unwrap().take();
        if let Some(turn) = turn {
            turn();
        }
        let mut found = self.inner.get_many(ns, ids).await?;
        if let Some(stray) = *self.stray.lock().unwrap() {
            found.connection = stray;
        }
        Ok(found)
    }

    async fn acquire_many(
        &self,
        ns: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError> {
        self.inner.acquire_many(ns, requests).await
    }

    async fn fill_many(
        &self,
        ns: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError> {
        self.inner.fill_many(ns, fills).await
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<(), CacheError> {
        self.inner.release_many(leases).await
    }

    async fn invalidate_many(&self, floors: &[Invalidation]) -> Result<Vec<bool>, CacheError> {
        self.inner.invalidate_many(floors).await
    }

    async fn evict_many(&self, ids: &[UserId]) -> Result<(), CacheError> {
        self.inner.evict_many(ids).await
    }

    fn subscribe(&self, sink: Arc<dyn InvalidationSink>) {
        if self.pushes {
            self.inner.subscribe(sink);
        }
    }
}

impl Fleet {
    pub(crate) fn new() -> Self {
        Self::made(true)
    }

    /// A fleet whose processes hear of nothing that changes in the cache.
    pub(crate) fn untold() -> Self {
        Self::made(false)
    }

    fn made(pushes: bool) -> Self {
        let clock: Arc<dyn Clock> = PausedClock::new();
        let store = MemoryStore::default().with_clock(Arc::clone(&clock));
        let cache = Arc::new(MemoryUserCache::new(Arc::clone(&clock)));
        // One source of tokens: two processes never draw the same.
        let runtime = runtime_with(clock);
        Self {
            users: Arc::new(MemoryUsers::new(store.clone())),
            near: Node::new(&store, &cache, &runtime, pushes),
            far: Node::new(&store, &cache, &runtime, pushes),
            cache,
            store,
        }
    }

    pub(crate) fn cut_relays(&self, cut: bool) {
        for node in [&self.near, &self.far] {
            node.relay.cut.store(cut, Ordering::SeqCst);
        }
    }

    /// The process whose relay has made most rounds, and the other one.
    pub(crate) fn holder_and_next(&self) -> (&Node, &Node) {
        if self.near.rounds() > self.far.rounds() {
            (&self.near, &self.far)
        } else {
            (&self.far, &self.near)
        }
    }

    /// Commits a change and dies before it invalidates anything.
    pub(crate) async fn commit_and_die(&self, number: u128, name: &str) {
        let patch = renamed(name).profile;
        let at = Timestamp::UNIX_EPOCH;
        let written = self.users.patch(id(number), &patch, None, at).await;
        written.unwrap().unwrap();
    }
}

impl Node {
    /// How many rounds its relay has made.
    pub(crate) fn rounds(&self) -> usize {
        self.events
            .count(|event| matches!(event, CacheEvent::Relayed { .. }))
    }

    fn new(
        store: &MemoryStore,
        cache: &Arc<MemoryUserCache>,
        runtime: &Runtime,
        pushes: bool,
    ) -> Self {
        let relay = Arc::new(Cuttable {
            inner: MemoryCacheRelay::new(cache),
            cut: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
            stray: Mutex::default(),
            probes_late_by: Mutex::default(),
        });
        let way = Arc::new(Way {
            inner: Arc::clone(cache),
            pushes,
            before_look_up: Mutex::default(),
            stray: Mutex::default(),
        });
        let log: Arc<dyn ChangeLog> = Arc::new(MemoryChangeLog::new(store.clone()));
        let log_faults = Arc::new(Faults::none());
        let caches = Caches::Shared(SharedCache {
            cache: Arc::clone(&way) as _,
            relay: Arc::clone(&relay) as _,
            change_log: Arc::new(Faulty::<dyn ChangeLog>::new(log, Arc::clone(&log_faults))),
        });
        let events = Arc::new(Events::default());
        let service = UserService::new(
            Arc::new(MemoryUsers::new(store.clone())),
            Arc::new(MemoryUserWrites::new(store.clone())),
            caches,
            CachePolicy::default(),
            Arc::clone(&events) as Arc<dyn CacheObserver>,
            runtime.clone(),
        );
        tokio::spawn(service.upkeep().unwrap().run());
        Self {
            service: Arc::new(service),
            relay,
            way,
            events,
            log_faults,
        }
    }

    /// The version that a cached read answers, whether a cache did, and the bound.
    pub(crate) async fn read(&self, number: u128) -> (u64, bool, Option<Duration>) {
        let answer = self
            .service
            .get(id(number), Freshness::CACHED)
            .await
            .unwrap();
        let bound = match answer.bound {
            StalenessBound::Proven(bound) => Some(bound),
            StalenessBound::Unproven => None,
        };
        (answer.user.version.get(), is_hit(answer.trace), bound)
    }

    /// Reads until this process answers out of its memory.
    pub(crate) async fn warm(&self, number: u128) -> u64 {
        for _ in 0..10 {
            let (version, hit, _) = self.read(number).await;
            if hit {
                return version;
            }
            pass(Duration::from_millis(1)).await;
        }
        panic!("the user is not cached");
    }
}

pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

pub(crate) const ROUNDS: Duration = Duration::from_millis(250);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
