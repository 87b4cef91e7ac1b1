use std::time::Duration;

use async_trait::async_trait;
use roster_domain::ports::{BoxError, Readiness, StoreError};
use tokio::time::timeout;

use crate::SqliteStore;
use crate::error::store_error;

/// [`Readiness`] of a SQLite file: it can be read, and writes are taken.
#[derive(Clone, Debug)]
pub struct SqliteReadiness {
    store: SqliteStore,
}

/// How long the file may take to answer.
const LIMIT: Duration = Duration::from_secs(1);

impl SqliteReadiness {
    /// The readiness of a store.
    pub fn new(store: &SqliteStore) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

#[async_trait]
impl Readiness for SqliteReadiness {
    async fn check(&self) -> Result<(), BoxError> {
        timeout(LIMIT, async {
            // A row of the file itself: a constant would be answered without reading it.
            sqlx::query_scalar!("SELECT version FROM users LIMIT 1")
                .fetch_optional(self.store.readers())
                .await
                .map_err(store_error)?;
            // A transaction that changes nothing: it waits its turn, and for no disk.
            self.store.write(|_| Box::pin(async { Ok(()) })).await
        })
        .await?
        .map_err(|error: StoreError| error.into())
    }
}
