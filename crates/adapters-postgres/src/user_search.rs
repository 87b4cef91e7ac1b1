//! Users by the beginning of names and addresses.
//!
//! A page is the first rows of several ranges: one of names, and one of addresses for each
//! number of characters that name and address share. A user that both find is found by its
//! name, and those whose keys share as many characters as are looked for are in ranges that
//! are not read: a filter alone would read them all, and a page would cost what they are.

use async_trait::async_trait;
use roster_domain::UserSummary;
use roster_domain::pagination::{Counting, Slice};
use roster_domain::ports::{ESTIMATED_AT_MOST, StoreError, UserSearch};
use roster_domain::search::{
    FoundUser, SearchFilter, SearchKey, SearchKeys, SearchRequest, SearchWindow,
};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::error::{corrupt, store_error};
use crate::moment::Moment;
use crate::pool::PostgresPool;
use crate::retry::run;
use crate::user_row::SummaryRow;

/// Users of a database, to search.
#[derive(Clone, Debug)]
pub struct PostgresUserSearch {
    pool: PostgresPool,
}

impl PostgresUserSearch {
    /// The users of a database.
    pub fn new(pool: PostgresPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl UserSearch for PostgresUserSearch {
    async fn search(
        &self,
        filter: &SearchFilter,
        request: &SearchRequest,
    ) -> Result<Slice<FoundUser>, StoreError> {
        let window = SearchWindow::of(filter, request);
        let rows = run!(self.pool, Read, connection => rows(connection, filter, &window))
            .map_err(store_error)?;
        let found = rows.into_iter().map(FoundUser::try_from);
        Ok(window.slice(found.collect::<Result<_, _>>()?))
    }

    async fn count_found(
        &self,
        filter: &SearchFilter,
        counting: Counting,
    ) -> Result<u64, StoreError> {
        let most = match counting {
            Counting::Estimate => i64::try_from(ESTIMATED_AT_MOST).map_err(corrupt)?,
            Counting::Exact => i64::MAX,
        };
        let count = run!(self.pool, Read, connection => count(connection, filter, most))
            .map_err(store_error)?;
        count.min(most).try_into().map_err(corrupt)
    }

    async fn index_missing(&self, limit: u32) -> Result<u64, StoreError> {
        run!(self.pool, Write, connection => index_missing(connection, limit)).map_err(store_error)
    }
}

/// The rows of every range, each up to the limit.
async fn rows(
    connection: &mut PgConnection,
    filter: &SearchFilter,
    window: &SearchWindow,
) -> sqlx::Result<Vec<FoundRow>> {
    let mut rows = Vec::new();
    for &active in filter.active.shown() {
        rows.append(&mut if window.descending {
            by_name::descending(connection, active, window).await?
        } else {
            by_name::ascending(connection, active, window).await?
        });
        for shared in window.shared() {
            rows.append(&mut if window.descending {
                by_address::descending(connection, active, i16::from(shared), window).await?
            } else {
                by_address::ascending(connection, active, i16::from(shared), window).await?
            });
        }
    }
    Ok(rows)
}

/// A row and the key that it was found by.
#[derive(Debug)]
struct FoundRow {
    id: Uuid,
    name: String,
    email: String,
    created_at: Moment,
    key: String,
}

impl TryFrom<FoundRow> for FoundUser {
    type Error = StoreError;

    fn try_from(row: FoundRow) -> Result<Self, StoreError> {
        let key = SearchKey::stored(&row.key);
        let summary = UserSummary::try_from(SummaryRow {
            id: row.id,
            name: row.name,
            email: row.email,
            created_at: row.created_at,
        })?;
        Ok(Self { summary, key })
    }
}

mod by_name {
    use super::{FoundRow, Moment, PgConnection, SearchWindow, Uuid};

    macro_rules! range {
        ($direction:ident, $beyond:literal, $until:literal, $order:literal) => {
            pub(super) async fn $direction(
                connection: &mut PgConnection,
                active: bool,
                window: &SearchWindow,
            ) -> sqlx::Result<Vec<FoundRow>> {
                sqlx::query_as!(
                    FoundRow,
                    r#"SELECT id AS "id: Uuid", name, email, created_at AS "created_at: Moment",
                              search_name AS "key!"
                       FROM users
                       WHERE deleted_at IS NULL AND is_active = $1 AND (search_name, id) "#
                        + $beyond + " ($2, $3) AND search_name " + $until + " $4 ORDER BY "
                        + $order + " LIMIT $5",
                    active,
                    window.from.as_str(),
                    window.from_id,
                    window.to.as_str(),
                    window.limit
                )
                .fetch_all(connection)
                .await
            }
        };
    }

    range!(ascending, ">", "<", "search_name, id");
    range!(descending, "<", ">=", "search_name DESC, id DESC");
}

mod by_address {
    use super::{FoundRow, Moment, PgConnection, SearchWindow, Uuid};

    macro_rules! range {
        ($direction:ident, $beyond:literal, $until:literal, $order:literal) => {
            pub(super) async fn $direction(
                connection: &mut PgConnection,
                active: bool,
                shared: i16,
                window: &SearchWindow,
            ) -> sqlx::Result<Vec<FoundRow>> {
                sqlx::query_as!(
                    FoundRow,
                    r#"SELECT id AS "id: Uuid", name, email, created_at AS "created_at: Moment",
                              search_email AS "key!"
                       FROM users
                       WHERE deleted_at IS NULL AND is_active = $1 AND search_shared = $2
                         AND (search_email, id) "# + $beyond
                        + " ($3, $4) AND search_email " + $until
                        + " $5 AND NOT (search_name >= $6 AND search_name < $7) ORDER BY "
                        + $order + " LIMIT $8",
                    active,
                    shared,
                    window.from.as_str(),
                    window.from_id,
                    window.to.as_str(),
                    window.first.as_str(),
                    window.end.as_str(),
                    window.limit
                )
                .fetch_all(connection)
                .await
            }
        };
    }

    range!(ascending, ">", "<", "search_email, id");
    range!(descending, "<", ">=", "search_email DESC, id DESC");
}

/// How many are found by name and how many by address alone, each up to `most`.
async fn count(
    connection: &mut PgConnection,
    filter: &SearchFilter,
    most: i64,
) -> sqlx::Result<i64> {
    let (first, end) = (filter.prefix.as_str(), filter.prefix.end());
    let shared: Vec<i16> = filter.prefix.shared().map(i16::from).collect();
    sqlx::query_scalar!(
        r#"SELECT (SELECT count(*) FROM (
                      SELECT id FROM users
                      WHERE deleted_at IS NULL AND is_active = ANY($1)
                        AND search_name >= $2 AND search_name < $3
                      LIMIT $5) n)
                + (SELECT count(*) FROM (
                      SELECT id FROM users
                      WHERE deleted_at IS NULL AND is_active = ANY($1)
                        AND search_shared = ANY($4)
                        AND search_email >= $2 AND search_email < $3
                        AND NOT (search_name >= $2 AND search_name < $3)
                      LIMIT $5) a) AS "count!""#,
        filter.active.shown(),
        first,
        end,
        &shared,
        most
    )
    .fetch_one(connection)
    .await
}

/// Gives rows without keys theirs; rows that change meanwhile come with the next call.
pub(crate) async fn index_missing(connection: &mut PgConnection, limit: u32) -> sqlx::Result<u64> {
    let rows = without_keys(connection, i64::from(limit)).await?;
    if !rows.is_empty() {
        set_keys(connection, &rows).await?;
    }
    Ok(rows.len() as u64)
}

#[derive(Debug)]
struct UnkeyedRow {
    id: Uuid,
    version: i64,
    name: String,
    email: String,
}

async fn without_keys(connection: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<UnkeyedRow>> {
    sqlx::query_as!(
        UnkeyedRow,
        "SELECT id, version, name, email FROM users WHERE search_name IS NULL ORDER BY id LIMIT $1",
        limit
    )
    .fetch_all(connection)
    .await
}

async fn set_keys(connection: &mut PgConnection, rows: &[UnkeyedRow]) -> sqlx::Result<()> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let versions: Vec<_> = rows.iter().map(|row| row.version).collect();
    let keys = rows.iter().map(|row| SearchKeys::of(&row.name, &row.email));
    let keys = KeyColumns::of(keys);
    sqlx::query!(
        "UPDATE users u
         SET search_name = n.search_name, search_email = n.search_email,
             search_shared = n.search_shared
         FROM UNNEST($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::smallint[])
              AS n (id, version, search_name, search_email, search_shared)
         WHERE u.id = n.id AND u.version = n.version AND u.search_name IS NULL",
        &ids,
        &versions,
        &keys.names,
        &keys.emails,
        &keys.shared,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keys as the columns of one statement.
#[derive(Debug, Default)]
pub(crate) struct KeyColumns {
    pub(crate) names: Vec<String>,
    pub(crate) emails: Vec<String>,
    pub(crate) shared: Vec<i16>,
}

impl KeyColumns {
    pub(crate) fn of(keys: impl Iterator<Item = SearchKeys>) -> Self {
        let mut columns = Self::default();
        for keys in keys {
            columns.names.push(keys.name.as_str().to_owned());
            columns.emails.push(keys.email.as_str().to_owned());
            columns.shared.push(i16::from(keys.shared));
        }
        columns
    }
}
