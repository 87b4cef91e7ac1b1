//! Reading notifications. A read begins at the user, so that one round trip tells a user
//! without notifications from none at all; the inner query keeps the index's order.

use std::cmp::Reverse;

use crate::moment::Moment;
use roster_domain::pagination::{Order, PageRequest};
use roster_domain::{NotificationState, UserId};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::NotificationRow;
use crate::page::{Asked, From, direction, limit};

macro_rules! pages {
    ($module:ident, $filter:literal) => {
        mod $module {
            use super::*;

            statement!(skip_descending, $filter, "created_at DESC, id DESC");
            statement!(skip_ascending, $filter, "created_at ASC, id ASC");
            statement!(seek_descending, $filter, "<", "created_at DESC, id DESC");
            statement!(seek_ascending, $filter, ">", "created_at ASC, id ASC");
        }
    };
}

macro_rules! statement {
    ($skip:ident, $filter:literal, $order:literal) => {
        pub(super) async fn $skip(
            connection: &mut PgConnection,
            user: UserId,
            skipped: i64,
            limit: i64,
        ) -> sqlx::Result<Vec<NotificationRow>> {
            sqlx::query_as!(
                NotificationRow,
                r#"SELECT n.id AS "id?", n.kind AS "kind?", n.title AS "title?", n.body AS "body?",
                    n.data AS "data?", n.created_at AS "created_at?", n.read_at AS "read_at?",
                    n.archived_at AS "archived_at?"
                FROM users u
                LEFT JOIN LATERAL (
                    SELECT id, kind, title, body, data, created_at, read_at, archived_at
                    FROM notifications
                    WHERE user_id = $1 AND "# + $filter + r#"
                    ORDER BY "# + $order + r#" OFFSET $2 LIMIT $3
                ) n ON true
                WHERE u.id = $1 AND u.deleted_at IS NULL"#,
                user.get(),
                skipped,
                limit
            )
            .fetch_all(connection)
            .await
        }
    };
    ($seek:ident, $filter:literal, $beyond:literal, $order:literal) => {
        pub(super) async fn $seek(
            connection: &mut PgConnection,
            user: UserId,
            (at, id): (Moment, Uuid),
            limit: i64,
        ) -> sqlx::Result<Vec<NotificationRow>> {
            sqlx::query_as!(
                NotificationRow,
                r#"SELECT n.id AS "id?", n.kind AS "kind?", n.title AS "title?", n.body AS "body?",
                    n.data AS "data?", n.created_at AS "created_at?", n.read_at AS "read_at?",
                    n.archived_at AS "archived_at?"
                FROM users u
                LEFT JOIN LATERAL (
                    SELECT id, kind, title, body, data, created_at, read_at, archived_at
                    FROM notifications
                    WHERE user_id = $1 AND "# + $filter
                        + " AND (created_at, id) " + $beyond + " ($2, $3) ORDER BY " + $order
                    + r#" LIMIT $4
                ) n ON true
                WHERE u.id = $1 AND u.deleted_at IS NULL"#,
                user.get(),
                at,
                id,
                limit
            )
            .fetch_all(connection)
            .await
        }
    };
}

pages!(unread_only, "read_at IS NULL AND archived_at IS NULL");
pages!(read_only, "read_at IS NOT NULL AND archived_at IS NULL");
pages!(archived_only, "archived_at IS NOT NULL");
pages!(every_state, "true");

/// The rows of a page and one more.
pub(super) async fn page(
    connection: &mut PgConnection,
    user: UserId,
    state: NotificationState,
    page: &PageRequest,
) -> sqlx::Result<Vec<NotificationRow>> {
    macro_rules! of_state {
        ($module:ident) => {
            match (From::of(page), direction(page)) {
                (From::Row(n), Order::Descending) => {
                    $module::skip_descending(connection, user, n, limit(page)).await
                }
                (From::Row(n), Order::Ascending) => {
                    $module::skip_ascending(connection, user, n, limit(page)).await
                }
                (From::Place(place), Order::Descending) => {
                    $module::seek_descending(connection, user, place, limit(page)).await
                }
                (From::Place(place), Order::Ascending) => {
                    $module::seek_ascending(connection, user, place, limit(page)).await
                }
            }
        };
    }
    let mut rows = match state {
        NotificationState::Unread => of_state!(unread_only),
        NotificationState::Read => of_state!(read_only),
        NotificationState::Archived => of_state!(archived_only),
        NotificationState::All => of_state!(every_state),
    }?;
    // They come in this order, by the one way to run such a join, so this compares neighbours;
    // an ORDER BY of the whole query would sort them in the server.
    match direction(page) {
        Order::Ascending => rows.sort_by_key(|row| (row.created_at, row.id)),
        Order::Descending => rows.sort_by_key(|row| Reverse((row.created_at, row.id))),
    }
    Ok(rows)
}

pub(super) async fn unread(
    connection: &mut PgConnection,
    user: UserId,
) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!(
        "SELECT s.unread
         FROM users u JOIN user_stats s ON s.user_id = u.id
         WHERE u.id = $1 AND s.user_id = $1 AND u.deleted_at IS NULL",
        user.get()
    )
    .fetch_optional(connection)
    .await
}

/// A row, the user's counter beside it, and the place of the question that it answers.
#[derive(Debug)]
pub(super) struct CountedRow {
    pub(super) place: i64,
    pub(super) unread: i64,
    pub(super) row: NotificationRow,
}

/// Runs a statement of the newest unread ones, whose rows lack the columns that are null in all.
macro_rules! newest_unread {
    ($connection:expr, $text:literal, $($parameter:expr),+) => {
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
            .fetch_all($connection)
            .await
            .map(newest_first)
    };
}

/// The rows, newest first, each with the counter: one statement reads one moment.
pub(super) async fn newest_unread(
    connection: &mut PgConnection,
    user: UserId,
    limit: u16,
) -> sqlx::Result<Vec<CountedRow>> {
    newest_unread!(
        connection,
        r#"SELECT 1::bigint AS "place!", s.unread AS "unread!", n.id AS "id?", n.kind AS "kind?",
                  n.title AS "title?", n.body AS "body?", n.data AS "data?",
                  n.created_at AS "created_at?"
           FROM users u
           JOIN user_stats s ON s.user_id = u.id
           LEFT JOIN LATERAL (
               SELECT id, kind, title, body, data, created_at
               FROM notifications
               WHERE user_id = $1 AND read_at IS NULL AND archived_at IS NULL
               ORDER BY created_at DESC, id DESC
               LIMIT $2
           ) n ON true
           WHERE u.id = $1 AND s.user_id = $1 AND u.deleted_at IS NULL"#,
        user.get(),
        i64::from(limit)
    )
}

/// The same of many users.
pub(super) async fn newest_unread_many(
    connection: &mut PgConnection,
    asked: &Asked,
) -> sqlx::Result<Vec<CountedRow>> {
    newest_unread!(
        connection,
        r#"SELECT a.place AS "place!", s.unread AS "unread!", n.id AS "id?", n.kind AS "kind?",
                  n.title AS "title?", n.body AS "body?", n.data AS "data?",
                  n.created_at AS "created_at?"
           FROM UNNEST($1::uuid[], $2::int4[]) WITH ORDINALITY AS a (user_id, most, place)
           JOIN users u ON u.id = a.user_id
           JOIN user_stats s ON s.user_id = a.user_id
           LEFT JOIN LATERAL (
               SELECT id, kind, title, body, data, created_at
               FROM notifications
               WHERE user_id = a.user_id AND read_at IS NULL AND archived_at IS NULL
               ORDER BY created_at DESC, id DESC
               LIMIT a.most
           ) n ON true
           WHERE u.deleted_at IS NULL"#,
        &asked.users,
        &asked.limits
    )
}

fn newest_first(mut rows: Vec<CountedRow>) -> Vec<CountedRow> {
    rows.sort_by_key(|row| (row.place, Reverse((row.row.created_at, row.row.id))));
    rows
}
