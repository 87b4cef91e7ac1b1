use async_trait::async_trait;

use super::{NewestOf, StoreError};
use crate::pagination::{PageRequest, Slice};
use crate::{
    MarkRead, Marked, NewNotification, Notification, NotificationId, NotificationPatch,
    NotificationState, Timestamp, UnreadNotifications, UserId,
};

/// Notifications of one user, and how many of them are unread.
///
/// For every method `None` says that there is no such user (or that it is deleted). Every
/// write keeps the user's counters in the same transaction: `unread` is exact at any moment.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait NotificationRepository: Send + Sync {
    /// One page by `(created_at, id)`. [`crate::pagination::Start::Offset`] is not used here.
    async fn list(
        &self,
        user: UserId,
        state: NotificationState,
        page: &PageRequest,
    ) -> Result<Option<Slice<Notification>>, StoreError>;

    /// How many are unread.
    async fn unread(&self, user: UserId) -> Result<Option<u64>, StoreError>;

    /// The newest unread ones of each of these users, newest first and up to its own limit, and
    /// the count, each as of one moment, in the order asked. At most 256, repeated ones
    /// allowed; none is answered without a query.
    async fn newest_unread_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<UnreadNotifications>>, StoreError>;

    /// Stores one. When the user has one with this id already, that one is answered unchanged.
    async fn create(
        &self,
        user: UserId,
        notification: &NewNotification,
    ) -> Result<Option<CreatedNotification>, StoreError>;

    /// Changes one and answers it; `Ok(None)` also when the user has none with this id. A
    /// state that is set again keeps its first time.
    async fn patch(
        &self,
        user: UserId,
        id: NotificationId,
        patch: NotificationPatch,
        at: Timestamp,
    ) -> Result<Option<(Notification, Marked)>, StoreError>;

    /// Marks unread ones as read at `at`. Archived ones are not unread and stay as they are.
    async fn mark_read(
        &self,
        user: UserId,
        which: &MarkRead,
        at: Timestamp,
    ) -> Result<Option<Marked>, StoreError>;
}

impl dyn NotificationRepository {
    /// [`NotificationRepository::newest_unread_many`] of one.
    pub async fn newest_unread(
        &self,
        user: UserId,
        limit: u16,
    ) -> Result<Option<UnreadNotifications>, StoreError> {
        let newest = self.newest_unread_many(&[NewestOf { user, limit }]).await?;
        Ok(newest.into_iter().next().flatten())
    }
}

/// A notification that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedNotification {
    /// As it is stored.
    pub notification: Notification,
    /// False when it was there before.
    pub created: bool,
    /// How many are unread now.
    pub unread: u64,
}
