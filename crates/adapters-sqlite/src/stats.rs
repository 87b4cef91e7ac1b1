use async_trait::async_trait;
use roster_domain::ports::{StatsRepository, StoreError};
use roster_domain::{UserId, UserStats};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::store_error;
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
    async fn find(&self, user: UserId) -> Result<Option<UserStats>, StoreError> {
        let user = user.get();
        let row = sqlx::query!(
            "SELECT s.notifications, s.unread, s.activities, s.last_activity_at
            FROM users AS u JOIN user_stats AS s ON s.user_id = u.id
            WHERE u.id = ?1 AND u.deleted_at IS NULL",
            user
        )
        .fetch_optional(self.store.readers())
        .await
        .map_err(store_error)?;
        row.map(|row| {
            Ok(UserStats {
                notifications: row.notifications.unsigned_abs(),
                unread_notifications: row.unread.unsigned_abs(),
                activities: row.activities.unsigned_abs(),
                last_activity_at: row
                    .last_activity_at
                    .map(|micros| timestamp("last_activity_at", micros))
                    .transpose()?,
            })
        })
        .transpose()
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
