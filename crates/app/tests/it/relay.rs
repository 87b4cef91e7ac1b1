//! What goes on beside the requests: the relay heals what writers leave behind, and the bound
//! of an answer says how far it got.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    CacheError, CacheRelay, ChangeLog, Clock, Probe, RelayClaim, RelayRound, Stamped,
    UserRepository,
};
use roster_domain::{Timestamp, UserVersion};

use crate::support::{Events, PausedClock, draft, id, is_hit, renamed, runtime_with};

/// Two processes on one database and one cache.
struct Fleet {
    store: MemoryStore,
    users: Arc<MemoryUsers>,
    cache: Arc<MemoryUserCache>,
    near: Node,
    far: Node,
}

struct Node {
    service: Arc<UserService>,
    relay: Arc<Cuttable>,
    events: Arc<Events>,
}

/// A relay that can lose its way to the cache, or only what it is answered.
struct Cuttable {
    inner: MemoryCacheRelay,
    cut: AtomicBool,
    deaf: AtomicBool,
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
        self.inner.probe(database).await
    }
}

impl Fleet {
    fn new() -> Self {
        let clock: Arc<dyn Clock> = PausedClock::new();
        let store = MemoryStore::default().with_clock(Arc::clone(&clock));
        let cache = Arc::new(MemoryUserCache::new(Arc::clone(&clock)));
        // One source of tokens: two processes never draw the same.
        let runtime = runtime_with(clock);
        Self {
            users: Arc::new(MemoryUsers::new(store.clone())),
            near: Node::new(&store, &cache, &runtime),
            far: Node::new(&store, &cache, &runtime),
            cache,
            store,
        }
    }

    /// The process whose relay has made most rounds, and the other one.
    fn holder_and_next(&self) -> (&Node, &Node) {
        if self.near.rounds() > self.far.rounds() {
            (&self.near, &self.far)
        } else {
            (&self.far, &self.near)
        }
    }

    /// Commits a change and dies before it invalidates anything.
    async fn commit_and_die(&self, number: u128, name: &str) {
        let patch = renamed(name).profile;
        let at = Timestamp::UNIX_EPOCH;
        let written = self.users.patch(id(number), &patch, None, at).await;
        written.unwrap().unwrap();
    }
}

impl Node {
    /// How many rounds its relay has made.
    fn rounds(&self) -> usize {
        self.events
            .count(|event| matches!(event, CacheEvent::Relayed { .. }))
    }

    fn new(store: &MemoryStore, cache: &Arc<MemoryUserCache>, runtime: &Runtime) -> Self {
        let relay = Arc::new(Cuttable {
            inner: MemoryCacheRelay::new(cache),
            cut: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
        });
        let caches = Caches::Shared(SharedCache {
            cache: Arc::clone(cache) as _,
            relay: Arc::clone(&relay) as _,
            change_log: Arc::new(MemoryChangeLog::new(store.clone())),
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
            events,
        }
    }

    /// The version that a cached read answers, whether a cache did, and the bound.
    async fn read(&self, number: u128) -> (u64, bool, Option<Duration>) {
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
    async fn warm(&self, number: u128) -> u64 {
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

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

const ROUNDS: Duration = Duration::from_millis(250);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn what_a_dead_writer_left_behind_is_gone_within_two_rounds() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    assert_eq!(fleet.far.warm(1).await, 1);

    fleet.commit_and_die(1, "Changed").await;
    assert_eq!(fleet.far.read(1).await.0, 1, "nobody has said it yet");
    pass(ROUNDS).await;

    assert_eq!(fleet.far.read(1).await.0, 2);
    assert_eq!(fleet.near.read(1).await.0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_is_pushed_to_the_memory_of_the_other_process() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    assert_eq!(fleet.far.warm(1).await, 1);
    let renamed = renamed("Changed");
    let written = fleet.near.service.update(id(1), renamed, None).await;
    assert_eq!(written.unwrap().version, UserVersion::new(2));
    assert_eq!(fleet.far.read(1).await.0, 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_a_cache_says_how_old_it_may_be() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    pass(SECOND).await;
    for _ in 0..20 {
        pass(Duration::from_millis(37)).await;
        let (_, hit, bound) = fleet.near.read(1).await;
        assert!(hit);
        assert!(bound.unwrap() <= ROUNDS, "{bound:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_bound_grows_while_no_relay_works_and_covers_what_is_stale() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    pass(SECOND).await;
    for node in [&fleet.near, &fleet.far] {
        node.relay.cut.store(true, Ordering::SeqCst);
    }
    fleet.commit_and_die(1, "Changed").await;
    for seconds in 1..10_u64 {
        pass(SECOND).await;
        let (version, _, bound) = fleet.near.read(1).await;
        let stale_for = Duration::from_secs(seconds);
        assert!(
            version == 2 || bound.is_none_or(|bound| bound >= stale_for),
            "version {version} and a bound of {bound:?} after {seconds} s"
        );
    }
    let failed = |event: &CacheEvent| *event == CacheEvent::RelayFailed;
    assert!(fleet.near.events.count(failed) > 0);

    fleet.near.relay.cut.store(false, Ordering::SeqCst);
    pass(ROUNDS * 2).await;
    let (version, _, bound) = fleet.near.read(1).await;
    assert_eq!(version, 2);
    assert!(bound.unwrap() <= ROUNDS, "{bound:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failover_that_brings_a_deleted_value_back_is_healed() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    pass(SECOND).await;
    let before = fleet.cache.snapshot();
    let renamed = renamed("Changed");
    fleet
        .near
        .service
        .update(id(1), renamed, None)
        .await
        .unwrap();
    // The relay acknowledges the change for this life of the cache.
    pass(SECOND).await;

    fleet.cache.fail_over(&before);
    let (version, _, bound) = fleet.far.read(1).await;
    assert!(version == 2 || bound.is_none(), "{version} {bound:?}");
    pass(SECOND).await;

    for node in [&fleet.near, &fleet.far] {
        assert_eq!(node.read(1).await.0, 2);
        assert!(node.warm(1).await == 2);
        assert!(node.read(1).await.2.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_is_older_than_the_log_is_loaded_anew() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    pass(SECOND).await;
    let old = fleet.cache.snapshot();
    fleet.commit_and_die(1, "Changed").await;
    pass(SECOND).await;
    for node in [&fleet.near, &fleet.far] {
        node.relay.cut.store(true, Ordering::SeqCst);
    }
    // Longer than rows of the log are kept.
    pass(Duration::from_mins(10)).await;
    let log = MemoryChangeLog::new(fleet.store.clone());
    log.purge_older_than(Duration::from_mins(2), 1_000)
        .await
        .unwrap();
    fleet.cache.fail_over(&old);
    for node in [&fleet.near, &fleet.far] {
        node.relay.cut.store(false, Ordering::SeqCst);
    }
    pass(SECOND).await;

    let raised = |event: &CacheEvent| *event == CacheEvent::EpochRaised;
    assert!(fleet.near.events.count(raised) + fleet.far.events.count(raised) >= 2);
    assert_eq!(fleet.near.read(1).await.0, 2);
    assert_eq!(fleet.far.read(1).await.0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_empties_the_memory_of_the_process() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    let in_memory = |overview: roster_app::CacheOverview| overview.shared.unwrap().bound;
    pass(SECOND).await;
    assert_ne!(
        in_memory(fleet.near.service.cache_overview()),
        StalenessBound::Unproven
    );
    fleet.cache.disconnect();
    assert_eq!(
        in_memory(fleet.near.service.cache_overview()),
        StalenessBound::Unproven,
        "the proof went with the connection"
    );
    let (_, _, bound) = fleet.near.read(1).await;
    assert_eq!(bound, None, "the value is the shared cache's again");
    pass(ROUNDS).await;
    assert!(fleet.near.read(1).await.2.is_some());
}

#[tokio::test(start_paused = true)]
async fn clearing_makes_everything_a_miss_in_every_process() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    fleet.far.warm(1).await;
    pass(SECOND).await;

    fleet.near.service.clear_caches().await.unwrap();

    assert!(!fleet.near.read(1).await.1);
    pass(ROUNDS).await;
    let far_loads = |event: &CacheEvent| matches!(event, CacheEvent::Answered(tier) if *tier != roster_app::Tier::L1);
    let before = fleet.far.events.count(far_loads);
    fleet.far.read(1).await;
    assert_eq!(fleet.far.events.count(far_loads), before + 1);
}

#[tokio::test(start_paused = true)]
async fn one_relay_works_at_a_time_and_the_next_takes_over() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    pass(SECOND * 10).await;
    let (near, far) = (fleet.near.rounds(), fleet.far.rounds());
    assert!(near.min(far) <= 3 && near.max(far) >= 80, "{near} {far}");
    let (holder, next) = fleet.holder_and_next();
    holder.relay.cut.store(true, Ordering::SeqCst);
    let before = next.rounds();
    pass(Duration::from_millis(500)).await;
    assert!(next.rounds() > before);
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_is_let_in_and_fails_keeps_nobody_out() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    pass(SECOND * 10).await;
    let (holder, next) = fleet.holder_and_next();
    holder.relay.deaf.store(true, Ordering::SeqCst);
    let before = next.rounds();
    pass(SECOND).await;
    assert!(next.rounds() >= before + 5, "{}", next.rounds() - before);
}
