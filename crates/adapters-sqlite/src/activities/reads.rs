use std::cmp::Reverse;

use roster_domain::pagination::{PageRequest, Slice};
use roster_domain::ports::{NewestOf, StoreError};
use roster_domain::{Activity, ActivityFilter, FeedKind, UserId};
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::error::store_error;
use crate::feed_row::{ActivityRow, bound, by_place, feed};
use crate::page::Window;

/// One direction of a feed. The join with the user tells an empty feed from no user in the
/// same statement, so that both are of one moment. What is of one kind has an index of its own,
/// and so a statement of its own.
macro_rules! rows {
    (
        $readers:expr, $user:expr, $window:expr, $direction:tt,
        $of_kind:literal $(, $kind:expr)?
    ) => {
        sqlx::query_as!(
            ActivityRow,
            r#"SELECT a.id AS "id?: Uuid", a.kind AS "kind?", a.occurred_at AS "occurred_at?",
                a.data AS "data?"
            FROM users AS u LEFT JOIN (
                SELECT id, kind, occurred_at, data FROM activities
                WHERE user_id = ?1 AND (occurred_at, id) > (?2, ?3)
                    AND (occurred_at, id) < (?4, ?5) "#
                + $of_kind
                + r#" ORDER BY occurred_at "#
                + $direction
                + ", id "
                + $direction
                + " LIMIT ?6
            ) AS a ON true
            WHERE u.id = ?1 AND u.deleted_at IS NULL
            ORDER BY a.occurred_at "
                + $direction
                + ", a.id "
                + $direction,
            $user,
            $window.low_at,
            $window.low_id,
            $window.high_at,
            $window.high_id,
            $window.limit
            $(, $kind)?
        )
        .fetch_all($readers)
        .await
    };
}

/// One page of a user's activities.
pub(super) async fn list(
    readers: &SqlitePool,
    user: UserId,
    filter: &ActivityFilter,
    page: &PageRequest,
) -> Result<Option<Slice<Activity>>, StoreError> {
    let mut window = Window::of(page);
    if let Some(since) = filter.since {
        window = window.since(since.unix_micros());
    }
    if let Some(until) = filter.until {
        window = window.until(until.unix_micros());
    }
    let user = user.get();
    let kind = filter.kind.as_ref().map(FeedKind::as_str);
    let rows = match (window.descending, kind) {
        (true, None) => rows!(readers, user, window, "DESC", ""),
        (false, None) => rows!(readers, user, window, "ASC", ""),
        (true, Some(kind)) => rows!(readers, user, window, "DESC", "AND kind = ?7", kind),
        (false, Some(kind)) => rows!(readers, user, window, "ASC", "AND kind = ?7", kind),
    };
    feed(rows.map_err(store_error)?, |row| row.id)
        .map(|rows| window.slice(rows))
        .transpose()
}

/// A row and the place of the question that it answers.
struct PlacedRow {
    place: i64,
    row: ActivityRow,
}

macro_rules! newest {
    ($readers:expr, $text:literal, $($parameter:expr),+) => {
        sqlx::query!($text, $($parameter),+)
            .map(|row| PlacedRow {
                place: row.place,
                row: ActivityRow {
                    id: row.id,
                    kind: row.kind,
                    occurred_at: row.occurred_at,
                    data: row.data,
                },
            })
            .fetch_all($readers)
            .await
    };
}

/// The newest activities of each user, newest first.
pub(super) async fn newest_many(
    readers: &SqlitePool,
    asked: &[NewestOf],
) -> Result<Vec<Option<Vec<Activity>>>, StoreError> {
    let rows = match asked {
        [] => return Ok(Vec::new()),
        [NewestOf { user, limit }] => newest_of_one(readers, *user, *limit).await,
        asked => newest_of_many(readers, asked).await,
    };
    let mut rows = rows.map_err(store_error)?;
    rows.sort_by_key(|row| (row.place, Reverse((row.row.occurred_at, row.row.id))));
    by_place(rows, asked.len(), |row| row.place)
        .into_iter()
        .zip(asked)
        .map(|(rows, asked)| {
            let rows = rows?.into_iter().filter(|row| row.row.id.is_some());
            let newest = rows.take(usize::from(asked.limit));
            Some(newest.map(|row| row.row.try_into()).collect())
        })
        .map(Option::transpose)
        .collect()
}

async fn newest_of_one(
    readers: &SqlitePool,
    user: UserId,
    limit: u16,
) -> sqlx::Result<Vec<PlacedRow>> {
    let user = user.get();
    newest!(
        readers,
        r#"SELECT 0 AS "place!: i64", a.id AS "id?: Uuid", a.kind AS "kind?",
            a.occurred_at AS "occurred_at?", a.data AS "data?"
        FROM users AS u LEFT JOIN (
            SELECT id, kind, occurred_at, data FROM activities
            WHERE user_id = ?1
            ORDER BY occurred_at DESC, id DESC LIMIT ?2
        ) AS a ON true
        WHERE u.id = ?1 AND u.deleted_at IS NULL"#,
        user,
        limit
    )
}

/// SQLite has no lateral join: the inner query picks the ids of one user, which the join reads.
async fn newest_of_many(readers: &SqlitePool, asked: &[NewestOf]) -> sqlx::Result<Vec<PlacedRow>> {
    let (users, most) = bound(asked);
    newest!(
        readers,
        r#"SELECT CAST(q.key AS INTEGER) AS "place!: i64", a.id AS "id?: Uuid", a.kind AS "kind?",
            a.occurred_at AS "occurred_at?", a.data AS "data?"
        FROM json_each(?1) AS q CROSS JOIN users AS u LEFT JOIN activities AS a
            ON a.user_id = u.id AND a.id IN (
                SELECT id FROM activities
                WHERE user_id = u.id
                ORDER BY occurred_at DESC, id DESC LIMIT ?2
            )
        WHERE u.id = unhex(q.value) AND u.deleted_at IS NULL"#,
        users,
        most
    )
}
