use std::sync::Arc;

use roster_domain::pagination::{FilterHash, Page, PageRequest};
use roster_domain::ports::{CreatedNotification, NotificationRepository};
use roster_domain::{
    DedupeKey, FeedKind, JsonObject, MarkRead, Marked, NewNotification, Notification,
    NotificationBody, NotificationId, NotificationPatch, NotificationState, NotificationTitle,
    UserId,
};

use crate::{FeedError, Runtime};

/// Everything that can be done with a user's notifications.
pub struct NotificationService {
    notifications: Arc<dyn NotificationRepository>,
    runtime: Runtime,
}

/// A notification as a caller describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationDraft {
    /// What it is about.
    pub kind: FeedKind,
    /// The headline.
    pub title: NotificationTitle,
    /// The text.
    pub body: Option<NotificationBody>,
    /// What programs read.
    pub data: JsonObject,
    /// The caller's name of the event; one notification is stored for it.
    pub dedupe_key: Option<DedupeKey>,
}

impl NotificationService {
    /// A service over a store.
    pub fn new(notifications: Arc<dyn NotificationRepository>, runtime: Runtime) -> Self {
        Self {
            notifications,
            runtime,
        }
    }

    /// One page, newest first unless the request says otherwise, and how many are unread.
    pub async fn list(
        &self,
        user: UserId,
        state: NotificationState,
        request: &PageRequest,
    ) -> Result<(Page<Notification>, u64), FeedError> {
        let page = self.notifications.list(user, state, request);
        let unread = self.notifications.unread(user);
        let (slice, unread) = futures::try_join!(page, unread)?;
        let (Some(slice), Some(unread)) = (slice, unread) else {
            return Err(FeedError::UserNotFound);
        };
        Ok((Page::new(request, FilterHash::from(state), slice), unread))
    }

    /// How many are unread, exact.
    pub async fn unread(&self, user: UserId) -> Result<u64, FeedError> {
        self.notifications
            .unread(user)
            .await?
            .ok_or(FeedError::UserNotFound)
    }

    /// Stores one, or answers the one that its dedupe key stands for.
    pub async fn create(
        &self,
        user: UserId,
        draft: NotificationDraft,
    ) -> Result<CreatedNotification, FeedError> {
        let id = match &draft.dedupe_key {
            Some(key) => NotificationId::of_dedupe_key(user, key),
            None => NotificationId::new(self.runtime.ids.next_id()),
        };
        let notification = NewNotification {
            id,
            kind: draft.kind,
            title: draft.title,
            body: draft.body,
            data: draft.data,
            created_at: self.runtime.clock.now(),
        };
        self.notifications
            .create(user, &notification)
            .await?
            .ok_or(FeedError::UserNotFound)
    }

    /// Reads, unreads, archives or takes out of the archive.
    pub async fn patch(
        &self,
        user: UserId,
        id: NotificationId,
        patch: NotificationPatch,
    ) -> Result<(Notification, Marked), FeedError> {
        let at = self.runtime.clock.now();
        self.notifications
            .patch(user, id, patch, at)
            .await?
            .ok_or(FeedError::NotificationNotFound)
    }

    /// Marks many as read.
    pub async fn mark_read(&self, user: UserId, which: &MarkRead) -> Result<Marked, FeedError> {
        let at = self.runtime.clock.now();
        self.notifications
            .mark_read(user, which, at)
            .await?
            .ok_or(FeedError::UserNotFound)
    }
}
