//! Users' counters.

use std::collections::HashMap;

use crate::moment::Moment;
use async_trait::async_trait;
use roster_domain::ports::{BoxError, StatsRepository, StoreError};
use roster_domain::{UserId, UserStats};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::error::{corrupt, store_error};
use crate::pool::PostgresPool;
use crate::retry::run;

/// Counters in PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresStats {
    pool: PostgresPool,
}

impl PostgresStats {
    /// The counters of a database.
    pub fn new(pool: PostgresPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl StatsRepository for PostgresStats {
    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Option<UserStats>>, StoreError> {
        let rows = match users {
            [] => return Ok(Vec::new()),
            [user] => run!(self.pool, Read, connection => find(connection, *user)),
            users => {
                let ids: Vec<_> = users.iter().map(|user| user.get()).collect();
                run!(self.pool, Read, connection => find_many(connection, &ids))
            }
        }
        .map_err(store_error)?;
        let stats = rows
            .into_iter()
            .map(|row| Ok((row.user_id, UserStats::try_from(row)?)))
            .collect::<Result<HashMap<_, _>, StoreError>>()?;
        let stats = users.iter().map(|user| stats.get(&user.get()).copied());
        Ok(stats.collect())
    }
}

struct StatsRow {
    user_id: Uuid,
    notifications: i64,
    unread: i64,
    activities: i64,
    last_activity_at: Option<Moment>,
}

/// At most one row.
async fn find(connection: &mut PgConnection, user: UserId) -> sqlx::Result<Vec<StatsRow>> {
    sqlx::query_as!(
        StatsRow,
        "SELECT s.user_id, s.notifications, s.unread, s.activities, s.last_activity_at
         FROM users u JOIN user_stats s ON s.user_id = u.id
         WHERE u.id = $1 AND s.user_id = $1 AND u.deleted_at IS NULL",
        user.get()
    )
    .fetch_all(connection)
    .await
}

async fn find_many(connection: &mut PgConnection, users: &[Uuid]) -> sqlx::Result<Vec<StatsRow>> {
    sqlx::query_as!(
        StatsRow,
        "SELECT s.user_id, s.notifications, s.unread, s.activities, s.last_activity_at
         FROM users u JOIN user_stats s ON s.user_id = u.id
         WHERE u.id = ANY($1) AND u.deleted_at IS NULL",
        users
    )
    .fetch_all(connection)
    .await
}

impl TryFrom<StatsRow> for UserStats {
    type Error = StoreError;

    fn try_from(row: StatsRow) -> Result<Self, StoreError> {
        let parse = || -> Result<Self, BoxError> {
            Ok(Self {
                notifications: row.notifications.try_into()?,
                unread_notifications: row.unread.try_into()?,
                activities: row.activities.try_into()?,
                last_activity_at: row.last_activity_at.map(|at| at.0),
            })
        };
        parse().map_err(corrupt)
    }
}
