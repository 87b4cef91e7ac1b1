//! Servers on either kind of store, for what must hold on both.

use roster_test_services::{
    PostgresOptions, PostgresServer, RedisServer, TestDatabase, or_skip, test_database,
};
use tempfile::TempDir;

use super::process::{Server, run};

/// A store, and what a server on it is told.
pub(crate) struct Store {
    pub(crate) folder: TempDir,
    flags: Vec<String>,
    /// Where it has a PostgreSQL to itself.
    pub(crate) postgres: Option<PostgresServer>,
    /// As long as they are needed.
    _shared: (Option<TestDatabase>, Option<RedisServer>),
}

impl Store {
    /// A file.
    pub(crate) fn embedded() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            flags: Vec::new(),
            postgres: None,
            _shared: (None, None),
        }
    }

    /// A database of a PostgreSQL, and a Redis.
    pub(crate) async fn distributed() -> Option<Self> {
        let database = test_database("empty", async |_| Ok(())).await?;
        let redis = RedisServer::start()?;
        let store = Self::migrated(database.url(), &redis);
        Some(Self {
            _shared: (Some(database), Some(redis)),
            ..store
        })
    }

    /// A PostgreSQL and a Redis that nobody else uses.
    pub(crate) fn distributed_alone() -> Option<Self> {
        let postgres = or_skip(PostgresServer::start(PostgresOptions::default()))?;
        let redis = RedisServer::start()?;
        let store = Self::migrated(&postgres.url("postgres"), &redis);
        Some(Self {
            _shared: (None, Some(redis)),
            postgres: Some(postgres),
            ..store
        })
    }

    fn migrated(database: &str, redis: &RedisServer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = redis.url();
        let flags = ["--database-url", database, "--redis-url", &url];
        let migrated = run(folder.path(), &[["migrate"].as_slice(), &flags].concat());
        assert!(migrated.status.success());
        Self {
            folder,
            flags: flags.map(str::to_owned).to_vec(),
            postgres: None,
            _shared: (None, None),
        }
    }

    /// A server on it.
    pub(crate) fn serve(&self, more: &[&str]) -> Server {
        let flags = self.flags.iter().map(String::as_str);
        let flags: Vec<_> = flags.chain(more.iter().copied()).collect();
        Server::start(self.folder.path(), &flags)
    }
}
