use roster_domain::pagination::{PageRequest, Slice};
use roster_domain::ports::StoreError;
use roster_domain::{Activity, ActivityFilter, FeedKind, UserId};
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::error::store_error;
use crate::feed_row::{ActivityRow, feed};
use crate::page::Window;

/// One direction of a feed. The join with the user tells an empty feed from no user in the
/// same statement, so that both are of one moment.
macro_rules! rows {
    ($readers:expr, $user:expr, $kind:expr, $window:expr, $direction:tt) => {
        sqlx::query_as!(
            ActivityRow,
            r#"SELECT a.id AS "id?: Uuid", a.kind AS "kind?", a.occurred_at AS "occurred_at?",
                a.data AS "data?"
            FROM users AS u LEFT JOIN (
                SELECT id, kind, occurred_at, data FROM activities
                WHERE user_id = ?1 AND (occurred_at, id) > (?2, ?3)
                    AND (occurred_at, id) < (?4, ?5) AND (?6 IS NULL OR kind = ?6)
                ORDER BY occurred_at "#
                + $direction
                + ", id "
                + $direction
                + " LIMIT ?7
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
            $kind,
            $window.limit
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
    let rows = if window.descending {
        rows!(readers, user, kind, window, "DESC")
    } else {
        rows!(readers, user, kind, window, "ASC")
    };
    feed(rows.map_err(store_error)?, |row| row.id)
        .map(|rows| window.slice(rows))
        .transpose()
}

/// The newest activities of a user, newest first.
pub(super) async fn newest(
    readers: &SqlitePool,
    user: UserId,
    limit: u16,
) -> Result<Option<Vec<Activity>>, StoreError> {
    let user = user.get();
    let rows = sqlx::query_as!(
        ActivityRow,
        r#"SELECT a.id AS "id?: Uuid", a.kind AS "kind?", a.occurred_at AS "occurred_at?",
            a.data AS "data?"
        FROM users AS u LEFT JOIN (
            SELECT id, kind, occurred_at, data FROM activities
            WHERE user_id = ?1
            ORDER BY occurred_at DESC, id DESC LIMIT ?2
        ) AS a ON true
        WHERE u.id = ?1 AND u.deleted_at IS NULL
        ORDER BY a.occurred_at DESC, a.id DESC"#,
        user,
        limit
    )
    .fetch_all(readers)
    .await
    .map_err(store_error)?;
    feed(rows, |row| row.id)
        .map(|rows| rows.into_iter().map(Activity::try_from).collect())
        .transpose()
}
