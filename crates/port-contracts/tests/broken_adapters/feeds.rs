//! Feeds and counters, broken in one rule.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use roster_domain::pagination::{PageRequest, Slice};
use roster_domain::ports::{
    ActivityRepository, CreatedNotification, NewestOf, NotificationRepository, StatsRepository,
    StoreError,
};
use roster_domain::{
    Activity, ActivityFilter, MarkRead, Marked, NewActivity, NewNotification, Notification,
    NotificationId, NotificationPatch, NotificationState, Timestamp, UnreadNotifications, UserId,
    UserStats,
};
use roster_port_contracts::samples::as_created;

use super::Store;

const MICROSECOND: Duration = Duration::from_micros(1);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeedRule {
    ArchiveNotCounted,
    RepeatOverwrites,
    UpToExcludes,
    ReadsAgain,
    UntilIncludes,
    LastAppended,
    AnswersByUser,
    LeavesNobodyOut,
    AnswersEachOnce,
    OneLimitForAll,
}

impl FeedRule {
    /// What is asked instead.
    fn asks<Q: Ask>(self, mut asked: Vec<Q>) -> Vec<Q> {
        match self {
            Self::AnswersByUser => asked.sort_by_key(Q::user),
            Self::AnswersEachOnce => {
                let mut seen = HashSet::new();
                asked.retain(|asked| seen.insert(asked.user()));
            }
            Self::OneLimitForAll => {
                if let Some(first) = asked.first().copied() {
                    for asked in &mut asked {
                        asked.limit_as(first);
                    }
                }
            }
            _ => {}
        }
        asked
    }

    /// What is answered instead.
    fn answers<T>(self, found: Vec<Option<T>>) -> Vec<Option<T>> {
        let leaves_out = self == Self::LeavesNobodyOut;
        let kept = found
            .into_iter()
            .filter(|found| !leaves_out || found.is_some());
        kept.collect()
    }
}

/// A question of one user.
trait Ask: Copy {
    fn user(&self) -> UserId;
    fn limit_as(&mut self, other: Self);
}

impl Ask for UserId {
    fn user(&self) -> UserId {
        *self
    }

    fn limit_as(&mut self, _: Self) {}
}

impl Ask for NewestOf {
    fn user(&self) -> UserId {
        self.user
    }

    fn limit_as(&mut self, other: Self) {
        self.limit = other.limit;
    }
}

pub(crate) fn broken(rule: FeedRule) -> Store {
    let sound = Store::sound();
    let last = Arc::<Mutex<HashMap<UserId, Timestamp>>>::default();
    let notifications = Notifications {
        inner: Arc::clone(&sound.notifications),
        rule,
    };
    let activities = Activities {
        inner: Arc::clone(&sound.activities),
        rule,
        last: Arc::clone(&last),
    };
    let stats = Stats {
        inner: Arc::clone(&sound.stats),
        rule,
        last,
    };
    Store {
        notifications: Arc::new(notifications),
        activities: Arc::new(activities),
        stats: Arc::new(stats),
        ..sound
    }
}

struct Notifications {
    inner: Arc<dyn NotificationRepository>,
    rule: FeedRule,
}

#[async_trait]
impl NotificationRepository for Notifications {
    async fn list(
        &self,
        user: UserId,
        state: NotificationState,
        page: &PageRequest,
    ) -> Result<Option<Slice<Notification>>, StoreError> {
        self.inner.list(user, state, page).await
    }

    async fn unread(&self, user: UserId) -> Result<Option<u64>, StoreError> {
        self.inner.unread(user).await
    }

    async fn newest_unread_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<UnreadNotifications>>, StoreError> {
        let asked = self.rule.asks(asked.to_vec());
        let found = self.inner.newest_unread_many(&asked).await?;
        Ok(self.rule.answers(found))
    }

    async fn create(
        &self,
        user: UserId,
        notification: &NewNotification,
    ) -> Result<Option<CreatedNotification>, StoreError> {
        let mut answer = self.inner.create(user, notification).await?;
        if let Some(answer) = answer.as_mut()
            && self.rule == FeedRule::RepeatOverwrites
        {
            answer.notification = as_created(notification);
        }
        Ok(answer)
    }

    async fn patch(
        &self,
        user: UserId,
        id: NotificationId,
        patch: NotificationPatch,
        at: Timestamp,
    ) -> Result<Option<(Notification, Marked)>, StoreError> {
        let mut patched = self.inner.patch(user, id, patch, at).await?;
        if let Some((row, marked)) = patched.as_mut() {
            let archived_unread =
                patch.read.is_none() && patch.archived == Some(true) && row.read_at.is_none();
            if self.rule == FeedRule::ArchiveNotCounted && archived_unread {
                marked.unread += 1;
            }
            if self.rule == FeedRule::ReadsAgain && patch.read == Some(true) {
                row.read_at = Some(at);
            }
        }
        Ok(patched)
    }

    async fn mark_read(
        &self,
        user: UserId,
        which: &MarkRead,
        at: Timestamp,
    ) -> Result<Option<Marked>, StoreError> {
        match which {
            MarkRead::UpTo(last) if self.rule == FeedRule::UpToExcludes => {
                let before = MarkRead::UpTo(last.minus(MICROSECOND));
                self.inner.mark_read(user, &before, at).await
            }
            which => self.inner.mark_read(user, which, at).await,
        }
    }
}

struct Activities {
    inner: Arc<dyn ActivityRepository>,
    rule: FeedRule,
    last: Arc<Mutex<HashMap<UserId, Timestamp>>>,
}

#[async_trait]
impl ActivityRepository for Activities {
    async fn list(
        &self,
        user: UserId,
        filter: &ActivityFilter,
        page: &PageRequest,
    ) -> Result<Option<Slice<Activity>>, StoreError> {
        let mut filter = filter.clone();
        if self.rule == FeedRule::UntilIncludes {
            filter.until = filter.until.map(|until| until.plus(MICROSECOND));
        }
        self.inner.list(user, &filter, page).await
    }

    async fn newest_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<Vec<Activity>>>, StoreError> {
        let asked = self.rule.asks(asked.to_vec());
        let found = self.inner.newest_many(&asked).await?;
        Ok(self.rule.answers(found))
    }

    async fn append(
        &self,
        user: UserId,
        activities: &[NewActivity],
    ) -> Result<Option<Vec<bool>>, StoreError> {
        let appended = self.inner.append(user, activities).await?;
        for (activity, new) in activities.iter().zip(appended.iter().flatten()) {
            if *new {
                let mut last = self.last.lock().unwrap();
                last.insert(user, activity.occurred_at);
            }
        }
        Ok(appended)
    }
}

struct Stats {
    inner: Arc<dyn StatsRepository>,
    rule: FeedRule,
    last: Arc<Mutex<HashMap<UserId, Timestamp>>>,
}

#[async_trait]
impl StatsRepository for Stats {
    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Option<UserStats>>, StoreError> {
        let users = self.rule.asks(users.to_vec());
        let found = self.inner.find_many(&users).await?;
        let mut found = self.rule.answers(found);
        for (stats, user) in found.iter_mut().zip(&users) {
            if let (Some(stats), Some(last)) = (stats.as_mut(), self.last.lock().unwrap().get(user))
                && self.rule == FeedRule::LastAppended
            {
                stats.last_activity_at = Some(*last);
            }
        }
        Ok(found)
    }
}
