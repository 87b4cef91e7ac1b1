use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use roster_adapters_sqlite::{
    SqliteActivities, SqliteNotifications, SqliteSettings, SqliteStats, SqliteStore,
    SqliteUserSearch, SqliteUserTransfer, SqliteUserWrites, SqliteUsers, open,
};
use roster_domain::ports::{
    ActivityRepository, NotificationRepository, StatsRepository, UserRepository, UserSearch,
    UserTransfer, UserWrites,
};
use roster_port_contracts::StoreFixture;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

/// A database file of the test's own.
pub(crate) struct Fixture {
    pub(crate) store: SqliteStore,
    pub(crate) folder: TempDir,
}

/// Settings that do not mistake a busy machine or a slow disk for a broken store.
pub(crate) fn patient() -> SqliteSettings {
    SqliteSettings {
        read_acquire_timeout: Duration::from_secs(30),
        writer_queue_timeout: Duration::from_secs(30),
        ..SqliteSettings::default()
    }
}

pub(crate) async fn fixture() -> Option<Fixture> {
    Some(fixture_with(&patient()).await)
}

pub(crate) async fn fixture_with(settings: &SqliteSettings) -> Fixture {
    let folder = TempDir::new().unwrap();
    let store = open(&folder.path().join("roster.db"), settings)
        .await
        .unwrap();
    Fixture { store, folder }
}

impl Fixture {
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("roster.db")
    }

    /// A look at the file that does not go through the adapter.
    pub(crate) async fn raw(&self) -> SqliteConnection {
        let url = format!("sqlite:{}", self.path().display());
        SqliteConnection::connect(&url).await.unwrap()
    }
}

impl StoreFixture for Fixture {
    fn users(&self) -> Arc<dyn UserRepository> {
        Arc::new(SqliteUsers::new(&self.store))
    }

    fn transfer(&self) -> Arc<dyn UserTransfer> {
        Arc::new(SqliteUserTransfer::new(&self.store))
    }

    fn writes(&self) -> Arc<dyn UserWrites> {
        Arc::new(SqliteUserWrites::new(&self.store))
    }

    fn search(&self) -> Arc<dyn UserSearch> {
        Arc::new(SqliteUserSearch::new(&self.store))
    }

    fn notifications(&self) -> Arc<dyn NotificationRepository> {
        Arc::new(SqliteNotifications::new(&self.store))
    }

    fn activities(&self) -> Arc<dyn ActivityRepository> {
        Arc::new(SqliteActivities::new(&self.store))
    }

    fn stats(&self) -> Arc<dyn StatsRepository> {
        Arc::new(SqliteStats::new(&self.store))
    }
}
