use std::collections::HashMap;

use async_trait::async_trait;
use roster_domain::ports::{StatsRepository, StoreError};
use roster_domain::{UserId, UserStats};
use sqlx::{SqliteConnection, SqlitePool};
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::store_error;
use crate::user_reads::json_ids;
use crate::user_row::timestamp;

/// [`StatsRepository`] in a SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteStats {
    store: SqliteStore,
}

impl SqliteStats {
    /// The counters of a store.
    pub fn new(store: &SqliteStore) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

#[async_trait]
impl StatsRepository for SqliteStats {
    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Option<UserStats>>, StoreError> {
        let readers = self.store.readers();
        let rows = match users {
            [] => return Ok(Vec::new()),
            [user] => find(readers, *user).await,
            users => find_many(readers, users).await,
        };
        let stats = rows
            .map_err(store_error)?
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
    last_activity_at: Option<i64>,
}

/// At most one row.
async fn find(readers: &SqlitePool, user: UserId) -> sqlx::Result<Vec<StatsRow>> {
    let user = user.get();
    sqlx::query_as!(
        StatsRow,
        r#"SELECT s.user_id AS "user_id: Uuid", s.notifications, s.unread, s.activities,
            s.last_activity_at
        FROM users AS u JOIN user_stats AS s ON s.user_id = u.id
        WHERE u.id = ?1 AND u.deleted_at IS NULL"#,
        user
    )
    .fetch_all(readers)
    .await
}

async fn find_many(readers: &SqlitePool, users: &[UserId]) -> sqlx::Result<Vec<StatsRow>> {
    let users = json_ids(users.iter().map(|user| user.get()));
    sqlx::query_as!(
        StatsRow,
        r#"SELECT s.user_id AS "user_id: Uuid", s.notifications, s.unread, s.activities,
            s.last_activity_at
        FROM users AS u JOIN user_stats AS s ON s.user_id = u.id
        WHERE u.id IN (SELECT unhex(value) FROM json_each(?1)) AND u.deleted_at IS NULL"#,
        users
    )
    .fetch_all(readers)
    .await
}

impl TryFrom<StatsRow> for UserStats {
    type Error = StoreError;

    fn try_from(row: StatsRow) -> Result<Self, StoreError> {
        Ok(Self {
            notifications: row.notifications.unsigned_abs(),
            unread_notifications: row.unread.unsigned_abs(),
            activities: row.activities.unsigned_abs(),
            last_activity_at: row
                .last_activity_at
                .map(|micros| timestamp("last_activity_at", micros))
                .transpose()?,
        })
    }
}

/// How many unread notifications a user has, as the transaction sees it; `None` without the user.
pub(crate) async fn unread(
    tx: &mut SqliteConnection,
    user: UserId,
) -> Result<Option<u64>, StoreError> {
    let user = user.get();
    let unread = sqlx::query_scalar!(
        "SELECT s.unread
        FROM users AS u JOIN user_stats AS s ON s.user_id = u.id
        WHERE u.id = ?1 AND u.deleted_at IS NULL",
        user
    )
    .fetch_optional(tx)
    .await
    .map_err(store_error)?;
    Ok(unread.map(i64::unsigned_abs))
}

/// Changes the counters of a user's notifications and answers how many are unread now.
pub(crate) async fn count_notifications(
    tx: &mut SqliteConnection,
    user: UserId,
    new: i64,
    unread: i64,
) -> Result<u64, StoreError> {
    let user = user.get();
    let unread = sqlx::query_scalar!(
        "UPDATE user_stats SET notifications = notifications + ?2, unread = unread + ?3
        WHERE user_id = ?1
        RETURNING unread",
        user,
        new,
        unread
    )
    .fetch_one(tx)
    .await
    .map_err(store_error)?;
    Ok(unread.unsigned_abs())
}
