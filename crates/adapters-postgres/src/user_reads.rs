//! Users by id and by address.

use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::user_row::UserRow;

pub(crate) async fn find_many(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> sqlx::Result<Vec<UserRow>> {
    sqlx::query_as!(
        UserRow,
        "SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                created_at, updated_at
         FROM users
         WHERE id = ANY($1) AND deleted_at IS NULL",
        ids
    )
    .fetch_all(connection)
    .await
}

/// The claim says whose it is; whether that user is there says the row.
pub(crate) async fn find_id_by_email(
    connection: &mut PgConnection,
    normalized: &str,
) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id
         FROM users
         WHERE id = (SELECT user_id FROM user_emails WHERE email = $1) AND deleted_at IS NULL",
        normalized
    )
    .fetch_optional(connection)
    .await
}
