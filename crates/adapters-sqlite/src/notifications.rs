use async_trait::async_trait;
use roster_domain::pagination::{PageRequest, Slice};
use roster_domain::ports::{CreatedNotification, NewestOf, NotificationRepository, StoreError};
use roster_domain::{
    MarkRead, Marked, NewNotification, Notification, NotificationId, NotificationPatch,
    NotificationState, Timestamp, UnreadNotifications, UserId,
};

use crate::SqliteStore;

mod reads;
pub(crate) mod writes;

/// [`NotificationRepository`] in a SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteNotifications {
    store: SqliteStore,
}

impl SqliteNotifications {
    /// The notifications of a store.
    pub fn new(store: &SqliteStore) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

#[async_trait]
impl NotificationRepository for SqliteNotifications {
    async fn list(
        &self,
        user: UserId,
        state: NotificationState,
        page: &PageRequest,
    ) -> Result<Option<Slice<Notification>>, StoreError> {
        reads::list(self.store.readers(), user, state, page).await
    }

    async fn unread(&self, user: UserId) -> Result<Option<u64>, StoreError> {
        reads::unread(self.store.readers(), user).await
    }

    async fn newest_unread_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<UnreadNotifications>>, StoreError> {
        reads::newest_unread_many(self.store.readers(), asked).await
    }

    async fn create(
        &self,
        user: UserId,
        notification: &NewNotification,
    ) -> Result<Option<CreatedNotification>, StoreError> {
        let new = notification.clone();
        self.store
            .write(move |tx| Box::pin(async move { writes::create(tx, user, new).await }))
            .await
    }

    async fn patch(
        &self,
        user: UserId,
        id: NotificationId,
        patch: NotificationPatch,
        at: Timestamp,
    ) -> Result<Option<(Notification, Marked)>, StoreError> {
        self.store
            .write(move |tx| Box::pin(async move { writes::patch(tx, user, id, patch, at).await }))
            .await
    }

    async fn mark_read(
        &self,
        user: UserId,
        which: &MarkRead,
        at: Timestamp,
    ) -> Result<Option<Marked>, StoreError> {
        let which = which.clone();
        self.store
            .write(move |tx| Box::pin(async move { writes::mark_read(tx, user, which, at).await }))
            .await
    }
}
