use roster_domain::ports::{SeedBatch, StoreError};
use roster_domain::{AvatarUrl, Locale, NotificationBody, Timestamp};
use serde::Serialize;
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::error::store_error;

/// The rows of a batch, each table's as one JSON array of arrays.
///
/// A statement stores a whole table instead of one row: the way to the thread that runs SQLite
/// and back costs more than the row.
#[derive(Debug)]
pub(super) struct Rows {
    users: String,
    emails: String,
    stats: String,
    notifications: String,
    activities: String,
}

impl Rows {
    /// Writes down a batch.
    pub(super) fn of(batch: &SeedBatch) -> Result<Self, StoreError> {
        let users = &batch.users;
        Ok(Self {
            users: json(users.iter().map(|seed| {
                let user = &seed.user;
                let keys = user.search_keys();
                (
                    hex(user.id.get()),
                    user.email.as_str(),
                    user.name.as_str(),
                    u8::from(user.is_active),
                    user.locale.as_ref().map(Locale::as_str),
                    user.avatar_url.as_ref().map(AvatarUrl::as_str),
                    user.metadata.as_str(),
                    user.created_at.unix_micros(),
                    keys.name.as_str().to_owned(),
                    keys.email.as_str().to_owned(),
                    keys.shared,
                )
            }))?,
            emails: json(
                users
                    .iter()
                    .map(|seed| (seed.user.email.normalized(), hex(seed.user.id.get()))),
            )?,
            stats: json(users.iter().map(|seed| {
                let unread = seed.notifications.iter().filter(|(_, read)| read.is_none());
                let last = seed.activities.iter().map(|activity| activity.occurred_at);
                (
                    hex(seed.user.id.get()),
                    seed.notifications.len(),
                    unread.count(),
                    seed.activities.len(),
                    last.max().map(Timestamp::unix_micros),
                )
            }))?,
            notifications: json(users.iter().flat_map(|seed| {
                seed.notifications.iter().map(|(new, read_at)| {
                    (
                        hex(seed.user.id.get()),
                        hex(new.id.get()),
                        new.kind.as_str(),
                        new.title.as_str(),
                        new.body.as_ref().map(NotificationBody::as_str),
                        new.data.as_str(),
                        new.created_at.unix_micros(),
                        read_at.map(Timestamp::unix_micros),
                    )
                })
            }))?,
            activities: json(users.iter().flat_map(|seed| {
                seed.activities.iter().map(|new| {
                    (
                        hex(seed.user.id.get()),
                        hex(new.id.get()),
                        new.kind.as_str(),
                        new.occurred_at.unix_micros(),
                        new.data.as_str(),
                    )
                })
            }))?,
        })
    }
}

fn json<T: Serialize>(rows: impl Iterator<Item = T>) -> Result<String, StoreError> {
    let rows: Vec<T> = rows.collect();
    serde_json::to_string(&rows).map_err(|error| StoreError::Corrupt(error.into()))
}

fn hex(id: Uuid) -> String {
    id.simple().to_string()
}

/// Stores a batch.
pub(super) async fn seed(tx: &mut SqliteConnection, rows: &Rows) -> Result<(), StoreError> {
    insert_users(tx, &rows.users).await?;
    insert_emails(tx, &rows.emails).await?;
    insert_stats(tx, &rows.stats).await?;
    insert_notifications(tx, &rows.notifications).await?;
    insert_activities(tx, &rows.activities).await
}

/// A row that is there already is the batch's mistake, not the store's.
fn seed_error(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) if database.is_unique_violation() => {
            StoreError::Corrupt(error.into())
        }
        _ => store_error(error),
    }
}

async fn insert_users(tx: &mut SqliteConnection, rows: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO users (id, email, name, is_active, locale, avatar_url, metadata, version,
            created_at, updated_at, search_name, search_email, search_shared)
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4,
            value ->> 5, value ->> 6, 1, value ->> 7, value ->> 7, value ->> 8, value ->> 9,
            value ->> 10
        FROM json_each(?1)",
        rows
    )
    .execute(tx)
    .await
    .map_err(seed_error)?;
    Ok(())
}

async fn insert_emails(tx: &mut SqliteConnection, rows: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO user_emails (email, user_id)
        SELECT value ->> 0, unhex(value ->> 1) FROM json_each(?1)",
        rows
    )
    .execute(tx)
    .await
    .map_err(seed_error)?;
    Ok(())
}

async fn insert_stats(tx: &mut SqliteConnection, rows: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO user_stats (user_id, notifications, unread, activities, last_activity_at)
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4
        FROM json_each(?1)",
        rows
    )
    .execute(tx)
    .await
    .map_err(seed_error)?;
    Ok(())
}

async fn insert_notifications(tx: &mut SqliteConnection, rows: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO notifications (user_id, id, kind, title, body, data, created_at, read_at)
        SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4,
            value ->> 5, value ->> 6, value ->> 7
        FROM json_each(?1)",
        rows
    )
    .execute(tx)
    .await
    .map_err(seed_error)?;
    Ok(())
}

async fn insert_activities(tx: &mut SqliteConnection, rows: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO activities (user_id, id, kind, occurred_at, data)
        SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4
        FROM json_each(?1)",
        rows
    )
    .execute(tx)
    .await
    .map_err(seed_error)?;
    Ok(())
}
