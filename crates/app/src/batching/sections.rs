//! What a dashboard reads, one section each, so that none shares another's fate.

use std::sync::Arc;

use async_trait::async_trait;
use roster_domain::ports::{
    ActivityRepository, NewestOf, NotificationRepository, StatsRepository, StoreError,
};
use roster_domain::{Activity, UnreadNotifications, UserId, UserStats};

use super::Read;

/// The counters of users.
pub(crate) struct Stats(pub(crate) Arc<dyn StatsRepository>);

/// The newest unread notifications of users.
pub(crate) struct NewestUnread(pub(crate) Arc<dyn NotificationRepository>);

/// The newest activities of users.
pub(crate) struct NewestActivities(pub(crate) Arc<dyn ActivityRepository>);

#[async_trait]
impl Read for Stats {
    type Question = UserId;
    type Answer = Option<UserStats>;

    async fn read(&self, users: &[UserId]) -> Result<Vec<Self::Answer>, StoreError> {
        self.0.find_many(users).await
    }
}

#[async_trait]
impl Read for NewestUnread {
    type Question = NewestOf;
    type Answer = Option<UnreadNotifications>;

    async fn read(&self, asked: &[NewestOf]) -> Result<Vec<Self::Answer>, StoreError> {
        self.0.newest_unread_many(asked).await
    }
}

#[async_trait]
impl Read for NewestActivities {
    type Question = NewestOf;
    type Answer = Option<Vec<Activity>>;

    async fn read(&self, asked: &[NewestOf]) -> Result<Vec<Self::Answer>, StoreError> {
        self.0.newest_many(asked).await
    }
}
