//! A user's counters.

use crate::moment::Moment;
use async_trait::async_trait;
use roster_domain::ports::{BoxError, StatsRepository, StoreError};
use roster_domain::{UserId, UserStats};
use sqlx::PgConnection;

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
    async fn find(&self, user: UserId) -> Result<Option<UserStats>, StoreError> {
        run!(self.pool, Read, connection => find(connection, user))
            .map_err(store_error)?
            .map(UserStats::try_from)
            .transpose()
    }
}

struct StatsRow {
    notifications: i64,
    unread: i64,
    activities: i64,
    last_activity_at: Option<Moment>,
}

async fn find(connection: &mut PgConnection, user: UserId) -> sqlx::Result<Option<StatsRow>> {
    sqlx::query_as!(
        StatsRow,
        "SELECT s.notifications, s.unread, s.activities, s.last_activity_at
         FROM users u JOIN user_stats s ON s.user_id = u.id
         WHERE u.id = $1 AND s.user_id = $1 AND u.deleted_at IS NULL",
        user.get()
    )
    .fetch_optional(connection)
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
