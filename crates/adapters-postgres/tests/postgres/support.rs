//! A store of a test's own, and ways to look behind it.

use std::net::ToSocketAddrs as _;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use roster_adapters_postgres::{
    PostgresActivities, PostgresChangeLog, PostgresNotifications, PostgresPool, PostgresSettings,
    PostgresStats, PostgresUserSearch, PostgresUserTransfer, PostgresUserWrites, PostgresUsers,
    connect, migrate,
};
use roster_domain::ports::{
    ActivityRepository, ChangeLog, NotificationRepository, StatsRepository, UserRepository,
    UserSearch, UserTransfer, UserWrites,
};
use roster_port_contracts::StoreFixture;
use roster_test_services::{FaultProxy, TestDatabase, test_database};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

/// A database of the test's own and the repositories on it.
pub(crate) struct Store {
    pub(crate) pool: PostgresPool,
    pub(crate) database: TestDatabase,
}

/// An empty store with the schema; `None` without a server.
pub(crate) async fn store() -> Option<Store> {
    let database = database().await?;
    let pool = connect(&patient(database.url())).unwrap();
    Some(Store { pool, database })
}

/// An empty database with the schema; `None` without a server.
pub(crate) async fn database() -> Option<TestDatabase> {
    test_database("roster", async |url| {
        migrate(&url).await?;
        Ok(())
    })
    .await
}

/// An empty database without a schema; `None` without a server.
pub(crate) async fn empty_database() -> Option<TestDatabase> {
    test_database("empty", async |_| Ok(())).await
}

/// Settings that do not mistake a busy machine for a broken server.
pub(crate) fn patient(url: &str) -> PostgresSettings {
    PostgresSettings {
        acquire_timeout: Duration::from_secs(30),
        statement_timeout: Duration::from_secs(30),
        ..PostgresSettings::new(url)
    }
}

impl Store {
    pub(crate) fn users(&self) -> PostgresUsers {
        PostgresUsers::new(self.pool.clone())
    }

    pub(crate) fn transfer(&self) -> PostgresUserTransfer {
        PostgresUserTransfer::new(self.pool.clone())
    }

    pub(crate) fn writes(&self) -> PostgresUserWrites {
        PostgresUserWrites::new(self.pool.clone())
    }

    pub(crate) fn notifications(&self) -> PostgresNotifications {
        PostgresNotifications::new(self.pool.clone())
    }

    pub(crate) fn activities(&self) -> PostgresActivities {
        PostgresActivities::new(self.pool.clone())
    }

    pub(crate) fn stats(&self) -> Arc<dyn StatsRepository> {
        Arc::new(PostgresStats::new(self.pool.clone()))
    }

    pub(crate) fn change_log(&self) -> PostgresChangeLog {
        PostgresChangeLog::new(self.pool.clone())
    }

    /// A connection beside the pool.
    pub(crate) async fn sql(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.unwrap()
    }

    /// A proxy before the server, and where the database is through it.
    pub(crate) fn proxied(&self) -> (FaultProxy, String) {
        let options = PgConnectOptions::from_str(self.database.url()).unwrap();
        let server = format!("{}:{}", options.get_host(), options.get_port());
        let proxy = FaultProxy::start(server.to_socket_addrs().unwrap().next().unwrap());
        let through = proxy.addr().to_string();
        let url = self.database.url().replace(&server, &through);
        assert_ne!(url, self.database.url());
        (proxy, url)
    }

    /// Returns when so many of this store's statements wait for a lock.
    pub(crate) async fn wait_for_locks(&self, statements: i64) {
        let waiting = self.waiting_for_locks(statements);
        tokio::time::timeout(Duration::from_mins(1), waiting)
            .await
            .unwrap();
    }

    async fn waiting_for_locks(&self, statements: i64) {
        let mut sql = self.sql().await;
        loop {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'roster'
                   AND wait_event_type = 'Lock'",
            )
            .fetch_one(&mut sql)
            .await
            .unwrap();
            if waiting >= statements {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

impl StoreFixture for Store {
    fn users(&self) -> Arc<dyn UserRepository> {
        Arc::new(Self::users(self))
    }

    fn transfer(&self) -> Arc<dyn UserTransfer> {
        Arc::new(Self::transfer(self))
    }

    fn writes(&self) -> Arc<dyn UserWrites> {
        Arc::new(Self::writes(self))
    }

    fn search(&self) -> Arc<dyn UserSearch> {
        Arc::new(PostgresUserSearch::new(self.pool.clone()))
    }

    fn notifications(&self) -> Arc<dyn NotificationRepository> {
        Arc::new(Self::notifications(self))
    }

    fn activities(&self) -> Arc<dyn ActivityRepository> {
        Arc::new(Self::activities(self))
    }

    fn stats(&self) -> Arc<dyn StatsRepository> {
        Self::stats(self)
    }

    fn change_log(&self) -> Option<Arc<dyn ChangeLog>> {
        Some(Arc::new(Self::change_log(self)))
    }
}
