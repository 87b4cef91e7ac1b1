//! What the tests here share.
//!
//! - [`world!`]: a database of the test's own and one Redis for all of them, under a prefix of
//!   the test's own; `world!(own_redis)` has a Redis to itself, to flush or to end. Both end
//!   the test where there is no server to be had.
//! - [`World::node`]: a node with its relay and proofs running; [`World::node_with`] to say
//!   otherwise. [`Node`] reads, writes and can be stopped at one effect (see `watched`).
//! - [`World::redis`]: one command, as an operator would give it; [`World::key`] and
//!   [`World::stored`]: the key of a user and its bytes.
//! - [`until`]: waits for something that must come true; [`is_soak`], [`patch`], [`draft`].

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use roster_adapters_postgres::{
    PostgresChangeLog, PostgresPool, PostgresSettings, PostgresUserWrites, PostgresUsers, connect,
};
use roster_adapters_redis::{RedisCacheRelay, RedisSettings, RedisUserCache};
use roster_app::{
    Answer, CacheEvent, CachePolicy, CachedKey, Caches, Freshness, Held, Runtime, SharedCache,
    StalenessBound, UserDraft, UserError, UserService,
};
use roster_domain::ports::{CacheNamespace, ChangeLog as _, UserCache as _, UserRepository as _};
use roster_domain::{JsonObject, ProfilePatch, User, UserId, UserPatch, UserVersion};
use roster_http::system::runtime;
use roster_test_services::{RedisServer, TestDatabase, patient_redis, test_database};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::watched::{Events, UPKEEP, WatchedCache, WatchedLog, WatchedUsers};

/// Longer than anything that is waited for may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The database and the Redis of one test, or its end where there are none.
macro_rules! world {
    () => {
        match $crate::support::World::shared().await {
            Some(world) => world,
            None => return,
        }
    };
    (own_redis) => {
        match $crate::support::World::with_own_redis().await {
            Some(world) => world,
            None => return,
        }
    };
}

/// The servers of one test.
pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) redis: RedisServer,
    prefix: String,
    raw: MultiplexedConnection,
}

/// What a node is made with.
pub(crate) struct Making {
    pub(crate) policy: CachePolicy,
    /// Whether the relay, the proofs and the auditor run.
    pub(crate) upkeep: bool,
    /// Whether what happens is kept for the test to look at.
    pub(crate) records: bool,
}

/// One node: a user service over the real adapters.
pub(crate) struct Node {
    pub(crate) service: Arc<UserService>,
    pub(crate) users: Arc<WatchedUsers>,
    pub(crate) cache: Arc<WatchedCache>,
    pub(crate) log: Arc<WatchedLog>,
    pub(crate) events: Arc<Events>,
    pub(crate) runtime: Runtime,
    pub(crate) pool: PostgresPool,
    upkeep: Option<JoinHandle<()>>,
}

impl World {
    pub(crate) async fn shared() -> Option<Self> {
        static REDIS: OnceLock<Option<RedisServer>> = OnceLock::new();
        let redis = tokio::task::block_in_place(|| REDIS.get_or_init(RedisServer::start).clone())?;
        Self::on(redis).await
    }

    pub(crate) async fn with_own_redis() -> Option<Self> {
        Self::on(RedisServer::start()?).await
    }

    async fn on(redis: RedisServer) -> Option<Self> {
        let database = test_database("roster", async |url| {
            roster_adapters_postgres::migrate(&url).await?;
            Ok(())
        })
        .await?;
        let raw = patient_redis(redis.addr()).await.unwrap();
        let prefix = format!(
            "t{}",
            Uuid::from_bytes(runtime().ids.random_token()).simple()
        );
        Some(Self {
            database,
            redis,
            prefix,
            raw,
        })
    }

    /// A node as in production, but patient with a busy machine.
    pub(crate) async fn node(&self) -> Node {
        self.node_with(Making::default()).await
    }

    /// A node of which only requests make queries.
    pub(crate) async fn quiet_node(&self) -> Node {
        let making = Making::default();
        self.node_with(Making {
            upkeep: false,
            ..making
        })
        .await
    }

    /// A node, when it is connected and can prove how old its answers are.
    pub(crate) async fn node_with(&self, making: Making) -> Node {
        let pool = connect(&PostgresSettings {
            max_connections: 8,
            acquire_timeout: PATIENCE,
            statement_timeout: PATIENCE,
            ..PostgresSettings::new(self.database.url())
        })
        .unwrap();
        let events = Arc::new(Events::new(making.records));
        let settings = RedisSettings {
            key_prefix: self.prefix.clone(),
            connect_timeout: PATIENCE,
            command_timeout: PATIENCE,
            relay_timeout: PATIENCE,
            heartbeat_timeout: PATIENCE,
            ..RedisSettings::new(self.redis.url())
        };
        let redis = RedisUserCache::observed(settings, Arc::<Events>::clone(&events)).unwrap();
        until("the node is connected", || redis.is_connected()).await;
        let users = Arc::new(WatchedUsers::over(PostgresUsers::new(pool.clone())));
        let log = Arc::new(WatchedLog::over(PostgresChangeLog::new(pool.clone())));
        let relay = Arc::new(RedisCacheRelay::new(&redis));
        let cache = Arc::new(WatchedCache::over(redis, making.records));
        let runtime = runtime();
        let service = Arc::new(UserService::new(
            Arc::<WatchedUsers>::clone(&users),
            Arc::new(PostgresUserWrites::new(pool.clone())),
            Caches::Shared(SharedCache {
                cache: Arc::<WatchedCache>::clone(&cache),
                relay,
                change_log: Arc::<WatchedLog>::clone(&log),
            }),
            making.policy,
            Arc::<Events>::clone(&events),
            runtime.clone(),
        ));
        let upkeep = service.upkeep().filter(|_| making.upkeep);
        let upkeep = upkeep.map(|upkeep| tokio::spawn(UPKEEP.scope((), upkeep.run())));
        let bound = || service.cache_overview().shared.unwrap().bound;
        if upkeep.is_some() {
            // The first relay of a database empties every cache.
            until("there is a proof", || bound() != StalenessBound::Unproven).await;
        }
        Node {
            service,
            users,
            cache,
            log,
            events,
            runtime,
            pool,
            upkeep,
        }
    }

    /// The key of a user.
    pub(crate) fn key(&self, id: UserId) -> String {
        format!("{}:u:{{{}}}", self.prefix, id.get())
    }

    /// Every key of this test, as Redis would hand it to another.
    pub(crate) async fn dump_all(&self) -> Vec<u8> {
        let keys: Vec<String> = self.redis(&["KEYS", &format!("{}*", self.prefix)]).await;
        let mut dump = Vec::new();
        for key in keys {
            dump.extend_from_slice(key.as_bytes());
            let value: Option<Vec<u8>> = self.redis(&["DUMP", &key]).await;
            dump.extend(value.unwrap_or_default());
        }
        dump
    }

    /// The bytes under the key of a user.
    pub(crate) async fn stored(&self, id: UserId) -> Option<Vec<u8>> {
        self.redis(&["GET", &self.key(id)]).await
    }

    /// The tag under the key of a user: `V`, `N`, `T` or `L`.
    pub(crate) async fn tag(&self, id: UserId) -> Option<char> {
        let stored = self.stored(id).await?;
        stored.first().map(|tag| char::from(*tag))
    }

    /// One command, as an operator would give it.
    pub(crate) async fn redis<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut self.raw.clone()).await.unwrap()
    }

    /// Stores other bytes under the key of a user.
    pub(crate) async fn put(&self, id: UserId, bytes: &[u8]) {
        let mut set = redis::cmd("SET");
        set.arg(self.key(id)).arg(bytes);
        set.exec_async(&mut self.raw.clone()).await.unwrap();
    }
}

impl Default for Making {
    fn default() -> Self {
        let policy = CachePolicy {
            lease_ttl: PATIENCE,
            lease_wait: PATIENCE,
            invalidate_limit: PATIENCE,
            ..CachePolicy::default()
        };
        Self {
            policy,
            upkeep: true,
            records: true,
        }
    }
}

impl Node {
    /// A user made by this node.
    pub(crate) async fn create(&self) -> User {
        let id = UserId::new(self.runtime.ids.next_id());
        self.service.create(draft(id)).await.unwrap()
    }

    /// One version more of a user.
    pub(crate) async fn rename(&self, id: UserId, name: &str) -> User {
        self.service.update(id, patch(name), None).await.unwrap()
    }

    /// The same by a name that it never had; answers the new version.
    pub(crate) async fn write(&self, id: UserId) -> u64 {
        let name = self.runtime.ids.next_id().to_string();
        self.rename(id, &name).await.version.get()
    }

    /// The same, by a writer that dies between its commit and the invalidation.
    pub(crate) async fn commit_alone(&self, id: UserId) -> u64 {
        let name = self.runtime.ids.next_id().to_string();
        let (patch, at) = (patch(&name).profile, self.runtime.clock.now());
        let written = self.users.patch(id, &patch, None, at).await.unwrap();
        written.unwrap().user.version.get()
    }

    /// A read of whatever the caches hold.
    pub(crate) async fn read(&self, id: UserId) -> Answer {
        let answer = self.service.get(id, Freshness::CACHED).await.unwrap();
        self.landed(id).await;
        answer
    }

    /// The version that a read is answered with; `None` when there is no such user.
    pub(crate) async fn version(&self, id: UserId) -> Option<u64> {
        let answered = self.service.get(id, Freshness::CACHED).await;
        self.landed(id).await;
        match answered {
            Ok(answer) => Some(answer.user.version.get()),
            Err(UserError::NotFound) => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Returns when no load of this user is between its lease and its fill: who asked before the
    /// store was is answered before. What a breaker keeps back is not waited for.
    pub(crate) async fn landed(&self, id: UserId) {
        let breaker = |is_open| {
            let is = |event: &CacheEvent| matches!(event, CacheEvent::BreakerChanged { open } if *open == is_open);
            self.events.count(is)
        };
        let landing = async {
            while self.cache.is_filling(id) && breaker(true) == breaker(false) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let landed = tokio::time::timeout(PATIENCE, landing).await;
        landed.expect("the load never ends");
        self.cache.forget(id);
    }

    /// A read in a task of its own.
    pub(crate) fn reading(&self, id: UserId) -> JoinHandle<Result<Answer, UserError>> {
        let service = Arc::clone(&self.service);
        tokio::spawn(async move { service.get(id, Freshness::CACHED).await })
    }

    /// A user in every tier; not counted as a read of the database.
    pub(crate) async fn inspect(&self, id: UserId) -> CachedKey {
        UPKEEP.scope((), self.service.inspect_cached(id)).await
    }

    /// The version in the cache of this process, if it holds the user.
    pub(crate) async fn near_version(&self, id: UserId) -> Option<u64> {
        match self.inspect(id).await.l1 {
            Held::Value { version, .. } => Some(version.get()),
            _ => None,
        }
    }

    /// Returns when everything is heard that the shared cache told before this call.
    pub(crate) async fn settle(&self) {
        let nobody = UserId::new(self.runtime.ids.next_id());
        let namespace = self.namespace().await;
        self.cache.get_many(namespace, &[nobody]).await.unwrap();
    }

    pub(crate) async fn namespace(&self) -> CacheNamespace {
        self.log.namespace().await.unwrap()
    }

    /// Reads until the user is kept in this process; answers its version there.
    pub(crate) async fn warm(&self, id: UserId) -> u64 {
        let warming = async {
            loop {
                self.version(id).await;
                if let Some(version) = self.near_version(id).await {
                    return version;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let warmed = tokio::time::timeout(PATIENCE, warming).await;
        warmed.expect("the node never keeps the user")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(upkeep) = &self.upkeep {
            upkeep.abort();
        }
    }
}

/// Whether tests run at full length.
pub(crate) fn is_soak() -> bool {
    std::env::var_os("ROSTER_SOAK").is_some_and(|value| value == "1")
}

/// Waits for something that must come true, and no longer than is patient.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    assert!(waited.is_ok(), "it did not come true that {what}");
}

/// A user to be created.
pub(crate) fn draft(id: UserId) -> UserDraft {
    UserDraft {
        id: Some(id),
        email: format!("{}@example.com", id.get().simple())
            .parse()
            .unwrap(),
        name: "first".parse().unwrap(),
        locale: None,
        avatar_url: None,
        metadata: JsonObject::empty(),
    }
}

/// A change of the name.
pub(crate) fn patch(name: &str) -> UserPatch {
    UserPatch {
        profile: ProfilePatch {
            name: Some(name.parse().unwrap()),
            ..ProfilePatch::default()
        },
        ..UserPatch::default()
    }
}

/// A read that takes nothing below a version.
pub(crate) const fn at_least(version: u64) -> Freshness {
    Freshness {
        strong: false,
        min_version: UserVersion::new(version),
    }
}
