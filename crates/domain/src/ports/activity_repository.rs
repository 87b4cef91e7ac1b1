use async_trait::async_trait;

use super::{NewestOf, StoreError};
use crate::pagination::{PageRequest, Slice};
use crate::{Activity, ActivityFilter, NewActivity, UserId};

/// What one user did. `Ok(None)` says that there is no such user (or that it is deleted).
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait ActivityRepository: Send + Sync {
    /// One page by `(occurred_at, id)`. [`crate::pagination::Start::Offset`] is not used here.
    async fn list(
        &self,
        user: UserId,
        filter: &ActivityFilter,
        page: &PageRequest,
    ) -> Result<Option<Slice<Activity>>, StoreError>;

    /// The newest of each of these users, newest first and up to its own limit, in the order
    /// asked; `None` in the place of a user that is not there. At most 256, repeated ones
    /// allowed; none is answered without a query.
    async fn newest_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<Vec<Activity>>>, StoreError>;

    /// Appends up to 100, all or none, with the counters in the same transaction, and answers
    /// in the order given whether each is new: false when the user has one with that id
    /// already, or an earlier one of the call has it.
    async fn append(
        &self,
        user: UserId,
        activities: &[NewActivity],
    ) -> Result<Option<Vec<bool>>, StoreError>;
}

impl dyn ActivityRepository {
    /// [`ActivityRepository::newest_many`] of one.
    pub async fn newest(
        &self,
        user: UserId,
        limit: u16,
    ) -> Result<Option<Vec<Activity>>, StoreError> {
        let newest = self.newest_many(&[NewestOf { user, limit }]).await?;
        Ok(newest.into_iter().next().flatten())
    }
}
