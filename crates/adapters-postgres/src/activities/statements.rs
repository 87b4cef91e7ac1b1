//! The statements of activities. A read begins at the user, so that one round trip tells a
//! user without activities from none at all; the inner query keeps the index's order.

use std::cmp::Reverse;

use crate::moment::Moment;
use roster_domain::pagination::{Order, PageRequest};
use roster_domain::{ActivityFilter, FeedKind, NewActivity, Timestamp, UserId};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::page::{Asked, From, direction, limit};

/// One activity; nothing in any column for a user who has none.
#[derive(Debug)]
pub(super) struct ActivityRow {
    pub(super) id: Option<Uuid>,
    pub(super) kind: Option<String>,
    pub(super) occurred_at: Option<Moment>,
    pub(super) data: Option<String>,
}

/// One direction of a feed. All of it and what is of one kind are statements of their own: each
/// has its index, and one plan for both would read and drop what is of other kinds.
macro_rules! pages {
    (
        $skip:ident, $seek:ident, $beyond:literal, $order:literal,
        $skip_kind:literal, $seek_kind:literal $(, $kind:ident)?
    ) => {
        async fn $skip(
            connection: &mut PgConnection,
            user: UserId,
            period: &Period,
            skipped: i64,
            limit: i64
            $(, $kind: &str)?
        ) -> sqlx::Result<Vec<ActivityRow>> {
            sqlx::query_as!(
                ActivityRow,
                r#"SELECT a.id AS "id?", a.kind AS "kind?", a.occurred_at AS "occurred_at?", a.data AS "data?"
                FROM users u
                LEFT JOIN LATERAL (
                    SELECT id, kind, occurred_at, data
                    FROM activities
                    WHERE user_id = $1 "# + $skip_kind + r#"
                      AND occurred_at >= COALESCE($2::timestamptz, '-infinity')
                      AND occurred_at < COALESCE($3::timestamptz, 'infinity')
                    ORDER BY "# + $order + r#" OFFSET $4 LIMIT $5
                ) a ON true
                WHERE u.id = $1 AND u.deleted_at IS NULL"#,
                user.get(),
                period.since,
                period.until,
                skipped,
                limit
                $(, $kind)?
            )
            .fetch_all(connection)
            .await
        }

        async fn $seek(
            connection: &mut PgConnection,
            user: UserId,
            period: &Period,
            (at, id): (Moment, Uuid),
            limit: i64
            $(, $kind: &str)?
        ) -> sqlx::Result<Vec<ActivityRow>> {
            sqlx::query_as!(
                ActivityRow,
                r#"SELECT a.id AS "id?", a.kind AS "kind?", a.occurred_at AS "occurred_at?", a.data AS "data?"
                FROM users u
                LEFT JOIN LATERAL (
                    SELECT id, kind, occurred_at, data
                    FROM activities
                    WHERE user_id = $1 "# + $seek_kind + r#"
                      AND occurred_at >= COALESCE($2::timestamptz, '-infinity')
                      AND occurred_at < COALESCE($3::timestamptz, 'infinity')
                      AND (occurred_at, id) "# + $beyond + r#" ($4, $5)
                    ORDER BY "# + $order + r#" LIMIT $6
                ) a ON true
                WHERE u.id = $1 AND u.deleted_at IS NULL"#,
                user.get(),
                period.since,
                period.until,
                at,
                id,
                limit
                $(, $kind)?
            )
            .fetch_all(connection)
            .await
        }
    };
}

pages!(
    skip_descending,
    seek_descending,
    "<",
    "occurred_at DESC, id DESC",
    "",
    ""
);
pages!(
    skip_ascending,
    seek_ascending,
    ">",
    "occurred_at ASC, id ASC",
    "",
    ""
);
pages!(
    skip_kind_descending,
    seek_kind_descending,
    "<",
    "occurred_at DESC, id DESC",
    "AND kind = $6",
    "AND kind = $7",
    kind
);
pages!(
    skip_kind_ascending,
    seek_kind_ascending,
    ">",
    "occurred_at ASC, id ASC",
    "AND kind = $6",
    "AND kind = $7",
    kind
);

struct Period {
    since: Option<Moment>,
    until: Option<Moment>,
}

/// The rows of a page and one more.
pub(super) async fn page(
    on: &mut PgConnection,
    user: UserId,
    filter: &ActivityFilter,
    page: &PageRequest,
) -> sqlx::Result<Vec<ActivityRow>> {
    use Order::{Ascending, Descending};

    let period = Period {
        since: filter.since.map(Moment),
        until: filter.until.map(Moment),
    };
    let kind = filter.kind.as_ref().map(FeedKind::as_str);
    let (limit, order) = (limit(page), direction(page));
    let mut rows = match (From::of(page), order, kind) {
        (From::Row(n), Descending, None) => skip_descending(on, user, &period, n, limit).await,
        (From::Row(n), Ascending, None) => skip_ascending(on, user, &period, n, limit).await,
        (From::Place(at), Descending, None) => seek_descending(on, user, &period, at, limit).await,
        (From::Place(at), Ascending, None) => seek_ascending(on, user, &period, at, limit).await,
        (From::Row(n), Descending, Some(kind)) => {
            skip_kind_descending(on, user, &period, n, limit, kind).await
        }
        (From::Row(n), Ascending, Some(kind)) => {
            skip_kind_ascending(on, user, &period, n, limit, kind).await
        }
        (From::Place(at), Descending, Some(kind)) => {
            seek_kind_descending(on, user, &period, at, limit, kind).await
        }
        (From::Place(at), Ascending, Some(kind)) => {
            seek_kind_ascending(on, user, &period, at, limit, kind).await
        }
    }?;
    sort(&mut rows, order);
    Ok(rows)
}

/// Makes sure of the order. The rows come in it, by the one way to run such a join, so this is
/// a comparison of neighbours; an ORDER BY of the whole query would sort them in the server.
fn sort(rows: &mut [ActivityRow], order: Order) {
    match order {
        Order::Ascending => rows.sort_by_key(|row| (row.occurred_at, row.id)),
        Order::Descending => rows.sort_by_key(|row| Reverse((row.occurred_at, row.id))),
    }
}

/// A row and the place of the question that it answers.
#[derive(Debug)]
pub(super) struct PlacedRow {
    pub(super) place: i64,
    pub(super) row: ActivityRow,
}

macro_rules! newest {
    ($connection:expr, $text:literal, $($parameter:expr),+) => {
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
            .fetch_all($connection)
            .await
            .map(newest_first)
    };
}

pub(super) async fn newest(
    connection: &mut PgConnection,
    user: UserId,
    limit: u16,
) -> sqlx::Result<Vec<PlacedRow>> {
    newest!(
        connection,
        r#"SELECT 1::bigint AS "place!", a.id AS "id?", a.kind AS "kind?",
                  a.occurred_at AS "occurred_at?", a.data AS "data?"
           FROM users u
           LEFT JOIN LATERAL (
               SELECT id, kind, occurred_at, data
               FROM activities
               WHERE user_id = $1
               ORDER BY occurred_at DESC, id DESC
               LIMIT $2
           ) a ON true
           WHERE u.id = $1 AND u.deleted_at IS NULL"#,
        user.get(),
        i64::from(limit)
    )
}

/// The same of many users.
pub(super) async fn newest_many(
    connection: &mut PgConnection,
    asked: &Asked,
) -> sqlx::Result<Vec<PlacedRow>> {
    newest!(
        connection,
        r#"SELECT q.place AS "place!", a.id AS "id?", a.kind AS "kind?",
                  a.occurred_at AS "occurred_at?", a.data AS "data?"
           FROM UNNEST($1::uuid[], $2::int4[]) WITH ORDINALITY AS q (user_id, most, place)
           JOIN users u ON u.id = q.user_id
           LEFT JOIN LATERAL (
               SELECT id, kind, occurred_at, data
               FROM activities
               WHERE user_id = q.user_id
               ORDER BY occurred_at DESC, id DESC
               LIMIT q.most
           ) a ON true
           WHERE u.deleted_at IS NULL"#,
        &asked.users,
        &asked.limits
    )
}

fn newest_first(mut rows: Vec<PlacedRow>) -> Vec<PlacedRow> {
    rows.sort_by_key(|row| (row.place, Reverse((row.row.occurred_at, row.row.id))));
    rows
}

/// Activities as the columns of an insert.
#[derive(Debug, Default)]
pub(super) struct Given {
    ids: Vec<Uuid>,
    kinds: Vec<String>,
    moments: Vec<Moment>,
    data: Vec<String>,
}

impl<'a> FromIterator<&'a NewActivity> for Given {
    fn from_iter<I: IntoIterator<Item = &'a NewActivity>>(activities: I) -> Self {
        let mut given = Self::default();
        for activity in activities {
            let at: Timestamp = activity.occurred_at;
            given.ids.push(activity.id.get());
            given.kinds.push(activity.kind.as_str().to_owned());
            given.moments.push(Moment(at));
            given.data.push(activity.data.as_str().to_owned());
        }
        given
    }
}

/// The ids that are new; `None` without a user.
///
/// The counters' row is locked first: it orders the writes to a user's feeds, and purging a
/// user waits for it. The update reads its newest version, not that of the snapshot.
pub(super) async fn append(
    connection: &mut PgConnection,
    user: UserId,
    given: &Given,
) -> sqlx::Result<Option<Vec<Uuid>>> {
    sqlx::query_scalar!(
        r#"WITH held AS MATERIALIZED (
               SELECT s.user_id
               FROM user_stats s JOIN users u ON u.id = s.user_id
               WHERE s.user_id = $1 AND u.id = $1 AND u.deleted_at IS NULL
               FOR UPDATE OF s
           ), inserted AS (
               INSERT INTO activities (user_id, id, kind, occurred_at, data)
               SELECT h.user_id, g.id, g.kind, g.occurred_at, g.data
               FROM held h
               CROSS JOIN UNNEST($2::uuid[], $3::text[], $4::timestamptz[], $5::text[])
                    AS g (id, kind, occurred_at, data)
               ON CONFLICT (user_id, id) DO NOTHING
               RETURNING id, occurred_at
           ), added AS MATERIALIZED (
               SELECT count(*) AS activities, max(occurred_at) AS latest FROM inserted
           ), counted AS (
               UPDATE user_stats s
               SET activities = s.activities + a.activities,
                   last_activity_at = GREATEST(s.last_activity_at, a.latest)
               FROM added a
               WHERE s.user_id = $1 AND a.activities > 0
           )
           SELECT ARRAY(SELECT id FROM inserted) AS "ids!" FROM held"#,
        user.get(),
        &given.ids,
        &given.kinds,
        &given.moments as &[Moment],
        &given.data
    )
    .fetch_optional(connection)
    .await
}
