//! Whether the database answers.

use std::time::Duration;

use async_trait::async_trait;
use roster_domain::ports::{BoxError, Readiness};
use sqlx::PgConnection;

use crate::pool::PostgresPool;

const LIMIT: Duration = Duration::from_secs(1);

/// Asks the database for a constant. Where every connection is taken, that others are answered
/// says the same: a process that has too much to do is ready, and one that is called unready for
/// it leaves its share to the others.
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
        let before = self.pool.answers();
        let are_answered = || self.pool.answers() != before;
        let answer = async {
            loop {
                // One that has been idle may have died since, which says nothing of the server.
                match self.pool.acquire_checked().await {
                    Err(sqlx::Error::PoolTimedOut) if are_answered() => return Ok(()),
                    // Nobody is answered, or nobody yet.
                    Err(sqlx::Error::PoolTimedOut) => {}
                    acquired => {
                        let mut connection = acquired?;
                        return answer(&mut connection).await;
                    }
                }
            }
        };
        match tokio::time::timeout(LIMIT, answer).await {
            Err(_) if are_answered() => Ok(()),
            answered => Ok(answered??),
        }
    }
}

async fn answer(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!(r#"SELECT 1 AS "one!""#)
        .fetch_one(connection)
        .await?;
    Ok(())
}
