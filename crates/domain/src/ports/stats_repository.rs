use async_trait::async_trait;

use super::StoreError;
use crate::{UserId, UserStats};

/// Users' counters.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait StatsRepository: Send + Sync {
    /// The counters of each of these users in the order asked, each as of one moment; `None`
    /// where there is no such user, or it is deleted. At most 256, repeated ones allowed; none
    /// is answered without a query.
    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Option<UserStats>>, StoreError>;
}

impl dyn StatsRepository {
    /// [`StatsRepository::find_many`] of one.
    pub async fn find(&self, user: UserId) -> Result<Option<UserStats>, StoreError> {
        let found = self.find_many(&[user]).await?;
        Ok(found.into_iter().next().flatten())
    }
}
