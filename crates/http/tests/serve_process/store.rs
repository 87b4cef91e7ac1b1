//! Servers on either kind of store, for what must hold on both.

use roster_test_services::{
    FaultProxy, PostgresOptions, PostgresServer, RedisServer, TestDatabase, or_skip, test_database,
};
use tempfile::TempDir;
use url::Url;

use super::process::{Server, run};

/// A store, and what a server on it is told.
pub(crate) struct Store {
    pub(crate) folder: TempDir,
    flags: Vec<String>,
    /// Where it has a PostgreSQL to itself.
    pub(crate) postgres: Option<PostgresServer>,
    /// Where its PostgreSQL has other databases, too.
    pub(crate) database: Option<TestDatabase>,
    pub(crate) redis: Option<RedisServer>,
}

/// What a server reaches its PostgreSQL and its Redis through.
pub(crate) struct Proxies {
    pub(crate) database: FaultProxy,
    pub(crate) redis: FaultProxy,
}

impl Store {
    /// A file.
    pub(crate) fn embedded() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            flags: Vec::new(),
            postgres: None,
            database: None,
            redis: None,
        }
    }

    /// A database of a PostgreSQL, and a Redis.
    pub(crate) async fn distributed() -> Option<Self> {
        let database = test_database("empty", async |_| Ok(())).await?;
        let redis = RedisServer::start()?;
        let store = Self::migrated(database.url(), &redis.url());
        Some(Self {
            database: Some(database),
            redis: Some(redis),
            ..store
        })
    }

    /// The same, with a proxy before each.
    pub(crate) async fn behind_proxies() -> Option<(Self, Proxies)> {
        let database = test_database("empty", async |_| Ok(())).await?;
        let redis = RedisServer::start()?;
        let mut url = Url::parse(database.url()).unwrap();
        let host = url.host_str().unwrap().to_owned();
        let place = (host, url.port().unwrap_or(5432));
        let mut addresses = tokio::net::lookup_host(place).await.unwrap();
        let proxies = Proxies {
            database: FaultProxy::start(addresses.next().unwrap()),
            redis: FaultProxy::start(redis.addr()),
        };
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(proxies.database.addr().port())).unwrap();
        let redis_url = format!("redis://{}", proxies.redis.addr());
        let store = Self {
            database: Some(database),
            redis: Some(redis),
            ..Self::migrated(url.as_str(), &redis_url)
        };
        Some((store, proxies))
    }

    /// A PostgreSQL and a Redis that nobody else uses.
    pub(crate) fn distributed_alone() -> Option<Self> {
        let postgres = or_skip(PostgresServer::start(PostgresOptions::default()))?;
        let redis = RedisServer::start()?;
        let store = Self::migrated(&postgres.url("postgres"), &redis.url());
        Some(Self {
            redis: Some(redis),
            postgres: Some(postgres),
            ..store
        })
    }

    fn migrated(database: &str, redis: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flags = ["--database-url", database, "--redis-url", redis];
        let migrated = run(folder.path(), &[["migrate"].as_slice(), &flags].concat());
        assert!(migrated.status.success());
        Self {
            folder,
            flags: flags.map(str::to_owned).to_vec(),
            postgres: None,
            database: None,
            redis: None,
        }
    }

    /// A server on it.
    pub(crate) fn serve(&self, more: &[&str]) -> Server {
        let flags = self.flags.iter().map(String::as_str);
        let flags: Vec<_> = flags.chain(more.iter().copied()).collect();
        Server::start(self.folder.path(), &flags)
    }
}
