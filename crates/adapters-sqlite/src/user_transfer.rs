use async_trait::async_trait;
use roster_domain::ports::{ImportRow, OnConflict, RowResult, SeedBatch, StoreError, UserTransfer};
use roster_domain::{Timestamp, User, UserId};
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::store_error;
use crate::user_row::UserRow;

mod import;
mod seed;

use import::Stop;

/// [`UserTransfer`] in a SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteUserTransfer {
    store: SqliteStore,
}

impl SqliteUserTransfer {
    /// The users of a store.
    pub fn new(store: &SqliteStore) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

#[async_trait]
impl UserTransfer for SqliteUserTransfer {
    async fn export(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        // No id is shorter than 16 octets, so the empty one is before them all.
        let after = after.map_or_else(Vec::new, |id| id.get().as_bytes().to_vec());
        let rows = sqlx::query_as!(
            UserRow,
            r#"SELECT id AS "id: Uuid", email, name, is_active AS "is_active: bool", locale,
                avatar_url, metadata, version, created_at, updated_at
            FROM users
            WHERE id > ?1 AND deleted_at IS NULL
            ORDER BY id LIMIT ?2"#,
            after,
            limit
        )
        .fetch_all(self.store.readers())
        .await
        .map_err(store_error)?;
        rows.into_iter().map(User::try_from).collect()
    }

    async fn import(
        &self,
        rows: &[ImportRow],
        on_conflict: OnConflict,
        at: Timestamp,
    ) -> Result<Vec<RowResult>, StoreError> {
        let rows = rows.to_vec();
        let imported = self
            .store
            .transfer(move |tx| {
                Box::pin(async move { import::import(tx, &rows, on_conflict, at).await })
            })
            .await;
        match imported {
            Ok(results) | Err(Stop::Conflicts(results)) => Ok(results),
            Err(Stop::Store(error)) => Err(error),
        }
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        sqlx::query_scalar!(
            r#"SELECT NOT EXISTS (SELECT 1 FROM users)
                AND NOT EXISTS (SELECT 1 FROM purged_users) AS "empty!: bool""#
        )
        .fetch_one(self.store.readers())
        .await
        .map_err(store_error)
    }

    async fn seed(&self, batch: &SeedBatch) -> Result<(), StoreError> {
        let rows = seed::Rows::of(batch)?;
        self.store
            .transfer(move |tx| Box::pin(async move { seed::seed(tx, &rows).await }))
            .await
    }

    async fn analyze(&self) -> Result<(), StoreError> {
        self.store
            .transfer(|tx| {
                Box::pin(async move {
                    sqlx::query("ANALYZE")
                        .execute(tx)
                        .await
                        .map_err(store_error)?;
                    Ok(())
                })
            })
            .await
    }
}
