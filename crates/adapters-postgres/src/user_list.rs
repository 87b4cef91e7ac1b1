//! Pages of users and their number. One statement for each filter, direction and kind of
//! start: a filter in a parameter would keep the planner from its partial index, and a start
//! that may be NULL would keep the row comparison out of the index condition.
//!
//! A page comes as one row of columns: to take fifty rows out of the driver one by one costs more
//! than to read them. An aggregate takes its rows in the order of the subquery.

use crate::moment::Moment;
use roster_domain::pagination::{ActiveFilter, Order, PageRequest, UserFilter};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::page::{From, direction, limit};
use crate::user_row::SummaryColumns;

macro_rules! statements {
    ($module:ident, $index:literal, $filter:literal) => {
        statements!(
            $module,
            $index,
            $filter,
            r#"SELECT coalesce(array_agg(id), '{}') AS "ids!",
                      coalesce(array_agg(name), '{}') AS "names!",
                      coalesce(array_agg(email), '{}') AS "emails!",
                      coalesce(array_agg(created_at), '{}') AS "created_at!: Vec<Moment>"
               FROM (SELECT id, name, email, created_at FROM users WHERE "#
        );
    };
    ($module:ident, $index:literal, $filter:literal, $columns:literal) => {
        mod $module {
            use super::*;

            pub(super) async fn skip_descending(
                connection: &mut PgConnection,
                skipped: i64,
                limit: i64,
            ) -> sqlx::Result<SummaryColumns> {
                sqlx::query_as!(
                    SummaryColumns,
                    $columns
                        + $filter
                        + " ORDER BY created_at DESC, id DESC OFFSET $1 LIMIT $2) AS page",
                    skipped,
                    limit
                )
                .fetch_one(connection)
                .await
            }

            pub(super) async fn skip_ascending(
                connection: &mut PgConnection,
                skipped: i64,
                limit: i64,
            ) -> sqlx::Result<SummaryColumns> {
                sqlx::query_as!(
                    SummaryColumns,
                    $columns
                        + $filter
                        + " ORDER BY created_at ASC, id ASC OFFSET $1 LIMIT $2) AS page",
                    skipped,
                    limit
                )
                .fetch_one(connection)
                .await
            }

            pub(super) async fn seek_descending(
                connection: &mut PgConnection,
                (at, id): (Moment, Uuid),
                limit: i64,
            ) -> sqlx::Result<SummaryColumns> {
                sqlx::query_as!(
                    SummaryColumns,
                    $columns
                        + $filter
                        + " AND (created_at, id) < ($1, $2)"
                        + " ORDER BY created_at DESC, id DESC LIMIT $3) AS page",
                    at,
                    id,
                    limit
                )
                .fetch_one(connection)
                .await
            }

            pub(super) async fn seek_ascending(
                connection: &mut PgConnection,
                (at, id): (Moment, Uuid),
                limit: i64,
            ) -> sqlx::Result<SummaryColumns> {
                sqlx::query_as!(
                    SummaryColumns,
                    $columns
                        + $filter
                        + " AND (created_at, id) > ($1, $2)"
                        + " ORDER BY created_at ASC, id ASC LIMIT $3) AS page",
                    at,
                    id,
                    limit
                )
                .fetch_one(connection)
                .await
            }

            pub(super) async fn pages_descending(
                connection: &mut PgConnection,
                places: &Places,
            ) -> sqlx::Result<Vec<PlacedColumns>> {
                pages_from!(
                    places,
                    connection,
                    $columns,
                    $filter,
                    " AND (created_at, id) < (coalesce(q.at, 'infinity'), q.id)
                      ORDER BY created_at DESC, id DESC"
                )
            }

            pub(super) async fn pages_ascending(
                connection: &mut PgConnection,
                places: &Places,
            ) -> sqlx::Result<Vec<PlacedColumns>> {
                pages_from!(
                    places,
                    connection,
                    $columns,
                    $filter,
                    " AND (created_at, id) > (coalesce(q.at, '-infinity'), q.id)
                      ORDER BY created_at ASC, id ASC"
                )
            }

            pub(super) async fn count(connection: &mut PgConnection) -> sqlx::Result<i64> {
                sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM users WHERE "# + $filter)
                    .fetch_one(connection)
                    .await
            }

            pub(super) const INDEX: &str = $index;
        }
    };
}

/// The pages of many requests, a row each.
macro_rules! pages_from {
    ($places:expr, $connection:expr, $columns:tt, $filter:tt, $beyond:literal) => {
        sqlx::query!(
            r#"SELECT q.number AS "number!", p."ids!", p."names!", p."emails!",
                      p."created_at!: Vec<Moment>"
               FROM UNNEST($1::int4[], $2::timestamptz[], $3::uuid[], $4::int8[])
                    AS q (number, at, id, most)
               CROSS JOIN LATERAL ("#
                + $columns
                + $filter
                + $beyond
                + " LIMIT q.most) AS page) AS p",
            &$places.numbers,
            &$places.moments as &[Option<Moment>],
            &$places.ids,
            &$places.limits
        )
        .map(|row| PlacedColumns {
            number: row.number,
            columns: SummaryColumns {
                ids: row.ids,
                names: row.names,
                emails: row.emails,
                created_at: row.created_at,
            },
        })
        .fetch_all($connection)
        .await
    };
}

statements!(active, "users_active", "is_active AND deleted_at IS NULL");
statements!(
    inactive,
    "users_inactive",
    "NOT is_active AND deleted_at IS NULL"
);
statements!(any, "users_any", "deleted_at IS NULL");

/// The rows of a page and one more, in the direction that [`direction()`] names.
pub(crate) async fn page(
    connection: &mut PgConnection,
    filter: &UserFilter,
    page: &PageRequest,
) -> sqlx::Result<SummaryColumns> {
    use ActiveFilter::{Active, Any, Inactive};
    use Order::{Ascending, Descending};

    let limit = limit(page);
    match (filter.active, From::of(page), direction(page)) {
        (Active, From::Row(n), Descending) => active::skip_descending(connection, n, limit).await,
        (Active, From::Row(n), Ascending) => active::skip_ascending(connection, n, limit).await,
        (Active, From::Place(p), Descending) => active::seek_descending(connection, p, limit).await,
        (Active, From::Place(p), Ascending) => active::seek_ascending(connection, p, limit).await,
        (Inactive, From::Row(n), Descending) => {
            inactive::skip_descending(connection, n, limit).await
        }
        (Inactive, From::Row(n), Ascending) => inactive::skip_ascending(connection, n, limit).await,
        (Inactive, From::Place(p), Descending) => {
            inactive::seek_descending(connection, p, limit).await
        }
        (Inactive, From::Place(p), Ascending) => {
            inactive::seek_ascending(connection, p, limit).await
        }
        (Any, From::Row(n), Descending) => any::skip_descending(connection, n, limit).await,
        (Any, From::Row(n), Ascending) => any::skip_ascending(connection, n, limit).await,
        (Any, From::Place(p), Descending) => any::seek_descending(connection, p, limit).await,
        (Any, From::Place(p), Ascending) => any::seek_ascending(connection, p, limit).await,
    }
}

/// A page and the number of the request that it answers.
#[derive(Debug)]
struct PlacedColumns {
    number: i32,
    columns: SummaryColumns,
}

/// Where pages start that are read in one direction; without a moment, at the end of the list.
#[derive(Debug, Default)]
struct Places {
    numbers: Vec<i32>,
    moments: Vec<Option<Moment>>,
    ids: Vec<Uuid>,
    limits: Vec<i64>,
}

impl Places {
    fn add(&mut self, number: i32, place: Option<(Moment, Uuid)>, limit: i64) {
        let (moment, id) = place.unzip();
        self.numbers.push(number);
        self.moments.push(moment);
        self.ids.push(id.unwrap_or_default());
        self.limits.push(limit);
    }
}

/// The same for each of many requests, in their order: a statement for each direction, and one
/// for each page that skips rows.
pub(crate) async fn pages(
    connection: &mut PgConnection,
    filter: &UserFilter,
    requests: &[PageRequest],
) -> sqlx::Result<Vec<SummaryColumns>> {
    use ActiveFilter::{Active, Any, Inactive};
    use Order::{Ascending, Descending};

    let mut found = Vec::with_capacity(requests.len());
    let (mut descending, mut ascending) = (Places::default(), Places::default());
    for (number, request) in (0..).zip(requests) {
        let place = match From::of(request) {
            From::Row(1..) => {
                let columns = page(connection, filter, request).await?;
                found.push(PlacedColumns { number, columns });
                continue;
            }
            From::Row(_) => None,
            From::Place(place) => Some(place),
        };
        match direction(request) {
            Descending => descending.add(number, place, limit(request)),
            Ascending => ascending.add(number, place, limit(request)),
        }
    }
    for (order, places) in [(Descending, descending), (Ascending, ascending)] {
        if places.numbers.is_empty() {
            continue;
        }
        found.extend(match (filter.active, order) {
            (Active, Descending) => active::pages_descending(connection, &places).await,
            (Active, Ascending) => active::pages_ascending(connection, &places).await,
            (Inactive, Descending) => inactive::pages_descending(connection, &places).await,
            (Inactive, Ascending) => inactive::pages_ascending(connection, &places).await,
            (Any, Descending) => any::pages_descending(connection, &places).await,
            (Any, Ascending) => any::pages_ascending(connection, &places).await,
        }?);
    }
    found.sort_by_key(|page| page.number);
    Ok(found.into_iter().map(|page| page.columns).collect())
}

/// How many users match, one by one.
pub(crate) async fn count_exactly(
    connection: &mut PgConnection,
    filter: &UserFilter,
) -> sqlx::Result<i64> {
    match filter.active {
        ActiveFilter::Active => active::count(connection).await,
        ActiveFilter::Inactive => inactive::count(connection).await,
        ActiveFilter::Any => any::count(connection).await,
    }
}

/// How many rows the filter's partial index had when it was last analysed; `None` when it
/// never was, or when it had none then, which is how older servers say never.
pub(crate) async fn count_from_statistics(
    connection: &mut PgConnection,
    filter: &UserFilter,
) -> sqlx::Result<Option<i64>> {
    let index = match filter.active {
        ActiveFilter::Active => active::INDEX,
        ActiveFilter::Inactive => inactive::INDEX,
        ActiveFilter::Any => any::INDEX,
    };
    let rows = sqlx::query_scalar!(
        r#"SELECT reltuples::bigint AS "rows!"
           FROM pg_catalog.pg_class
           WHERE oid = to_regclass($1) AND reltuples > 0"#,
        index
    )
    .fetch_optional(connection)
    .await?;
    Ok(rows)
}
