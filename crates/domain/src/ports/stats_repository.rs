use async_trait::async_trait;

use super::StoreError;
use crate::{UserId, UserStats};

/// A user's counters.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait StatsRepository: Send + Sync {
    /// The counters as of one moment; `Ok(None)`: no such user, or it is deleted.
    async fn find(&self, user: UserId) -> Result<Option<UserStats>, StoreError>;
}
