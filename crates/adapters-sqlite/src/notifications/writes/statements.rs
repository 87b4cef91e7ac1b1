use roster_domain::ports::StoreError;
use roster_domain::{Notification, NotificationBody, NotificationId, Timestamp, UserId};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::error::store_error;
use crate::feed_row::NotificationRow;
use crate::user_reads::json_ids;

/// One notification of a user.
pub(super) async fn find(
    tx: &mut SqliteConnection,
    user: UserId,
    id: NotificationId,
) -> Result<Option<Notification>, StoreError> {
    let (user, id) = (user.get(), id.get());
    let row = sqlx::query_as!(
        NotificationRow,
        r#"SELECT id AS "id?: Uuid", kind AS "kind?", title AS "title?", body, data AS "data?",
            created_at AS "created_at?", read_at, archived_at
        FROM notifications
        WHERE user_id = ?1 AND id = ?2"#,
        user,
        id
    )
    .fetch_optional(tx)
    .await
    .map_err(store_error)?;
    row.map(Notification::try_from).transpose()
}

/// Stores a notification that is not there.
pub(super) async fn insert(
    tx: &mut SqliteConnection,
    user: UserId,
    new: &Notification,
) -> Result<(), StoreError> {
    let (user, id) = (user.get(), new.id.get());
    let (kind, title, data) = (new.kind.as_str(), new.title.as_str(), new.data.as_str());
    let body = new.body.as_ref().map(NotificationBody::as_str);
    let created_at = new.created_at.unix_micros();
    sqlx::query!(
        "INSERT INTO notifications (user_id, id, kind, title, body, data, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        user,
        id,
        kind,
        title,
        body,
        data,
        created_at
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Stores whether a notification is read and archived.
pub(super) async fn update_marks(
    tx: &mut SqliteConnection,
    user: UserId,
    notification: &Notification,
) -> Result<(), StoreError> {
    let (user, id) = (user.get(), notification.id.get());
    let read_at = notification.read_at.map(Timestamp::unix_micros);
    let archived_at = notification.archived_at.map(Timestamp::unix_micros);
    sqlx::query!(
        "UPDATE notifications SET read_at = ?3, archived_at = ?4 WHERE user_id = ?1 AND id = ?2",
        user,
        id,
        read_at,
        archived_at
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Marks those of these that are unread as read, and answers how many.
pub(super) async fn read_these(
    tx: &mut SqliteConnection,
    user: UserId,
    ids: &[NotificationId],
    at: Timestamp,
) -> Result<u64, StoreError> {
    let (user, at) = (user.get(), at.unix_micros());
    let ids = json_ids(ids.iter().map(|id| id.get()));
    let done = sqlx::query!(
        "UPDATE notifications SET read_at = ?2
        WHERE user_id = ?1 AND id IN (SELECT unhex(value) FROM json_each(?3))
            AND read_at IS NULL AND archived_at IS NULL",
        user,
        at,
        ids
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(done.rows_affected())
}

/// Marks the unread ones up to a moment as read, and answers how many.
pub(super) async fn read_up_to(
    tx: &mut SqliteConnection,
    user: UserId,
    last: Timestamp,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let (user, at, last) = (user.get(), at.unix_micros(), last.unix_micros());
    let done = sqlx::query!(
        "UPDATE notifications SET read_at = ?2
        WHERE user_id = ?1 AND created_at <= ?3 AND read_at IS NULL AND archived_at IS NULL",
        user,
        at,
        last
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(done.rows_affected())
}

/// Marks every unread one as read, and answers how many.
pub(super) async fn read_all(
    tx: &mut SqliteConnection,
    user: UserId,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let (user, at) = (user.get(), at.unix_micros());
    let done = sqlx::query!(
        "UPDATE notifications SET read_at = ?2
        WHERE user_id = ?1 AND read_at IS NULL AND archived_at IS NULL",
        user,
        at
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(done.rows_affected())
}
