use std::time::Duration;

use async_trait::async_trait;
use roster_domain::pagination::{Counting, PageRequest, Slice, UserFilter};
use roster_domain::ports::{
    ActivityRepository, BoxError, CacheNamespace, ChangeLog, CreatedNotification, ImportRow,
    Incarnation, Invalidation, NewestOf, NotificationRepository, OnConflict, Once, PendingChanges,
    Performed, Readiness, RowResult, SeedBatch, StatsRepository, StoreError, UserRepository,
    UserSearch, UserTransfer, UserWrites, Write, WriteError, WriteRefusal, Written,
};
use roster_domain::{
    Activity, ActivityFilter, Email, MarkRead, Marked, NewActivity, NewNotification, NewUser,
    Notification, NotificationId, NotificationPatch, NotificationState, ProfilePatch, Timestamp,
    UnreadNotifications, User, UserId, UserReplacement, UserStats, UserSummary, UserVersion,
};

use roster_domain::search::{FoundUser, SearchFilter, SearchRequest};

use super::Faulty;

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl UserRepository for Faulty<dyn UserRepository> {
    async fn find_many(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let call = self.inner.find_many(ids);
        self.faults.around(call).await
    }

    async fn list_many(
        &self,
        filter: &UserFilter,
        pages: &[PageRequest],
    ) -> Result<Vec<Slice<UserSummary>>, StoreError> {
        let call = self.inner.list_many(filter, pages);
        self.faults.around(call).await
    }

    async fn count(&self, filter: &UserFilter, counting: Counting) -> Result<u64, StoreError> {
        let call = self.inner.count(filter, counting);
        self.faults.around(call).await
    }

    async fn find_id_by_email(&self, email: &Email) -> Result<Option<UserId>, StoreError> {
        let call = self.inner.find_id_by_email(email);
        self.faults.around(call).await
    }

    async fn insert(&self, user: &NewUser) -> Result<User, WriteError> {
        let call = self.inner.insert(user);
        self.faults.around(call).await
    }

    async fn patch(
        &self,
        id: UserId,
        patch: &ProfilePatch,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        let call = self.inner.patch(id, patch, expected, at);
        self.faults.around(call).await
    }

    async fn replace(
        &self,
        replacement: &UserReplacement,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        let call = self.inner.replace(replacement, at);
        self.faults.around(call).await
    }

    async fn soft_delete(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        let call = self.inner.soft_delete(id, expected, at);
        self.faults.around(call).await
    }

    async fn restore(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<User>, WriteError> {
        let call = self.inner.restore(id, expected, at);
        self.faults.around(call).await
    }

    async fn purge(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        let call = self.inner.purge(id, expected, at);
        self.faults.around(call).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl UserTransfer for Faulty<dyn UserTransfer> {
    async fn export(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        let call = self.inner.export(after, limit);
        self.faults.around(call).await
    }

    async fn import(
        &self,
        rows: &[ImportRow],
        on_conflict: OnConflict,
        at: Timestamp,
    ) -> Result<Vec<RowResult>, StoreError> {
        let call = self.inner.import(rows, on_conflict, at);
        self.faults.around(call).await
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        let call = self.inner.is_empty();
        self.faults.around(call).await
    }

    async fn seed(&self, batch: &SeedBatch) -> Result<(), StoreError> {
        let call = self.inner.seed(batch);
        self.faults.around(call).await
    }

    async fn analyze(&self) -> Result<(), StoreError> {
        let call = self.inner.analyze();
        self.faults.around(call).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl UserSearch for Faulty<dyn UserSearch> {
    async fn search(
        &self,
        filter: &SearchFilter,
        request: &SearchRequest,
    ) -> Result<Slice<FoundUser>, StoreError> {
        let call = self.inner.search(filter, request);
        self.faults.around(call).await
    }

    async fn count_found(
        &self,
        filter: &SearchFilter,
        counting: Counting,
    ) -> Result<u64, StoreError> {
        let call = self.inner.count_found(filter, counting);
        self.faults.around(call).await
    }

    async fn index_missing(&self, limit: u32) -> Result<u64, StoreError> {
        let call = self.inner.index_missing(limit);
        self.faults.around(call).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl UserWrites for Faulty<dyn UserWrites> {
    async fn perform(
        &self,
        write: &Write,
        at: Timestamp,
        once: Option<Once>,
    ) -> Result<Performed, WriteRefusal> {
        let call = self.inner.perform(write, at, once);
        self.faults.around(call).await
    }

    async fn forget_answers(&self, moment: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let call = self.inner.forget_answers(moment, limit);
        self.faults.around(call).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl NotificationRepository for Faulty<dyn NotificationRepository> {
    async fn list(
        &self,
        user: UserId,
        state: NotificationState,
        page: &PageRequest,
    ) -> Result<Option<Slice<Notification>>, StoreError> {
        let call = self.inner.list(user, state, page);
        self.faults.around(call).await
    }

    async fn unread(&self, user: UserId) -> Result<Option<u64>, StoreError> {
        let call = self.inner.unread(user);
        self.faults.around(call).await
    }

    async fn newest_unread_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<UnreadNotifications>>, StoreError> {
        let call = self.inner.newest_unread_many(asked);
        self.faults.around(call).await
    }

    async fn create(
        &self,
        user: UserId,
        notification: &NewNotification,
    ) -> Result<Option<CreatedNotification>, StoreError> {
        let call = self.inner.create(user, notification);
        self.faults.around(call).await
    }

    async fn patch(
        &self,
        user: UserId,
        id: NotificationId,
        patch: NotificationPatch,
        at: Timestamp,
    ) -> Result<Option<(Notification, Marked)>, StoreError> {
        let call = self.inner.patch(user, id, patch, at);
        self.faults.around(call).await
    }

    async fn mark_read(
        &self,
        user: UserId,
        which: &MarkRead,
        at: Timestamp,
    ) -> Result<Option<Marked>, StoreError> {
        let call = self.inner.mark_read(user, which, at);
        self.faults.around(call).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl ActivityRepository for Faulty<dyn ActivityRepository> {
    async fn list(
        &self,
        user: UserId,
        filter: &ActivityFilter,
        page: &PageRequest,
    ) -> Result<Option<Slice<Activity>>, StoreError> {
        let call = self.inner.list(user, filter, page);
        self.faults.around(call).await
    }

    async fn newest_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<Vec<Activity>>>, StoreError> {
        let call = self.inner.newest_many(asked);
        self.faults.around(call).await
    }

    async fn append(
        &self,
        user: UserId,
        activities: &[NewActivity],
    ) -> Result<Option<Vec<bool>>, StoreError> {
        let call = self.inner.append(user, activities);
        self.faults.around(call).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl StatsRepository for Faulty<dyn StatsRepository> {
    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Option<UserStats>>, StoreError> {
        let call = self.inner.find_many(users);
        self.faults.around(call).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl ChangeLog for Faulty<dyn ChangeLog> {
    async fn namespace(&self) -> Result<CacheNamespace, StoreError> {
        let call = self.inner.namespace();
        self.faults.around(call).await
    }

    async fn raise_epoch(&self, from: u128, to: u128) -> Result<CacheNamespace, StoreError> {
        let call = self.inner.raise_epoch(from, to);
        self.faults.around(call).await
    }

    async fn pending(
        &self,
        incarnation: &Incarnation,
        limit: u32,
    ) -> Result<PendingChanges, StoreError> {
        let call = self.inner.pending(incarnation, limit);
        self.faults.around(call).await
    }

    async fn acknowledge(
        &self,
        incarnation: &Incarnation,
        changes: &[Invalidation],
    ) -> Result<(), StoreError> {
        let call = self.inner.acknowledge(incarnation, changes);
        self.faults.around(call).await
    }

    async fn purge_older_than(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let call = self.inner.purge_older_than(age, limit);
        self.faults.around(call).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Readiness for Faulty<dyn Readiness> {
    async fn check(&self) -> Result<(), BoxError> {
        let call = self.inner.check();
        self.faults.around(call).await
    }
}
