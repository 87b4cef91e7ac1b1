use async_trait::async_trait;

use super::StoreError;
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

    /// The newest `limit`, newest first.
    async fn newest(&self, user: UserId, limit: u16) -> Result<Option<Vec<Activity>>, StoreError>;

    /// Appends up to 100, all or none, with the counters in the same transaction, and answers
    /// in the order given whether each is new: false when the user has one with that id
    /// already, or an earlier one of the call has it.
    async fn append(
        &self,
        user: UserId,
        activities: &[NewActivity],
    ) -> Result<Option<Vec<bool>>, StoreError>;
}
