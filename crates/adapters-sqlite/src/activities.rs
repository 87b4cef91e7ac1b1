use async_trait::async_trait;
use roster_domain::pagination::{PageRequest, Slice};
use roster_domain::ports::{ActivityRepository, NewestOf, StoreError};
use roster_domain::{Activity, ActivityFilter, NewActivity, UserId};

use crate::SqliteStore;

mod reads;
pub(crate) mod writes;

/// [`ActivityRepository`] in a SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteActivities {
    store: SqliteStore,
}

impl SqliteActivities {
    /// The activities of a store.
    pub fn new(store: &SqliteStore) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

#[async_trait]
impl ActivityRepository for SqliteActivities {
    async fn list(
        &self,
        user: UserId,
        filter: &ActivityFilter,
        page: &PageRequest,
    ) -> Result<Option<Slice<Activity>>, StoreError> {
        reads::list(self.store.readers(), user, filter, page).await
    }

    async fn newest_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<Vec<Activity>>>, StoreError> {
        reads::newest_many(self.store.readers(), asked).await
    }

    async fn append(
        &self,
        user: UserId,
        activities: &[NewActivity],
    ) -> Result<Option<Vec<bool>>, StoreError> {
        let activities = activities.to_vec();
        self.store
            .write(move |tx| Box::pin(async move { writes::append(tx, user, &activities).await }))
            .await
    }
}
