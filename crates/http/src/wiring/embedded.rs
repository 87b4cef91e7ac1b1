//! One process on a SQLite file.

use std::sync::Arc;
use std::time::Duration;

use roster_adapters_sqlite::{
    DataFolder, LockError, SqliteActivities, SqliteNotifications, SqliteReadiness, SqliteSettings,
    SqliteStats, SqliteStore, SqliteUserSearch, SqliteUserTransfer, SqliteUserWrites, SqliteUsers,
};
use roster_app::Caches;

use super::{Ports, StartError};
use crate::services::Dependency;
use crate::settings::EmbeddedSettings;

/// The file, and the lock on its folder.
pub(super) struct Embedded {
    store: SqliteStore,
    folder: DataFolder,
}

pub(super) async fn open(
    settings: &EmbeddedSettings,
    holder: &str,
    deadline: Duration,
) -> Result<(Embedded, Ports), StartError> {
    // A write that another process keeps waiting says so itself, before its request's deadline.
    let file = SqliteSettings {
        writer_queue_timeout: deadline * 3 / 4,
        ..SqliteSettings::default()
    };
    let embedded = Embedded::open_as(settings, holder, &file).await?;
    let store = &embedded.store;
    let ports = Ports {
        users: Arc::new(SqliteUsers::new(store)),
        writes: Arc::new(SqliteUserWrites::new(store)),
        search: Arc::new(SqliteUserSearch::new(store)),
        notifications: Arc::new(SqliteNotifications::new(store)),
        activities: Arc::new(SqliteActivities::new(store)),
        stats: Arc::new(SqliteStats::new(store)),
        transfer: Arc::new(SqliteUserTransfer::new(store)),
        caches: Caches::Embedded,
        dependencies: vec![Dependency::new(
            "database",
            true,
            Arc::new(SqliteReadiness::new(store)),
        )],
    };
    Ok((embedded, ports))
}

impl Embedded {
    pub(super) async fn open(
        settings: &EmbeddedSettings,
        holder: &str,
    ) -> Result<Self, StartError> {
        Self::open_as(settings, holder, &SqliteSettings::default()).await
    }

    async fn open_as(
        settings: &EmbeddedSettings,
        holder: &str,
        file: &SqliteSettings,
    ) -> Result<Self, StartError> {
        let folder = lock(settings, holder)?;
        let store = roster_adapters_sqlite::open(&folder.database(), file)
            .await
            .map_err(|source| StartError::File(source.into()))?;
        Ok(Self { store, folder })
    }

    pub(super) fn store(&self) -> &SqliteStore {
        &self.store
    }

    pub(super) fn set_holder(&self, holder: &str) -> Result<(), StartError> {
        self.folder.set_holder(holder).map_err(refused)
    }

    pub(super) fn description(&self) -> String {
        let path = self.folder.database();
        std::path::absolute(&path)
            .unwrap_or(path)
            .display()
            .to_string()
    }

    pub(super) async fn close(self) {
        self.store.close().await;
        drop(self.folder);
    }
}

/// Takes the data folder, or says who has it.
pub(super) fn lock(settings: &EmbeddedSettings, holder: &str) -> Result<DataFolder, StartError> {
    DataFolder::lock(&settings.data_dir, holder).map_err(refused)
}

fn refused(error: LockError) -> StartError {
    match error {
        LockError::Held { path, by } => StartError::FolderHeld { path, by },
        error @ LockError::Io { .. } => StartError::File(error.into()),
    }
}
