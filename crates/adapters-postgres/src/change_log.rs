//! The change log's own port. Its rows are written by the statements that change users.

use crate::moment::Moment;
use async_trait::async_trait;
use roster_domain::Timestamp;
use roster_domain::ports::{CacheNamespace, ChangeLog, StoreError};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::error::store_error;
use crate::pool::PostgresPool;
use crate::retry::run;

/// The change log in PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresChangeLog {
    pool: PostgresPool,
}

impl PostgresChangeLog {
    /// The change log of a database.
    pub fn new(pool: PostgresPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl ChangeLog for PostgresChangeLog {
    async fn namespace(&self) -> Result<CacheNamespace, StoreError> {
        let row =
            run!(self.pool, Read, connection => namespace(connection)).map_err(store_error)?;
        Ok(CacheNamespace {
            database: row.database.as_u128(),
            epoch: row.epoch.as_u128(),
        })
    }

    async fn purge_before(&self, cutoff: Timestamp, limit: u32) -> Result<u64, StoreError> {
        run!(self.pool, Write, connection => purge_before(connection, cutoff, limit))
            .map_err(store_error)
    }
}

struct NamespaceRow {
    database: Uuid,
    epoch: Uuid,
}

async fn namespace(connection: &mut PgConnection) -> sqlx::Result<NamespaceRow> {
    sqlx::query_as!(
        NamespaceRow,
        "SELECT database, epoch FROM cache_namespace WHERE singleton"
    )
    .fetch_one(connection)
    .await
}

async fn purge_before(
    connection: &mut PgConnection,
    cutoff: Timestamp,
    limit: u32,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "WITH old AS MATERIALIZED (
             SELECT user_id, version
             FROM user_changes
             WHERE changed_at < $1
             ORDER BY changed_at
             LIMIT $2
         )
         DELETE FROM user_changes c
         USING old o
         WHERE c.user_id = o.user_id AND c.version = o.version",
        Moment(cutoff),
        i64::from(limit)
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
