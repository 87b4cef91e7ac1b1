use roster_domain::pagination::{ActiveFilter, UserFilter};
use roster_domain::ports::StoreError;
use roster_domain::{Email, User, UserId};
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::error::store_error;
use crate::user_row::UserRow;

/// The one user with this id.
pub(crate) async fn find_one(readers: &SqlitePool, id: UserId) -> Result<Option<User>, StoreError> {
    let id = id.get();
    let row = sqlx::query_as!(
        UserRow,
        r#"SELECT id AS "id: Uuid", email, name, is_active AS "is_active: bool", locale,
            avatar_url, metadata, version, created_at, updated_at
        FROM users
        WHERE id = ?1 AND deleted_at IS NULL"#,
        id
    )
    .fetch_optional(readers)
    .await
    .map_err(store_error)?;
    row.map(User::try_from).transpose()
}

/// The users with these ids, each once.
pub(crate) async fn find_many(
    readers: &SqlitePool,
    ids: &[UserId],
) -> Result<Vec<User>, StoreError> {
    let ids = json_ids(ids.iter().map(|id| id.get()));
    let rows = sqlx::query_as!(
        UserRow,
        r#"SELECT id AS "id: Uuid", email, name, is_active AS "is_active: bool", locale,
            avatar_url, metadata, version, created_at, updated_at
        FROM users
        WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND deleted_at IS NULL"#,
        ids
    )
    .fetch_all(readers)
    .await
    .map_err(store_error)?;
    rows.into_iter().map(User::try_from).collect()
}

/// Who has this address, from its claim.
pub(crate) async fn find_id_by_email(
    readers: &SqlitePool,
    email: &Email,
) -> Result<Option<UserId>, StoreError> {
    let email = email.normalized();
    let id = sqlx::query_scalar!(
        r#"SELECT users.id AS "id: Uuid"
        FROM user_emails JOIN users ON users.id = user_emails.user_id
        WHERE user_emails.email = ?1 AND users.deleted_at IS NULL"#,
        email
    )
    .fetch_optional(readers)
    .await
    .map_err(store_error)?;
    Ok(id.map(UserId::new))
}

/// How many users a list shows, counted on the index of the list.
pub(crate) async fn count(readers: &SqlitePool, filter: UserFilter) -> Result<u64, StoreError> {
    let count = match filter.active {
        ActiveFilter::Active => {
            sqlx::query_scalar!(
                "SELECT count(*) FROM users WHERE deleted_at IS NULL AND is_active = 1"
            )
            .fetch_one(readers)
            .await
        }
        ActiveFilter::Inactive => {
            sqlx::query_scalar!(
                "SELECT count(*) FROM users WHERE deleted_at IS NULL AND is_active = 0"
            )
            .fetch_one(readers)
            .await
        }
        ActiveFilter::Any => {
            sqlx::query_scalar!("SELECT count(*) FROM users WHERE deleted_at IS NULL")
                .fetch_one(readers)
                .await
        }
    };
    Ok(count.map_err(store_error)?.unsigned_abs())
}

/// Ids as one bound value: a JSON array of hexadecimal texts, which `unhex` turns back. SQLite
/// has no arrays, and a statement for each number of ids would fill the cache of statements.
pub(crate) fn json_ids(ids: impl Iterator<Item = Uuid>) -> String {
    let mut json = String::from("[");
    for id in ids {
        if json.len() > 1 {
            json.push(',');
        }
        json.push('"');
        json.push_str(id.simple().encode_lower(&mut Uuid::encode_buffer()));
        json.push('"');
    }
    json.push(']');
    json
}
