use async_trait::async_trait;
use roster_domain::ports::{StatsRepository, StoreError};
use roster_domain::{UserId, UserStats};

use crate::MemoryStore;
use crate::store::count;

/// [`StatsRepository`] in memory: counted when asked, so that it cannot drift.
#[derive(Clone, Debug)]
pub struct MemoryStats {
    store: MemoryStore,
}

impl MemoryStats {
    /// The counters of a store.
    pub fn new(store: MemoryStore) -> Self {
        Self { store }
    }
}

#[async_trait]
impl StatsRepository for MemoryStats {
    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Option<UserStats>>, StoreError> {
        Ok(self.store.with(|state| {
            let find = |user: &UserId| {
                let row = state.live(*user)?;
                Some(UserStats {
                    notifications: count(row.notifications.values()),
                    unread_notifications: row.unread(),
                    activities: count(row.activities.values()),
                    last_activity_at: row.activities.values().map(|a| a.occurred_at).max(),
                })
            };
            users.iter().map(find).collect()
        }))
    }
}
