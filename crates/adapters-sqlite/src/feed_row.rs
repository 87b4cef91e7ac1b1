use roster_domain::ports::{NewestOf, StoreError};
use roster_domain::{Activity, ActivityId, Notification, NotificationId};
use uuid::Uuid;

use crate::error::corrupt;
use crate::user_reads::json_ids;
use crate::user_row::timestamp;

/// A row of `notifications`, or the nulls beside a user who has none.
#[derive(Debug)]
pub(crate) struct NotificationRow {
    pub(crate) id: Option<Uuid>,
    pub(crate) kind: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) created_at: Option<i64>,
    pub(crate) read_at: Option<i64>,
    pub(crate) archived_at: Option<i64>,
}

impl TryFrom<NotificationRow> for Notification {
    type Error = StoreError;

    fn try_from(row: NotificationRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: NotificationId::new(row.id.unwrap_or_default()),
            kind: text(row.kind).parse().map_err(corrupt("kind"))?,
            title: text(row.title).parse().map_err(corrupt("title"))?,
            body: row
                .body
                .map(|body| body.parse())
                .transpose()
                .map_err(corrupt("body"))?,
            data: text(row.data).parse().map_err(corrupt("data"))?,
            created_at: timestamp("created_at", row.created_at.unwrap_or_default())?,
            read_at: row
                .read_at
                .map(|micros| timestamp("read_at", micros))
                .transpose()?,
            archived_at: row
                .archived_at
                .map(|micros| timestamp("archived_at", micros))
                .transpose()?,
        })
    }
}

/// A row of `activities`, or the nulls beside a user who has none.
#[derive(Debug)]
pub(crate) struct ActivityRow {
    pub(crate) id: Option<Uuid>,
    pub(crate) kind: Option<String>,
    pub(crate) occurred_at: Option<i64>,
    pub(crate) data: Option<String>,
}

impl TryFrom<ActivityRow> for Activity {
    type Error = StoreError;

    fn try_from(row: ActivityRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: ActivityId::new(row.id.unwrap_or_default()),
            kind: text(row.kind).parse().map_err(corrupt("kind"))?,
            occurred_at: timestamp("occurred_at", row.occurred_at.unwrap_or_default())?,
            data: text(row.data).parse().map_err(corrupt("data"))?,
        })
    }
}

/// A column that is null only beside a null id; the parsers refuse the empty text.
fn text(column: Option<String>) -> String {
    column.unwrap_or_default()
}

/// The rows of a join of one user and a feed: `None` without the user, no rows when the feed
/// is empty.
pub(crate) fn feed<R>(rows: Vec<R>, id: impl Fn(&R) -> Option<Uuid>) -> Option<Vec<R>> {
    match rows.as_slice() {
        [] => None,
        [row] if id(row).is_none() => Some(Vec::new()),
        _ => Some(rows),
    }
}

/// The rows of each question, by the number of its place, which counts from 0; `None` where
/// there are none. They must be in the order of the places.
pub(crate) fn by_place<R>(
    rows: Vec<R>,
    asked: usize,
    place: impl Fn(&R) -> i64,
) -> Vec<Option<Vec<R>>> {
    let mut rows = rows.into_iter().peekable();
    (0..)
        .take(asked)
        .map(|number| {
            let mine: Vec<R> =
                std::iter::from_fn(|| rows.next_if(|row| place(row) == number)).collect();
            (!mine.is_empty()).then_some(mine)
        })
        .collect()
}

/// Whose rows are asked for, as [`json_ids`] binds them, and the greatest limit: SQLite takes
/// none from a row, so that whoever asked for fewer is given fewer afterwards.
pub(crate) fn bound(asked: &[NewestOf]) -> (String, u16) {
    let users = json_ids(asked.iter().map(|asked| asked.user.get()));
    let most = asked.iter().map(|asked| asked.limit).max();
    (users, most.unwrap_or(0))
}
