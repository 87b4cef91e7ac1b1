use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use roster_adapters_memory::{
    MemoryStore, MemoryUserWrites, MemoryUsers, SequentialIds, TokioSpawner,
};
use roster_app::{
    CacheEvent, CacheObserver, CachePolicy, Caches, Freshness, ReadTrace, Runtime, SharedCache,
    TierStatus, UserDraft, UserService,
};
use roster_domain::pagination::{Counting, PageRequest, Slice, UserFilter};
use roster_domain::ports::{
    Acquired, CacheLookup, CacheNamespace, ChangeLog, Clock, ConnectionEpoch, FillOutcome,
    MockCacheRelay, MockChangeLog, MockUserCache, MockUserRepository, MockUserWrites, SeenBytes,
    Stamped, StoreError, UserCache, UserRepository, UserWrites, WriteError, Written,
};
use roster_domain::{
    Email, JsonObject, NewUser, ProfilePatch, Timestamp, User, UserId, UserPatch, UserReplacement,
    UserSummary, UserVersion,
};
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) const NAMESPACE: CacheNamespace = CacheNamespace {
    database: 1,
    epoch: 2,
};

/// The clock of tokio's test runtime: with `start_paused` it moves when everybody waits.
pub(crate) struct PausedClock(Instant);

impl PausedClock {
    #[expect(clippy::disallowed_methods, reason = "this is a clock")]
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

#[async_trait]
impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH.plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

pub(crate) fn runtime() -> Runtime {
    runtime_with(PausedClock::new())
}

pub(crate) fn runtime_with(clock: Arc<dyn Clock>) -> Runtime {
    Runtime {
        clock,
        ids: Arc::new(SequentialIds::default()),
        tasks: Arc::new(TokioSpawner),
    }
}

/// Remembers what it was told.
#[derive(Default)]
pub(crate) struct Events(Mutex<Vec<CacheEvent>>);

impl Events {
    pub(crate) fn count(&self, matches: impl Fn(&CacheEvent) -> bool) -> usize {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter(|event| matches(event))
            .count()
    }

    /// How old the oldest change was that a relay found.
    pub(crate) fn longest_lag(&self) -> Duration {
        let events = self.0.lock().unwrap();
        let lags = events.iter().filter_map(|event| match event {
            CacheEvent::RelayLag { lag } => *lag,
            _ => None,
        });
        lags.max().unwrap_or_default()
    }
}

impl CacheObserver for Events {
    fn observe(&self, event: CacheEvent) {
        self.0.lock().unwrap().push(event);
    }
}

pub(crate) fn id(n: u128) -> UserId {
    UserId::new(Uuid::from_u128(n))
}

pub(crate) fn user(n: u128, version: u64) -> User {
    User {
        id: id(n),
        email: format!("user-{n}@example.com").parse().unwrap(),
        name: format!("User {n}").parse().unwrap(),
        is_active: true,
        locale: None,
        avatar_url: None,
        metadata: JsonObject::empty(),
        version: UserVersion::new(version),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

pub(crate) fn draft(n: u128) -> UserDraft {
    let user = user(n, 1);
    UserDraft {
        id: Some(user.id),
        email: user.email,
        name: user.name,
        locale: None,
        avatar_url: None,
        metadata: user.metadata,
    }
}

pub(crate) fn renamed(name: &str) -> UserPatch {
    UserPatch {
        profile: ProfilePatch {
            name: Some(name.parse().unwrap()),
            ..ProfilePatch::default()
        },
        ..UserPatch::default()
    }
}

pub(crate) fn stamped<T>(reply: T) -> Stamped<T> {
    Stamped {
        connection: ConnectionEpoch::UNTRACKED,
        reply,
    }
}

/// Whether a cache answered.
pub(crate) fn is_hit(trace: ReadTrace) -> bool {
    let hit = |tier| matches!(tier, Some(TierStatus::Hit { .. }));
    hit(trace.l1) || hit(trace.l2)
}

pub(crate) fn seen(bytes: &[u8]) -> SeenBytes {
    SeenBytes(bytes.into())
}

pub(crate) fn value(user: User) -> CacheLookup {
    let expires_at = Timestamp::UNIX_EPOCH.plus(Duration::from_mins(50));
    CacheLookup::Value {
        user: Arc::new(user),
        expires_at,
        seen: seen(b"value"),
    }
}

/// A cache without pushes, whose other calls are the test's.
pub(crate) fn cache_mock() -> MockUserCache {
    let mut cache = MockUserCache::new();
    cache.expect_subscribe().return_const(());
    cache
}

/// Nothing to be named, and a floor.
pub(crate) fn bare(floor: u64) -> CacheLookup {
    CacheLookup::Floor {
        floor: UserVersion::new(floor),
        unusable: None,
    }
}

pub(crate) fn granted(floor: u64) -> Acquired {
    Acquired::Granted {
        floor: UserVersion::new(floor),
    }
}

/// It is asked once, and says this of the one user.
pub(crate) fn finds_once(cache: &mut MockUserCache, lookup: CacheLookup) {
    let found = move |_, _: &[_]| Ok(stamped(vec![lookup.clone()]));
    cache.expect_get_many().once().returning(found);
}

pub(crate) fn acquires_once(cache: &mut MockUserCache, acquired: Acquired) {
    let answer = move |_, _: &[_]| Ok(stamped(vec![acquired.clone()]));
    cache.expect_acquire_many().once().returning(answer);
}

pub(crate) fn fills_once(cache: &mut MockUserCache, outcome: FillOutcome) {
    let answer = move |_, _: &[_]| Ok(vec![outcome]);
    cache.expect_fill_many().once().returning(answer);
}

pub(crate) fn reads_once(users: &mut MockUserRepository, row: User) {
    let answer = move |_: &[_]| Ok(vec![row.clone()]);
    users.expect_find_many().once().returning(answer);
}

pub(crate) fn unavailable() -> StoreError {
    StoreError::Unavailable("gone".into())
}

pub(crate) fn change_log() -> Arc<dyn ChangeLog> {
    let mut log = MockChangeLog::new();
    log.expect_namespace().returning(|| Ok(NAMESPACE));
    Arc::new(log)
}

pub(crate) fn shared(
    users: Arc<dyn UserRepository>,
    cache: Arc<dyn UserCache>,
) -> (UserService, Arc<Events>) {
    shared_with(users, no_writes(), cache)
}

pub(crate) fn shared_with(
    users: Arc<dyn UserRepository>,
    writes: Arc<dyn UserWrites>,
    cache: Arc<dyn UserCache>,
) -> (UserService, Arc<Events>) {
    shared_by(users, writes, cache, CachePolicy::default())
}

pub(crate) fn shared_by(
    users: Arc<dyn UserRepository>,
    writes: Arc<dyn UserWrites>,
    cache: Arc<dyn UserCache>,
    policy: CachePolicy,
) -> (UserService, Arc<Events>) {
    shared_on(runtime(), users, writes, cache, policy)
}

pub(crate) fn shared_on(
    runtime: Runtime,
    users: Arc<dyn UserRepository>,
    writes: Arc<dyn UserWrites>,
    cache: Arc<dyn UserCache>,
    policy: CachePolicy,
) -> (UserService, Arc<Events>) {
    let events = Arc::new(Events::default());
    let caches = Caches::Shared(SharedCache {
        cache,
        // Only what runs beside the requests asks it.
        relay: Arc::new(MockCacheRelay::new()),
        change_log: change_log(),
    });
    let observer = Arc::clone(&events) as Arc<dyn CacheObserver>;
    (
        UserService::new(users, writes, caches, policy, observer, runtime),
        events,
    )
}

pub(crate) fn coalescing(users: Arc<dyn UserRepository>) -> (UserService, Arc<Events>) {
    let events = Arc::new(Events::default());
    let observer = Arc::clone(&events) as Arc<dyn CacheObserver>;
    let policy = CachePolicy::default();
    let service = UserService::new(
        users,
        no_writes(),
        Caches::Coalescing,
        policy,
        observer,
        runtime(),
    );
    (service, events)
}

/// Writes as values that no test asks for.
pub(crate) fn no_writes() -> Arc<dyn UserWrites> {
    Arc::new(MockUserWrites::new())
}

pub(crate) fn embedded(users: Arc<dyn UserRepository>) -> (UserService, Arc<Events>) {
    embedded_with(users, no_writes())
}

/// A service over a whole store.
pub(crate) fn embedded_on(store: &MemoryStore) -> UserService {
    let users = Arc::new(MemoryUsers::new(store.clone()));
    embedded_with(users, Arc::new(MemoryUserWrites::new(store.clone()))).0
}

pub(crate) fn embedded_with(
    users: Arc<dyn UserRepository>,
    writes: Arc<dyn UserWrites>,
) -> (UserService, Arc<Events>) {
    let events = Arc::new(Events::default());
    let observer = Arc::clone(&events) as Arc<dyn CacheObserver>;
    (
        UserService::new(
            users,
            writes,
            Caches::Embedded,
            CachePolicy::default(),
            observer,
            runtime(),
        ),
        events,
    )
}

/// Users in memory whose reads are counted, and can be held and let go.
pub(crate) struct CountedUsers {
    inner: MemoryUsers,
    store: MemoryStore,
    reads: AtomicU64,
    gate: tokio::sync::Semaphore,
    pub(crate) held: Mutex<bool>,
}

impl CountedUsers {
    pub(crate) fn new() -> Arc<Self> {
        let store = MemoryStore::default();
        Arc::new(Self {
            inner: MemoryUsers::new(store.clone()),
            store,
            reads: AtomicU64::new(0),
            gate: tokio::sync::Semaphore::new(0),
            held: Mutex::new(false),
        })
    }

    /// Writes as values to the same store.
    pub(crate) fn writes(&self) -> Arc<dyn UserWrites> {
        Arc::new(MemoryUserWrites::new(self.store.clone()))
    }

    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    /// From now on reads stop after they have read, until they are let go.
    pub(crate) fn hold(&self) {
        *self.held.lock().unwrap() = true;
    }

    pub(crate) fn let_go(&self) {
        *self.held.lock().unwrap() = false;
        self.gate.add_permits(1_000);
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl UserRepository for CountedUsers {
    async fn find_many(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let found = self.inner.find_many(ids).await;
        self.reads.fetch_add(1, Ordering::SeqCst);
        let held = *self.held.lock().unwrap();
        if held {
            self.gate.acquire().await.unwrap().forget();
        }
        found
    }

    async fn list_many(
        &self,
        filter: &UserFilter,
        pages: &[PageRequest],
    ) -> Result<Vec<Slice<UserSummary>>, StoreError> {
        self.inner.list_many(filter, pages).await
    }

    async fn count(&self, filter: &UserFilter, counting: Counting) -> Result<u64, StoreError> {
        self.inner.count(filter, counting).await
    }

    async fn find_id_by_email(&self, email: &Email) -> Result<Option<UserId>, StoreError> {
        self.inner.find_id_by_email(email).await
    }

    async fn insert(&self, user: &NewUser) -> Result<User, WriteError> {
        self.inner.insert(user).await
    }

    async fn patch(
        &self,
        id: UserId,
        patch: &ProfilePatch,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        self.inner.patch(id, patch, expected, at).await
    }

    async fn replace(
        &self,
        replacement: &UserReplacement,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        self.inner.replace(replacement, at).await
    }

    async fn soft_delete(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        self.inner.soft_delete(id, expected, at).await
    }

    async fn restore(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<User>, WriteError> {
        self.inner.restore(id, expected, at).await
    }

    async fn purge(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        self.inner.purge(id, expected, at).await
    }
}

/// Lets every task that can run do so.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// What a call answers, once all is done that goes on behind its answer.
pub(crate) async fn settled<T>(call: impl Future<Output = T>) -> T {
    let answer = call.await;
    settle().await;
    answer
}

/// A read waits until the one before it has its row; whoever comes meanwhile joins it, though a
/// write was acknowledged since it began: it has not asked the store yet.
pub(crate) async fn third_joins_second(
    users: &CountedUsers,
    service: Arc<UserService>,
    events: &Events,
) {
    let before = users.reads();
    let get = || {
        let service = Arc::clone(&service);
        tokio::spawn(async move { service.get(id(1), Freshness::CACHED).await.unwrap() })
    };
    users.hold();
    let first = get();
    settle().await;
    service
        .update(id(1), renamed("Second"), None)
        .await
        .unwrap();
    let second = get();
    settle().await;
    service.update(id(1), renamed("Third"), None).await.unwrap();
    let third = get();
    settle().await;
    users.let_go();

    let name = |answer: roster_app::Answer| answer.user.name.as_str().to_owned();
    assert_eq!(name(first.await.unwrap()), "User 1");
    assert_eq!(name(second.await.unwrap()), "Third");
    assert_eq!(name(third.await.unwrap()), "Third");
    assert_eq!(users.reads(), before + 2);
    assert_eq!(events.count(|event| *event == CacheEvent::Collapsed), 1);
}
