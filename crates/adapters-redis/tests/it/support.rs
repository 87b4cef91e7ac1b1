//! A private server, a cache on it, and the server's own view of the keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use roster_adapters_redis::{
    PayloadFault, RedisEvent, RedisObserver, RedisSettings, RedisUserCache,
};
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, CachePush, FillOutcome,
    FillRequest, Filling, Invalidation, InvalidationSink, Lease, LeaseToken, SeenBytes, UserCache,
};
use roster_domain::{Timestamp, User, UserId, UserVersion};
use roster_test_services::{RedisServer, patient_redis};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use uuid::Uuid;

pub(crate) const OURS: CacheNamespace = CacheNamespace {
    database: 0x0d0d_0d0d_0d0d_0d0d_0d0d_0d0d_0d0d_0d0d,
    epoch: 0x0e0e_0e0e_0e0e_0e0e_0e0e_0e0e_0e0e_0e0e,
};
pub(crate) const ID: UserId =
    UserId::new(Uuid::from_u128(0x0190_c2a8_7d3e_7c5b_9f1e_3a2b_1c0d_9e8f));
pub(crate) const KEY: &str = "roster:u:{0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f}";
pub(crate) const HOLD: Duration = Duration::from_secs(2);
pub(crate) const TTL: Duration = Duration::from_hours(1);
/// Longer than anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A bench, or the end of the test where there is no server to be had.
macro_rules! bench {
    () => {
        match crate::support::Bench::start().await {
            Some(bench) => bench,
            None => return,
        }
    };
}

/// Counts events.
#[derive(Default)]
pub(crate) struct Tally(Mutex<HashMap<RedisEvent, usize>>);

impl RedisObserver for Tally {
    fn observe(&self, event: RedisEvent) {
        *self.0.lock().unwrap().entry(event).or_default() += 1;
    }
}

impl Tally {
    pub(crate) fn of(&self, event: RedisEvent) -> usize {
        self.0.lock().unwrap().get(&event).copied().unwrap_or(0)
    }
}

/// Remembers pushes.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<CachePush>>);

impl InvalidationSink for Heard {
    fn push(&self, push: CachePush) {
        self.0.lock().unwrap().push(push);
    }
}

impl Heard {
    pub(crate) fn of(cache: &RedisUserCache) -> Arc<Self> {
        let heard = Arc::new(Self::default());
        cache.subscribe(Arc::<Self>::clone(&heard));
        heard
    }

    pub(crate) fn all(&self) -> Vec<CachePush> {
        self.0.lock().unwrap().clone()
    }

    /// Everything but what is said of single keys.
    pub(crate) fn of_the_connection(&self) -> Vec<CachePush> {
        let mut pushes = self.all();
        pushes.retain(|push| !matches!(push, CachePush::Changed(_)));
        pushes
    }

    /// The users that changed, in order.
    pub(crate) fn changed(&self) -> Vec<UserId> {
        let mut changed = Vec::new();
        for push in self.all() {
            if let CachePush::Changed(ids) = push {
                changed.extend(ids);
            }
        }
        changed
    }

    pub(crate) fn has(&self, push: &CachePush) -> bool {
        self.0.lock().unwrap().contains(push)
    }
}

/// A cache and what looks at the same server beside it.
pub(crate) struct Bench {
    pub(crate) cache: Arc<RedisUserCache>,
    pub(crate) tally: Arc<Tally>,
    /// The same keys by another connection, once somebody asked for it.
    pub(crate) other: OnceCell<Arc<RedisUserCache>>,
    pub(crate) raw: MultiplexedConnection,
    pub(crate) server: RedisServer,
}

impl Bench {
    pub(crate) async fn start() -> Option<Self> {
        Self::over(RedisServer::start()?).await
    }

    pub(crate) async fn over(server: RedisServer) -> Option<Self> {
        let raw = connect(&server).await;
        let (cache, tally) = cache(patient(&server.url())).await;
        Some(Self {
            cache,
            tally,
            other: OnceCell::new(),
            raw,
            server,
        })
    }

    /// One command, as an operator would give it.
    pub(crate) async fn ask<T: redis::FromRedisValue>(&self, line: &str) -> T {
        let mut words = line.split_whitespace();
        let mut command = redis::cmd(words.next().unwrap());
        command.arg(words.collect::<Vec<_>>());
        command.query_async(&mut self.raw.clone()).await.unwrap()
    }

    /// Breaks every connection but the operator's, and returns when the cache has noticed.
    pub(crate) async fn cut(&self) {
        let before = self.tally.of(RedisEvent::Disconnected);
        let _: i64 = self.ask("CLIENT KILL TYPE normal SKIPME yes").await;
        until(|| self.tally.of(RedisEvent::Disconnected) > before).await;
    }

    pub(crate) async fn bytes(&self) -> Option<Vec<u8>> {
        self.ask(&format!("GET {KEY}")).await
    }

    pub(crate) async fn put(&self, bytes: &[u8]) {
        self.put_at(ID, bytes).await;
    }

    pub(crate) async fn put_at(&self, id: UserId, bytes: &[u8]) {
        let mut set = redis::cmd("SET");
        set.arg(key(id)).arg(bytes);
        set.exec_async(&mut self.raw.clone()).await.unwrap();
    }

    pub(crate) async fn pttl(&self) -> i64 {
        self.ask(&format!("PTTL {KEY}")).await
    }

    /// The server's clock.
    pub(crate) async fn now_ms(&self) -> i64 {
        let (seconds, micros): (i64, i64) = self.ask("TIME").await;
        seconds * 1_000 + micros / 1_000
    }

    /// How often something foreign was passed over.
    pub(crate) fn foreign(&self) -> usize {
        self.refused(PayloadFault::Foreign)
    }

    pub(crate) fn refused(&self, fault: PayloadFault) -> usize {
        self.tally.of(RedisEvent::Refused(fault))
    }

    pub(crate) async fn get(&self) -> CacheLookup {
        get(&self.cache).await.unwrap()
    }

    /// A look-up of several, which takes another command.
    pub(crate) async fn get_twice(&self) -> Vec<CacheLookup> {
        self.cache.get_many(OURS, &[ID, ID]).await.unwrap().reply
    }

    pub(crate) async fn acquire(&self, token: u8) -> Acquired {
        self.acquire_past(token, None).await
    }

    pub(crate) async fn acquire_past(&self, token: u8, unusable: Option<SeenBytes>) -> Acquired {
        let request = AcquireRequest {
            lease: lease(token),
            hold_for: HOLD,
            unusable,
            likely_absent: false,
        };
        self.try_acquire(request).await.unwrap()
    }

    pub(crate) async fn acquire_after_flush(&self, token: u8) {
        let _: () = self.ask("FLUSHALL").await;
        assert_eq!(self.acquire(token).await, granted(0));
    }

    pub(crate) async fn try_acquire(
        &self,
        request: AcquireRequest,
    ) -> Result<Acquired, CacheError> {
        let answer = self.cache.acquire_many(OURS, &[request]).await?;
        Ok(answer.reply.into_iter().next().unwrap())
    }

    pub(crate) async fn fill(&self, token: u8, version: u64) -> FillOutcome {
        let filling = Filling::User(Arc::new(user(version)), expires_at());
        self.fill_with(token, filling).await
    }

    pub(crate) async fn fill_with(&self, token: u8, filling: Filling) -> FillOutcome {
        self.fill_for(token, filling, TTL).await
    }

    pub(crate) async fn fill_for(&self, token: u8, filling: Filling, ttl: Duration) -> FillOutcome {
        let lease = lease(token);
        let request = FillRequest {
            lease,
            filling,
            ttl,
        };
        self.cache.fill_many(OURS, &[request]).await.unwrap()[0]
    }

    pub(crate) async fn release(&self, token: u8) {
        self.cache.release_many(&[lease(token)]).await.unwrap();
    }

    pub(crate) async fn invalidate(&self, floor: u64) -> bool {
        let floor = UserVersion::new(floor);
        let invalidation = Invalidation { id: ID, floor };
        self.cache.invalidate_many(&[invalidation]).await.unwrap()[0]
    }
}

/// Settings whose limits a busy machine does not reach.
pub(crate) fn patient(url: &str) -> RedisSettings {
    let mut settings = RedisSettings::new(url);
    settings.command_timeout = PATIENCE;
    settings.relay_timeout = PATIENCE;
    settings.connect_timeout = PATIENCE;
    // Silence is found when two in a row were missed, which is within what is waited for.
    settings.heartbeat_timeout = Duration::from_secs(2);
    settings
}

/// A cache with these settings, connected.
pub(crate) async fn cache(settings: RedisSettings) -> (Arc<RedisUserCache>, Arc<Tally>) {
    let tally = Arc::new(Tally::default());
    let observer: Arc<dyn RedisObserver> = Arc::<Tally>::clone(&tally);
    let cache = Arc::new(RedisUserCache::observed(settings, observer).unwrap());
    until(|| cache.is_connected()).await;
    (cache, tally)
}

pub(crate) async fn connect(server: &RedisServer) -> MultiplexedConnection {
    patient_redis(server.addr()).await.unwrap()
}

/// Waits for something that must come true, and no longer than is patient.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it did not come true");
}

pub(crate) async fn get(cache: &RedisUserCache) -> Result<CacheLookup, CacheError> {
    let answer = cache.get_many(OURS, &[ID]).await?;
    Ok(answer.reply.into_iter().next().unwrap())
}

/// The key of a user, as an operator spells it.
pub(crate) fn key(id: UserId) -> String {
    format!("roster:u:{{{id}}}")
}

pub(crate) fn numbered(number: u128) -> UserId {
    UserId::new(Uuid::from_u128(number))
}

pub(crate) fn user(version: u64) -> User {
    User {
        id: ID,
        email: "zoe@example.com".parse().unwrap(),
        name: "Zoë \"Z\" 語".parse().unwrap(),
        is_active: true,
        locale: Some("pt-BR".parse().unwrap()),
        avatar_url: None,
        metadata: r#"{"n":1e400,"plan":"pro"}"#.parse().unwrap(),
        version: UserVersion::new(version),
        created_at: Timestamp::from_unix_micros(1_700_000_000_123_456).unwrap(),
        updated_at: Timestamp::from_unix_micros(1_700_000_001_000_000).unwrap(),
    }
}

pub(crate) fn expires_at() -> Timestamp {
    Timestamp::from_unix_micros(1_700_003_600_000_000).unwrap()
}

pub(crate) fn lease(token: u8) -> Lease {
    Lease {
        id: ID,
        token: LeaseToken([token; 16]),
    }
}

pub(crate) fn granted(floor: u64) -> Acquired {
    Acquired::Granted {
        floor: UserVersion::new(floor),
    }
}

/// A floor and nothing that would have to be passed over.
pub(crate) fn floor(floor: u64) -> CacheLookup {
    CacheLookup::Floor {
        floor: UserVersion::new(floor),
        unusable: None,
    }
}

/// The version of a value that was found.
pub(crate) fn version(lookup: &CacheLookup) -> Option<u64> {
    match lookup {
        CacheLookup::Value { user, .. } => Some(user.version.get()),
        _ => None,
    }
}

/// The bytes that a look-up says must be passed over.
pub(crate) fn unusable(lookup: &CacheLookup) -> Option<SeenBytes> {
    match lookup {
        CacheLookup::Floor { unusable, .. } => unusable.clone(),
        _ => None,
    }
}

/// A lease as a script would have written it.
pub(crate) fn lease_bytes(floor: u64, deadline_ms: i64, token: u8) -> Vec<u8> {
    let mut bytes = format!("L{floor:016x}{deadline_ms:016}").into_bytes();
    bytes.extend([token; 16]);
    bytes
}
