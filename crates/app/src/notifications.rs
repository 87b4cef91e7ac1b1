use std::sync::Arc;

use roster_domain::pagination::{FilterHash, Page, PageRequest};
use roster_domain::ports::{
    CreatedNotification, NotificationRepository, Once, Outcome, Performed, UserWrites, Write,
};
use roster_domain::{
    DedupeKey, FeedKind, JsonObject, MarkRead, Marked, NewNotification, Notification,
    NotificationBody, NotificationId, NotificationPatch, NotificationState, NotificationTitle,
    UserId,
};

use crate::once::{perform, repeated};
use crate::{Answered, FeedError, Runtime};

/// Everything that can be done with a user's notifications.
pub struct NotificationService {
    notifications: Arc<dyn NotificationRepository>,
    writes: Arc<dyn UserWrites>,
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
    pub fn new(
        notifications: Arc<dyn NotificationRepository>,
        writes: Arc<dyn UserWrites>,
        runtime: Runtime,
    ) -> Self {
        Self {
            notifications,
            writes,
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
        let notification = self.new_notification(user, draft);
        self.notifications
            .create(user, &notification)
            .await?
            .ok_or(FeedError::UserNotFound)
    }

    /// Stores one, once under a key.
    pub async fn create_once(
        &self,
        user: UserId,
        draft: NotificationDraft,
        once: Once,
    ) -> Result<Answered<CreatedNotification>, FeedError> {
        let notification = self.new_notification(user, draft);
        let write = Write::Notify { user, notification };
        match self.perform(write, once).await? {
            Performed::Done(Outcome::Notified(created)) => Ok(Answered::Now(created)),
            other => repeated(other, FeedError::UserNotFound),
        }
    }

    async fn perform(&self, write: Write, once: Once) -> Result<Performed, FeedError> {
        perform(&self.writes, &self.runtime, write, once).await
    }

    fn new_notification(&self, user: UserId, draft: NotificationDraft) -> NewNotification {
        let id = match &draft.dedupe_key {
            Some(key) => NotificationId::of_dedupe_key(user, key),
            None => NotificationId::new(self.runtime.ids.next_id()),
        };
        NewNotification {
            id,
            kind: draft.kind,
            title: draft.title,
            body: draft.body,
            data: draft.data,
            created_at: self.runtime.clock.now(),
        }
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

    /// Reads, unreads, archives or takes out of the archive, once under a key.
    pub async fn patch_once(
        &self,
        user: UserId,
        id: NotificationId,
        patch: NotificationPatch,
        once: Once,
    ) -> Result<Answered<(Notification, Marked)>, FeedError> {
        let write = Write::MarkNotification { user, id, patch };
        match self.perform(write, once).await? {
            Performed::Done(Outcome::Marked(notification, marked)) => {
                Ok(Answered::Now((notification, marked)))
            }
            other => repeated(other, FeedError::NotificationNotFound),
        }
    }

    /// Marks many as read.
    pub async fn mark_read(&self, user: UserId, which: &MarkRead) -> Result<Marked, FeedError> {
        let at = self.runtime.clock.now();
        self.notifications
            .mark_read(user, which, at)
            .await?
            .ok_or(FeedError::UserNotFound)
    }

    /// Marks many as read, once under a key.
    pub async fn mark_read_once(
        &self,
        user: UserId,
        which: MarkRead,
        once: Once,
    ) -> Result<Answered<Marked>, FeedError> {
        let write = Write::MarkRead { user, which };
        match self.perform(write, once).await? {
            Performed::Done(Outcome::MarkedRead(marked)) => Ok(Answered::Now(marked)),
            other => repeated(other, FeedError::UserNotFound),
        }
    }
}
