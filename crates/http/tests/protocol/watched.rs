//! The ports of a node, each with what a test does to it: stop at an effect, count, fail.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use roster_adapters_postgres::{PostgresChangeLog, PostgresUsers};
use roster_adapters_redis::{PayloadFault, RedisEvent, RedisObserver, RedisUserCache};
use roster_app::{CacheEvent, CacheObserver};
use roster_domain::pagination::{Counting, PageRequest, Slice, UserFilter};
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, CachePush, ChangeLog,
    FillOutcome, FillRequest, Incarnation, Invalidation, InvalidationSink, Lease, PendingChanges,
    Stamped, StoreError, UserCache, UserRepository, WriteError, Written,
};
use roster_domain::{
    Email, NewUser, ProfilePatch, Timestamp, User, UserId, UserReplacement, UserSummary,
    UserVersion,
};
use tokio::sync::watch;

tokio::task_local! {
    /// Set where a node looks after itself, or a test looks at it: that is no request's query.
    pub(crate) static UPKEEP: ();
}

fn is_request() -> bool {
    UPKEEP.try_with(|()| ()).is_err()
}

/// Where whoever comes may be stopped.
pub(crate) struct Gate(watch::Sender<Standing>);

#[derive(Clone, Copy, Default)]
struct Standing {
    /// How many that come are still to be stopped.
    to_stop: usize,
    stopped: usize,
    /// Counted up when those who stand may go.
    openings: usize,
}

impl Gate {
    fn new() -> Self {
        Self(watch::Sender::new(Standing::default()))
    }

    /// Stops so many of those who come from now on.
    pub(crate) fn stop_next(&self, many: usize) {
        self.0.send_modify(|standing| standing.to_stop = many);
    }

    /// Waits until so many stand here.
    pub(crate) async fn stopped(&self, many: usize) {
        let mut standing = self.0.subscribe();
        let stopped = standing.wait_for(|standing| standing.stopped >= many);
        let stopped = tokio::time::timeout(crate::support::PATIENCE, stopped).await;
        stopped.expect("nobody came to the gate").unwrap();
    }

    /// Lets all go and stops nobody.
    pub(crate) fn open(&self) {
        self.0.send_modify(|standing| {
            standing.to_stop = 0;
            standing.stopped = 0;
            standing.openings += 1;
        });
    }

    async fn pass(&self) {
        let mut openings = None;
        self.0.send_if_modified(|standing| {
            let stops = standing.to_stop > 0;
            if stops {
                standing.to_stop -= 1;
                standing.stopped += 1;
                openings = Some(standing.openings);
            }
            stops
        });
        if let Some(openings) = openings {
            let mut standing = self.0.subscribe();
            let opened = standing.wait_for(|standing| standing.openings > openings);
            opened.await.unwrap();
        }
    }
}

/// The users of a node.
pub(crate) struct WatchedUsers {
    inner: PostgresUsers,
    /// Queries that requests made for rows.
    pub(crate) queries: AtomicUsize,
    /// Before a request's query for rows.
    pub(crate) before_read: Gate,
    /// After a request's query for rows, before its answer is used.
    pub(crate) after_read: Gate,
    /// After a write is committed, before its invalidation.
    pub(crate) after_commit: Gate,
    /// How many of the next queries of requests panic.
    pub(crate) panics: AtomicUsize,
    /// Rows that are answered in place of the stored ones, as a lagging replica would.
    pub(crate) lagging: Mutex<HashMap<UserId, User>>,
}

impl WatchedUsers {
    pub(crate) fn over(inner: PostgresUsers) -> Self {
        Self {
            inner,
            queries: AtomicUsize::default(),
            before_read: Gate::new(),
            after_read: Gate::new(),
            after_commit: Gate::new(),
            panics: AtomicUsize::default(),
            lagging: Mutex::default(),
        }
    }

    pub(crate) fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }
}

fn take_one(many: &AtomicUsize) -> bool {
    let take = |many: usize| many.checked_sub(1);
    many.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
        .is_ok()
}

#[async_trait]
impl UserRepository for WatchedUsers {
    async fn find_many(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        if !is_request() {
            return self.inner.find_many(ids).await;
        }
        self.queries.fetch_add(1, Ordering::SeqCst);
        self.before_read.pass().await;
        assert!(!take_one(&self.panics), "a test has the loader panic");
        let mut users = self.inner.find_many(ids).await?;
        for (id, old) in &*self.lagging.lock().unwrap() {
            if ids.contains(id) {
                users.retain(|user| user.id != *id);
                users.push(old.clone());
            }
        }
        self.after_read.pass().await;
        Ok(users)
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
        let user = self.inner.insert(user).await?;
        self.after_commit.pass().await;
        Ok(user)
    }

    async fn patch(
        &self,
        id: UserId,
        patch: &ProfilePatch,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        let written = self.inner.patch(id, patch, expected, at).await?;
        self.after_commit.pass().await;
        Ok(written)
    }

    async fn replace(
        &self,
        replacement: &UserReplacement,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        let written = self.inner.replace(replacement, at).await?;
        self.after_commit.pass().await;
        Ok(written)
    }

    async fn soft_delete(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        let version = self.inner.soft_delete(id, expected, at).await?;
        self.after_commit.pass().await;
        Ok(version)
    }

    async fn restore(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<User>, WriteError> {
        let user = self.inner.restore(id, expected, at).await?;
        self.after_commit.pass().await;
        Ok(user)
    }

    async fn purge(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        let version = self.inner.purge(id, expected, at).await?;
        self.after_commit.pass().await;
        Ok(version)
    }
}

/// The shared cache of a node.
pub(crate) struct WatchedCache {
    inner: RedisUserCache,
    pub(crate) before_fill: Gate,
    /// After values were asked for, before the answer is used.
    pub(crate) after_get: Gate,
    /// After leases were asked for, before the answer is used.
    pub(crate) after_acquire: Gate,
    /// What every fill that arrived came to.
    pub(crate) fills: Mutex<Vec<FillOutcome>>,
    /// Whose leases are held and neither filled nor given back.
    open: Mutex<HashSet<UserId>>,
    /// How often somebody was told that another holds the lease.
    waits: AtomicUsize,
    /// Whether a writer's own invalidations are lost on the way.
    pub(crate) loses_invalidations: AtomicBool,
    /// How often each key was pushed.
    pushes: Arc<Mutex<HashMap<UserId, usize>>>,
    records: bool,
}

impl WatchedCache {
    pub(crate) fn over(inner: RedisUserCache, records: bool) -> Self {
        Self {
            inner,
            records,
            before_fill: Gate::new(),
            after_get: Gate::new(),
            open: Mutex::default(),
            waits: AtomicUsize::default(),
            after_acquire: Gate::new(),
            fills: Mutex::default(),
            loses_invalidations: AtomicBool::default(),
            pushes: Arc::default(),
        }
    }

    pub(crate) fn pushes(&self, id: UserId) -> usize {
        let pushes = self.pushes.lock().unwrap();
        pushes.get(&id).copied().unwrap_or(0)
    }

    pub(crate) fn told_to_wait(&self) -> bool {
        self.waits.load(Ordering::SeqCst) > 0
    }

    /// Whether a load of this user is between its lease and its fill.
    pub(crate) fn is_filling(&self, id: UserId) -> bool {
        self.open.lock().unwrap().contains(&id)
    }

    /// For fills that never arrive.
    pub(crate) fn forget(&self, id: UserId) {
        self.open.lock().unwrap().remove(&id);
    }

    fn end(&self, leases: impl Iterator<Item = Lease>) {
        let mut open = self.open.lock().unwrap();
        for lease in leases {
            open.remove(&lease.id);
        }
    }

    pub(crate) fn fills(&self) -> Vec<FillOutcome> {
        self.fills.lock().unwrap().clone()
    }
}

/// Counts pushes on their way.
struct Counted {
    next: Arc<dyn InvalidationSink>,
    pushes: Arc<Mutex<HashMap<UserId, usize>>>,
}

impl InvalidationSink for Counted {
    fn push(&self, push: CachePush) {
        if let CachePush::Changed(ids) = &push {
            let mut pushes = self.pushes.lock().unwrap();
            for id in ids {
                *pushes.entry(*id).or_default() += 1;
            }
        }
        self.next.push(push);
    }
}

#[async_trait]
impl UserCache for WatchedCache {
    async fn get_many(
        &self,
        namespace: CacheNamespace,
        ids: &[UserId],
    ) -> Result<Stamped<Vec<CacheLookup>>, CacheError> {
        let found = self.inner.get_many(namespace, ids).await;
        if is_request() {
            self.after_get.pass().await;
        }
        found
    }

    async fn acquire_many(
        &self,
        namespace: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError> {
        let acquired = self.inner.acquire_many(namespace, requests).await;
        if let Ok(acquired) = &acquired {
            let answers = requests.iter().zip(&acquired.reply);
            let granted = answers.filter(|(_, answer)| matches!(answer, Acquired::Granted { .. }));
            let granted = granted.map(|(request, _)| request.lease.id);
            self.open.lock().unwrap().extend(granted);
        }
        self.after_acquire.pass().await;
        if let Ok(acquired) = &acquired {
            let waits = |answer: &&Acquired| matches!(answer, Acquired::Wait { .. });
            let waits = acquired.reply.iter().filter(waits).count();
            self.waits.fetch_add(waits, Ordering::SeqCst);
        }
        acquired
    }

    async fn fill_many(
        &self,
        namespace: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError> {
        self.before_fill.pass().await;
        let outcomes = self.inner.fill_many(namespace, fills).await;
        if let (true, Ok(outcomes)) = (self.records, &outcomes) {
            self.fills.lock().unwrap().extend(outcomes);
        }
        self.end(fills.iter().map(|fill| fill.lease));
        outcomes
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<(), CacheError> {
        let released = self.inner.release_many(leases).await;
        self.end(leases.iter().copied());
        released
    }

    async fn invalidate_many(
        &self,
        invalidations: &[Invalidation],
    ) -> Result<Vec<bool>, CacheError> {
        if self.loses_invalidations.load(Ordering::SeqCst) {
            return Err(CacheError::TimedOut);
        }
        self.inner.invalidate_many(invalidations).await
    }

    async fn evict_many(&self, ids: &[UserId]) -> Result<(), CacheError> {
        self.inner.evict_many(ids).await
    }

    fn subscribe(&self, sink: Arc<dyn InvalidationSink>) {
        if !self.records {
            return self.inner.subscribe(sink);
        }
        let pushes = Arc::clone(&self.pushes);
        self.inner
            .subscribe(Arc::new(Counted { next: sink, pushes }));
    }
}

/// The change log of a node.
pub(crate) struct WatchedLog {
    inner: PostgresChangeLog,
    /// Whether nothing can be acknowledged, as if the relay died just before.
    pub(crate) dies_before_acknowledging: AtomicBool,
    /// How many changes were handed out.
    pub(crate) handed_out: AtomicUsize,
    /// How many changes were acknowledged.
    pub(crate) acknowledged: AtomicUsize,
}

impl WatchedLog {
    pub(crate) fn over(inner: PostgresChangeLog) -> Self {
        Self {
            inner,
            dies_before_acknowledging: AtomicBool::default(),
            handed_out: AtomicUsize::default(),
            acknowledged: AtomicUsize::default(),
        }
    }

    pub(crate) fn handed_out(&self) -> usize {
        self.handed_out.load(Ordering::SeqCst)
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl ChangeLog for WatchedLog {
    async fn namespace(&self) -> Result<CacheNamespace, StoreError> {
        self.inner.namespace().await
    }

    async fn raise_epoch(&self, from: u128, to: u128) -> Result<CacheNamespace, StoreError> {
        self.inner.raise_epoch(from, to).await
    }

    async fn pending(
        &self,
        incarnation: &Incarnation,
        limit: u32,
    ) -> Result<PendingChanges, StoreError> {
        let pending = self.inner.pending(incarnation, limit).await?;
        let many = pending.changes.len();
        self.handed_out.fetch_add(many, Ordering::SeqCst);
        Ok(pending)
    }

    async fn acknowledge(
        &self,
        incarnation: &Incarnation,
        changes: &[Invalidation],
    ) -> Result<(), StoreError> {
        if self.dies_before_acknowledging.load(Ordering::SeqCst) {
            let why = "a test has the relay die before it acknowledges";
            return Err(StoreError::Unavailable(why.into()));
        }
        self.inner.acknowledge(incarnation, changes).await?;
        self.acknowledged.fetch_add(changes.len(), Ordering::SeqCst);
        Ok(())
    }

    async fn purge_older_than(
        &self,
        age: std::time::Duration,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.inner.purge_older_than(age, limit).await
    }
}

/// Everything that a node tells, in its order.
pub(crate) struct Events {
    records: bool,
    cache: Mutex<Vec<CacheEvent>>,
    redis: Mutex<Vec<RedisEvent>>,
}

impl CacheObserver for Events {
    fn observe(&self, event: CacheEvent) {
        // Answers alone would fill the memory of a long test.
        let is_answer = matches!(
            event,
            CacheEvent::Answered(_) | CacheEvent::AnsweredAbsent(_)
        );
        if self.records && !is_answer {
            self.cache.lock().unwrap().push(event);
        }
    }
}

impl RedisObserver for Events {
    fn observe(&self, event: RedisEvent) {
        if self.records {
            self.redis.lock().unwrap().push(event);
        }
    }
}

impl Events {
    pub(crate) fn new(records: bool) -> Self {
        Self {
            records,
            cache: Mutex::default(),
            redis: Mutex::default(),
        }
    }

    /// How many events are like this.
    pub(crate) fn count(&self, like: impl Fn(&CacheEvent) -> bool) -> usize {
        let events = self.cache.lock().unwrap();
        events.iter().filter(|event| like(event)).count()
    }

    /// All of them that say something of interest.
    pub(crate) fn of<T>(&self, interest: impl Fn(&CacheEvent) -> Option<T>) -> Vec<T> {
        self.cache
            .lock()
            .unwrap()
            .iter()
            .filter_map(interest)
            .collect()
    }

    /// How often something stored was passed over for this reason.
    pub(crate) fn refused(&self, fault: PayloadFault) -> usize {
        let events = self.redis.lock().unwrap();
        let refused = |event: &&RedisEvent| **event == RedisEvent::Refused(fault);
        events.iter().filter(refused).count()
    }
}
