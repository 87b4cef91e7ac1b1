use roster_domain::UserSummary;
use roster_domain::pagination::{ActiveFilter, PageRequest, Slice, UserFilter};
use roster_domain::ports::StoreError;
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::error::store_error;
use crate::page::Window;
use crate::user_row::SummaryRow;

/// The statement of one list in one direction. The filter is text, because SQLite takes a
/// partial index only when the condition stands in the statement.
macro_rules! rows {
    ($readers:expr, $window:expr, $filter:tt, $direction:tt) => {
        sqlx::query_as!(
            SummaryRow,
            r#"SELECT id AS "id: Uuid", name, email, created_at FROM users "#
                + $filter
                + " AND (created_at, id) > (?1, ?2) AND (created_at, id) < (?3, ?4)"
                + " ORDER BY created_at "
                + $direction
                + ", id "
                + $direction
                + " LIMIT ?5 OFFSET ?6",
            $window.low_at,
            $window.low_id,
            $window.high_at,
            $window.high_id,
            $window.limit,
            $window.offset
        )
        .fetch_all($readers)
        .await
    };
}

/// One page of the users that match.
pub(crate) async fn list(
    readers: &SqlitePool,
    filter: UserFilter,
    page: &PageRequest,
) -> Result<Slice<UserSummary>, StoreError> {
    let window = Window::of(page);
    let rows = match (filter.active, window.descending) {
        (ActiveFilter::Active, true) => {
            rows!(
                readers,
                window,
                "WHERE deleted_at IS NULL AND is_active = 1",
                "DESC"
            )
        }
        (ActiveFilter::Active, false) => {
            rows!(
                readers,
                window,
                "WHERE deleted_at IS NULL AND is_active = 1",
                "ASC"
            )
        }
        (ActiveFilter::Inactive, true) => {
            rows!(
                readers,
                window,
                "WHERE deleted_at IS NULL AND is_active = 0",
                "DESC"
            )
        }
        (ActiveFilter::Inactive, false) => {
            rows!(
                readers,
                window,
                "WHERE deleted_at IS NULL AND is_active = 0",
                "ASC"
            )
        }
        (ActiveFilter::Any, true) => rows!(readers, window, "WHERE deleted_at IS NULL", "DESC"),
        (ActiveFilter::Any, false) => rows!(readers, window, "WHERE deleted_at IS NULL", "ASC"),
    };
    window.slice(rows.map_err(store_error)?)
}
