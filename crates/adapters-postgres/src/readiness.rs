//! Whether the database answers.

use std::time::Duration;

use async_trait::async_trait;
use roster_domain::ports::{BoxError, Readiness};
use sqlx::PgConnection;

use crate::pool::PostgresPool;

const LIMIT: Duration = Duration::from_secs(1);

/// Asks the database for a constant.
#[derive(Clone, Debug)]
pub struct PostgresReadiness {
    pool: PostgresPool,
}

impl PostgresReadiness {
    /// The readiness of a database.
    pub fn new(pool: PostgresPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Readiness for PostgresReadiness {
    async fn check(&self) -> Result<(), BoxError> {
        let answer = async {
            // One that has been idle may have died since, which says nothing of the server.
            let mut connection = self.pool.acquire_checked().await?;
            answer(&mut connection).await
        };
        Ok(tokio::time::timeout(LIMIT, answer).await??)
    }
}

async fn answer(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!(r#"SELECT 1 AS "one!""#)
        .fetch_one(connection)
        .await?;
    Ok(())
}
