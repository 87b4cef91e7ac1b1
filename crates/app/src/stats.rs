use std::sync::Arc;

use roster_domain::ports::StatsRepository;
use roster_domain::{UserId, UserStats};

use crate::FeedError;

/// A user's counters.
pub struct StatsService {
    stats: Arc<dyn StatsRepository>,
}

impl StatsService {
    /// A service over a store.
    pub fn new(stats: Arc<dyn StatsRepository>) -> Self {
        Self { stats }
    }

    /// The counters as of now.
    pub async fn get(&self, user: UserId) -> Result<UserStats, FeedError> {
        self.stats.find(user).await?.ok_or(FeedError::UserNotFound)
    }
}
