use async_trait::async_trait;
use roster_adapters_memory::MemoryUsers;
use roster_domain::pagination::{Counting, PageRequest, Slice, UserFilter};
use roster_domain::ports::{StoreError, UserRepository, WriteError, Written};
use roster_domain::{
    Email, NewUser, ProfilePatch, Timestamp, User, UserId, UserReplacement, UserSummary,
    UserVersion,
};
use shuttle::future::yield_now;

/// Users in memory; before and after each call another task may go on.
pub(super) struct YieldingUsers(pub(super) MemoryUsers);

impl YieldingUsers {
    async fn around<T>(call: impl Future<Output = T>) -> T {
        yield_now().await;
        let output = call.await;
        yield_now().await;
        output
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl UserRepository for YieldingUsers {
    async fn find_many(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        Self::around(self.0.find_many(ids)).await
    }

    async fn list_many(
        &self,
        filter: &UserFilter,
        pages: &[PageRequest],
    ) -> Result<Vec<Slice<UserSummary>>, StoreError> {
        Self::around(self.0.list_many(filter, pages)).await
    }

    async fn count(&self, filter: &UserFilter, counting: Counting) -> Result<u64, StoreError> {
        Self::around(self.0.count(filter, counting)).await
    }

    async fn find_id_by_email(&self, email: &Email) -> Result<Option<UserId>, StoreError> {
        Self::around(self.0.find_id_by_email(email)).await
    }

    async fn insert(&self, user: &NewUser) -> Result<User, WriteError> {
        Self::around(self.0.insert(user)).await
    }

    async fn patch(
        &self,
        id: UserId,
        patch: &ProfilePatch,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        Self::around(self.0.patch(id, patch, expected, at)).await
    }

    async fn replace(
        &self,
        replacement: &UserReplacement,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        Self::around(self.0.replace(replacement, at)).await
    }

    async fn soft_delete(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        Self::around(self.0.soft_delete(id, expected, at)).await
    }

    async fn restore(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<User>, WriteError> {
        Self::around(self.0.restore(id, expected, at)).await
    }

    async fn purge(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        Self::around(self.0.purge(id, expected, at)).await
    }
}
