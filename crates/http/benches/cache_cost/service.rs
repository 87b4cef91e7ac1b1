//! The service as the binary wires it, with its metrics and the clocks of the machine.

use std::path::Path;
use std::sync::Arc;

use roster_adapters_postgres::{
    PostgresChangeLog, PostgresPool, PostgresSettings, PostgresUserWrites, PostgresUsers, connect,
    migrate,
};
use roster_adapters_redis::{RedisCacheRelay, RedisSettings, RedisUserCache};
use roster_adapters_sqlite::{SqliteSettings, SqliteUserWrites, SqliteUsers, open};
use roster_app::{CachePolicy, Caches, SharedCache, UserService};
use roster_domain::ports::{UserRepository, UserWrites};
use roster_domain::{JsonObject, NewUser, ProfilePatch, Timestamp, UserId, UserPatch};
use roster_http::metrics::Metrics;
use roster_http::system;
use roster_test_services::{PostgresOptions, PostgresServer, RedisServer};
use uuid::Uuid;

/// The id of a user. Its end is spread, as that of a random one is.
pub(crate) fn id(number: u128) -> UserId {
    UserId::new(Uuid::from_u128(
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
    ))
}

/// A PostgreSQL whose commits reach the disk, with users in it.
pub(crate) struct Durable {
    server: PostgresServer,
    pool: PostgresPool,
    users: PostgresUsers,
    url: String,
}

impl Durable {
    pub(crate) async fn start(users: u128) -> Self {
        let server = PostgresServer::start(PostgresOptions {
            fsync: true,
            ..PostgresOptions::default()
        })
        .expect("PostgreSQL starts");
        let url = server.url("postgres");
        migrate(&url).await.expect("the schema is made");
        let pool = connect(&PostgresSettings::new(&*url)).expect("the URL is right");
        let repository = PostgresUsers::new(pool.clone());
        insert(&repository, users).await;
        Self {
            server,
            users: repository,
            pool,
            url,
        }
    }

    pub(crate) fn url(&self) -> &str {
        let _ = &self.server;
        &self.url
    }

    /// A service on it, with a Redis in front.
    pub(crate) fn service(&self, redis: &RedisServer) -> UserService {
        let cache = RedisUserCache::new(RedisSettings::new(redis.url())).expect("the URL is right");
        let caches = Caches::Shared(SharedCache {
            relay: Arc::new(RedisCacheRelay::new(&cache)),
            cache: Arc::new(cache),
            change_log: Arc::new(PostgresChangeLog::new(self.pool.clone())),
        });
        let writes = PostgresUserWrites::new(self.pool.clone());
        service(Arc::new(self.users.clone()), Arc::new(writes), caches)
    }

    /// Changes the row and no cache.
    pub(crate) async fn update(&self, id: UserId, count: u32) {
        let patch = patch(count);
        let written = self
            .users
            .patch(id, &patch.profile, None, Timestamp::UNIX_EPOCH);
        written.await.expect("a write").expect("the user is there");
    }
}

/// A service on a file of this folder.
pub(crate) async fn embedded(folder: &Path, users: u128) -> UserService {
    let store = open(&folder.join("roster.db"), &SqliteSettings::default())
        .await
        .expect("the file opens");
    let repository = SqliteUsers::new(&store);
    insert(&repository, users).await;
    let writes = SqliteUserWrites::new(&store);
    service(Arc::new(repository), Arc::new(writes), Caches::Embedded)
}

/// Gives a user another name.
pub(crate) async fn update(users: &UserService, id: UserId, count: u32) {
    let updated = users.update(id, patch(count), None).await;
    updated.expect("an update");
}

fn service(
    users: Arc<dyn UserRepository>,
    writes: Arc<dyn UserWrites>,
    caches: Caches,
) -> UserService {
    let metrics = Arc::new(Metrics::new());
    let runtime = system::runtime();
    let policy = CachePolicy::default();
    UserService::new(users, writes, caches, policy, metrics, runtime)
}

async fn insert(users: &dyn UserRepository, count: u128) {
    for number in 0..count {
        let user = NewUser {
            id: id(number),
            email: format!("user-{number}@example.com")
                .parse()
                .expect("an address"),
            name: format!("User {number}").parse().expect("a name"),
            is_active: true,
            locale: None,
            avatar_url: None,
            metadata: JsonObject::empty(),
            created_at: Timestamp::UNIX_EPOCH,
        };
        users.insert(&user).await.expect("a new user");
    }
}

fn patch(count: u32) -> UserPatch {
    UserPatch {
        profile: ProfilePatch {
            name: Some(format!("Name {count}").parse().expect("a name")),
            ..ProfilePatch::default()
        },
        ..UserPatch::default()
    }
}
