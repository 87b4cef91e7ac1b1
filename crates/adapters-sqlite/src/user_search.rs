use async_trait::async_trait;
use roster_domain::UserSummary;
use roster_domain::pagination::{Counting, Slice};
use roster_domain::ports::{ESTIMATED_AT_MOST, StoreError, UserSearch};
use roster_domain::search::{
    FoundUser, SearchFilter, SearchKey, SearchKeys, SearchRequest, SearchWindow,
};
use sqlx::{SqliteConnection, SqlitePool};
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::store_error;
use crate::user_row::SummaryRow;

/// [`UserSearch`] in a SQLite file.
///
/// A page is the first rows of several ranges: one of names, and one of addresses for each
/// number of characters that name and address share. A user that both find is found by its
/// name, and those whose keys share as many characters as are looked for are in ranges that
/// are not read.
#[derive(Clone, Debug)]
pub struct SqliteUserSearch {
    store: SqliteStore,
}

impl SqliteUserSearch {
    /// The users of a store.
    pub fn new(store: &SqliteStore) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

#[async_trait]
impl UserSearch for SqliteUserSearch {
    async fn search(
        &self,
        filter: &SearchFilter,
        request: &SearchRequest,
    ) -> Result<Slice<FoundUser>, StoreError> {
        let window = SearchWindow::of(filter, request);
        let readers = self.store.readers();
        let mut found = Vec::new();
        for &active in filter.active.shown() {
            found.append(&mut by_name(readers, active, &window).await?);
            for shared in window.shared() {
                found.append(&mut by_address(readers, active, shared, &window).await?);
            }
        }
        let found = found.into_iter().map(FoundUser::try_from);
        Ok(window.slice(found.collect::<Result<_, _>>()?))
    }

    async fn count_found(
        &self,
        filter: &SearchFilter,
        counting: Counting,
    ) -> Result<u64, StoreError> {
        let most = match counting {
            Counting::Estimate => ESTIMATED_AT_MOST,
            Counting::Exact => u64::MAX,
        };
        let mut count = 0;
        for &active in filter.active.shown() {
            count += count_names(self.store.readers(), active, filter, most).await?;
            for shared in filter.prefix.shared() {
                count +=
                    count_addresses(self.store.readers(), active, shared, filter, most).await?;
            }
        }
        Ok(count.min(most))
    }

    async fn index_missing(&self, limit: u32) -> Result<u64, StoreError> {
        self.store
            .write(move |tx| Box::pin(async move { index_missing(tx, limit).await }))
            .await
    }
}

/// A row and the key that it was found by.
#[derive(Debug)]
struct FoundRow {
    id: Uuid,
    name: String,
    email: String,
    created_at: i64,
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

async fn by_name(
    readers: &SqlitePool,
    active: bool,
    window: &SearchWindow,
) -> Result<Vec<FoundRow>, StoreError> {
    macro_rules! range {
        ($beyond:literal, $until:literal, $order:literal) => {{
            let (from, to) = (window.from.as_str(), window.to.as_str());
            sqlx::query_as!(
                FoundRow,
                r#"SELECT id AS "id: Uuid", name, email, created_at, search_name AS "key!"
                FROM users
                WHERE deleted_at IS NULL AND is_active + 0 = ?1 AND (search_name, id) "#
                    + $beyond
                    + " (?2, ?3) AND search_name "
                    + $until
                    + " ?4 ORDER BY "
                    + $order
                    + " LIMIT ?5",
                active,
                from,
                window.from_id,
                to,
                window.limit
            )
            .fetch_all(readers)
            .await
        }};
    }
    let rows = if window.descending {
        range!("<", ">=", "search_name DESC, id DESC")
    } else {
        range!(">", "<", "search_name, id")
    };
    rows.map_err(store_error)
}

async fn by_address(
    readers: &SqlitePool,
    active: bool,
    shared: u8,
    window: &SearchWindow,
) -> Result<Vec<FoundRow>, StoreError> {
    macro_rules! range {
        ($beyond:literal, $until:literal, $order:literal) => {{
            let (from, to) = (window.from.as_str(), window.to.as_str());
            let (first, end) = (window.first.as_str(), window.end.as_str());
            sqlx::query_as!(
                FoundRow,
                r#"SELECT id AS "id: Uuid", name, email, created_at, search_email AS "key!"
                FROM users
                WHERE deleted_at IS NULL AND is_active + 0 = ?1 AND search_shared = ?2
                    AND (search_email, id) "#
                    + $beyond
                    + " (?3, ?4) AND search_email "
                    + $until
                    + " ?5 AND NOT (+search_name >= ?6 AND +search_name < ?7) ORDER BY "
                    + $order
                    + " LIMIT ?8",
                active,
                shared,
                from,
                window.from_id,
                to,
                first,
                end,
                window.limit
            )
            .fetch_all(readers)
            .await
        }};
    }
    let rows = if window.descending {
        range!("<", ">=", "search_email DESC, id DESC")
    } else {
        range!(">", "<", "search_email, id")
    };
    rows.map_err(store_error)
}

/// How many are found by name, up to `most`.
async fn count_names(
    readers: &SqlitePool,
    active: bool,
    filter: &SearchFilter,
    most: u64,
) -> Result<u64, StoreError> {
    let (first, end) = (filter.prefix.as_str(), filter.prefix.end());
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let count = sqlx::query_scalar!(
        "SELECT count(*) FROM (
            SELECT 1 FROM users
            WHERE deleted_at IS NULL AND is_active + 0 = ?1 AND search_name >= ?2 AND search_name < ?3
            LIMIT ?4)",
        active,
        first,
        end,
        most
    )
    .fetch_one(readers)
    .await
    .map_err(store_error)?;
    Ok(count.unsigned_abs())
}

/// How many of a range of addresses are found by the address alone, up to `most`.
async fn count_addresses(
    readers: &SqlitePool,
    active: bool,
    shared: u8,
    filter: &SearchFilter,
    most: u64,
) -> Result<u64, StoreError> {
    let (first, end) = (filter.prefix.as_str(), filter.prefix.end());
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let count = sqlx::query_scalar!(
        "SELECT count(*) FROM (
            SELECT 1 FROM users
            WHERE deleted_at IS NULL AND is_active + 0 = ?1 AND search_shared = ?2
                AND search_email >= ?3 AND search_email < ?4
                AND NOT (+search_name >= ?3 AND +search_name < ?4)
            LIMIT ?5)",
        active,
        shared,
        first,
        end,
        most
    )
    .fetch_one(readers)
    .await
    .map_err(store_error)?;
    Ok(count.unsigned_abs())
}

/// Gives rows without keys theirs.
pub(crate) async fn index_missing(
    tx: &mut SqliteConnection,
    limit: u32,
) -> Result<u64, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: Uuid", name, email FROM users
        WHERE search_name IS NULL ORDER BY id LIMIT ?1"#,
        limit
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(store_error)?;
    for row in &rows {
        set_keys(tx, row.id, &SearchKeys::of(&row.name, &row.email)).await?;
    }
    Ok(rows.len() as u64)
}

async fn set_keys(
    tx: &mut SqliteConnection,
    id: Uuid,
    keys: &SearchKeys,
) -> Result<(), StoreError> {
    let (name, email) = (keys.name.as_str(), keys.email.as_str());
    sqlx::query!(
        "UPDATE users SET search_name = ?2, search_email = ?3, search_shared = ?4 WHERE id = ?1",
        id,
        name,
        email,
        keys.shared
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}
