use std::cmp::Reverse;

use roster_domain::pagination::{PageRequest, Slice};
use roster_domain::ports::{NewestOf, StoreError};
use roster_domain::{Notification, NotificationState, UnreadNotifications, UserId};
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::error::store_error;
use crate::feed_row::{NotificationRow, bound, by_place, feed};
use crate::page::Window;

/// One state of a feed in one direction. The join with the user tells an empty feed from no
/// user in the same statement, so that both are of one moment; the state is text, because
/// SQLite takes a partial index only when the condition stands in the statement.
macro_rules! rows {
    ($readers:expr, $user:expr, $window:expr, $state:tt, $direction:tt) => {
        sqlx::query_as!(
            NotificationRow,
            r#"SELECT n.id AS "id?: Uuid", n.kind AS "kind?", n.title AS "title?", n.body,
                n.data AS "data?", n.created_at AS "created_at?", n.read_at, n.archived_at
            FROM users AS u LEFT JOIN (
                SELECT id, kind, title, body, data, created_at, read_at, archived_at
                FROM notifications
                WHERE user_id = ?1 AND (created_at, id) > (?2, ?3) AND (created_at, id) < (?4, ?5)"#
                + $state
                + " ORDER BY created_at "
                + $direction
                + ", id "
                + $direction
                + " LIMIT ?6
            ) AS n ON true
            WHERE u.id = ?1 AND u.deleted_at IS NULL
            ORDER BY n.created_at "
                + $direction
                + ", n.id "
                + $direction,
            $user,
            $window.low_at,
            $window.low_id,
            $window.high_at,
            $window.high_id,
            $window.limit
        )
        .fetch_all($readers)
        .await
    };
}

/// One page of a user's notifications.
pub(super) async fn list(
    readers: &SqlitePool,
    user: UserId,
    state: NotificationState,
    page: &PageRequest,
) -> Result<Option<Slice<Notification>>, StoreError> {
    let window = Window::of(page);
    let user = user.get();
    let rows = match (state, window.descending) {
        (NotificationState::Unread, true) => {
            rows!(
                readers,
                user,
                window,
                " AND read_at IS NULL AND archived_at IS NULL",
                "DESC"
            )
        }
        (NotificationState::Unread, false) => {
            rows!(
                readers,
                user,
                window,
                " AND read_at IS NULL AND archived_at IS NULL",
                "ASC"
            )
        }
        (NotificationState::Read, true) => {
            rows!(
                readers,
                user,
                window,
                " AND read_at IS NOT NULL AND archived_at IS NULL",
                "DESC"
            )
        }
        (NotificationState::Read, false) => {
            rows!(
                readers,
                user,
                window,
                " AND read_at IS NOT NULL AND archived_at IS NULL",
                "ASC"
            )
        }
        (NotificationState::Archived, true) => {
            rows!(
                readers,
                user,
                window,
                " AND archived_at IS NOT NULL",
                "DESC"
            )
        }
        (NotificationState::Archived, false) => {
            rows!(readers, user, window, " AND archived_at IS NOT NULL", "ASC")
        }
        (NotificationState::All, true) => rows!(readers, user, window, "", "DESC"),
        (NotificationState::All, false) => rows!(readers, user, window, "", "ASC"),
    };
    feed(rows.map_err(store_error)?, |row| row.id)
        .map(|rows| window.slice(rows))
        .transpose()
}

/// How many unread ones a user has.
pub(super) async fn unread(readers: &SqlitePool, user: UserId) -> Result<Option<u64>, StoreError> {
    let user = user.get();
    let unread = sqlx::query_scalar!(
        "SELECT s.unread
        FROM users AS u JOIN user_stats AS s ON s.user_id = u.id
        WHERE u.id = ?1 AND u.deleted_at IS NULL",
        user
    )
    .fetch_optional(readers)
    .await
    .map_err(store_error)?;
    Ok(unread.map(i64::unsigned_abs))
}

/// A row, the user's counter beside it, and the place of the question that it answers.
struct CountedRow {
    place: i64,
    unread: i64,
    row: NotificationRow,
}

macro_rules! newest_unread {
    ($readers:expr, $text:literal, $($parameter:expr),+) => {
        sqlx::query!($text, $($parameter),+)
            .map(|row| CountedRow {
                place: row.place,
                unread: row.unread,
                row: NotificationRow {
                    id: row.id,
                    kind: row.kind,
                    title: row.title,
                    body: row.body,
                    data: row.data,
                    created_at: row.created_at,
                    read_at: None,
                    archived_at: None,
                },
            })
            .fetch_all($readers)
            .await
    };
}

/// The newest unread ones of each user and the counter, read by one statement.
pub(super) async fn newest_unread_many(
    readers: &SqlitePool,
    asked: &[NewestOf],
) -> Result<Vec<Option<UnreadNotifications>>, StoreError> {
    let rows = match asked {
        [] => return Ok(Vec::new()),
        [NewestOf { user, limit }] => newest_unread_of_one(readers, *user, *limit).await,
        asked => newest_unread_of_many(readers, asked).await,
    };
    let mut rows = rows.map_err(store_error)?;
    rows.sort_by_key(|row| (row.place, Reverse((row.row.created_at, row.row.id))));
    by_place(rows, asked.len(), |row| row.place)
        .into_iter()
        .zip(asked)
        .map(|(rows, asked)| rows.map(|rows| unread_notifications(rows, asked.limit)))
        .map(Option::transpose)
        .collect()
}

/// The rows of one user, each with the counter, as what they say.
fn unread_notifications(
    rows: Vec<CountedRow>,
    limit: u16,
) -> Result<UnreadNotifications, StoreError> {
    let unread = rows.first().map_or(0, |row| row.unread.unsigned_abs());
    let items = rows
        .into_iter()
        .filter(|row| row.row.id.is_some())
        .take(usize::from(limit))
        .map(|row| row.row.try_into())
        .collect::<Result<_, _>>()?;
    Ok(UnreadNotifications { unread, items })
}

async fn newest_unread_of_one(
    readers: &SqlitePool,
    user: UserId,
    limit: u16,
) -> sqlx::Result<Vec<CountedRow>> {
    let user = user.get();
    newest_unread!(
        readers,
        r#"SELECT 0 AS "place!: i64", s.unread, n.id AS "id?: Uuid", n.kind AS "kind?",
            n.title AS "title?", n.body, n.data AS "data?", n.created_at AS "created_at?"
        FROM users AS u JOIN user_stats AS s ON s.user_id = u.id LEFT JOIN (
            SELECT id, kind, title, body, data, created_at
            FROM notifications
            WHERE user_id = ?1 AND read_at IS NULL AND archived_at IS NULL
            ORDER BY created_at DESC, id DESC LIMIT ?2
        ) AS n ON true
        WHERE u.id = ?1 AND u.deleted_at IS NULL"#,
        user,
        limit
    )
}

/// SQLite has no lateral join: the inner query picks the ids of one user, which the join reads.
async fn newest_unread_of_many(
    readers: &SqlitePool,
    asked: &[NewestOf],
) -> sqlx::Result<Vec<CountedRow>> {
    let (users, most) = bound(asked);
    newest_unread!(
        readers,
        r#"SELECT CAST(q.key AS INTEGER) AS "place!: i64", s.unread, n.id AS "id?: Uuid", n.kind AS "kind?",
            n.title AS "title?", n.body, n.data AS "data?", n.created_at AS "created_at?"
        FROM json_each(?1) AS q CROSS JOIN users AS u JOIN user_stats AS s ON s.user_id = u.id
        LEFT JOIN notifications AS n ON n.user_id = u.id AND n.id IN (
            SELECT id FROM notifications
            WHERE user_id = u.id AND read_at IS NULL AND archived_at IS NULL
            ORDER BY created_at DESC, id DESC LIMIT ?2
        )
        WHERE u.id = unhex(q.value) AND u.deleted_at IS NULL"#,
        users,
        most
    )
}
