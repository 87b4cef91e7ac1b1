//! Replacing a user's members, and moving the claim on the address with them.

use crate::moment::Moment;
use roster_domain::{AvatarUrl, Email, Locale, Timestamp, UserId, UserReplacement};
use sqlx::PgConnection;

use crate::user_row::{UserRow, version_parameter};
use crate::user_writes::WrittenRow;

/// The address as it is stored, and the version it is stored at.
pub(crate) async fn current(
    connection: &mut PgConnection,
    replacement: &UserReplacement,
) -> sqlx::Result<Option<CurrentRow>> {
    sqlx::query_as!(
        CurrentRow,
        "SELECT email, version FROM users WHERE id = $1 AND deleted_at IS NULL",
        replacement.id.get()
    )
    .fetch_optional(connection)
    .await
}

/// What [`current`] reads.
#[derive(Debug)]
pub(crate) struct CurrentRow {
    pub(crate) email: String,
    pub(crate) version: i64,
}

/// The row, which nobody else changes until the transaction ends.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    id: UserId,
) -> sqlx::Result<Option<UserRow>> {
    sqlx::query_as!(
        UserRow,
        "SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                created_at, updated_at
         FROM users
         WHERE id = $1 AND deleted_at IS NULL
         FOR UPDATE",
        id.get()
    )
    .fetch_optional(connection)
    .await
}

/// The row after the replacement, or as it is at another version than the expected one. The
/// claim stays: the address is the same in the form that is compared.
pub(crate) async fn keep_claim(
    connection: &mut PgConnection,
    replacement: &UserReplacement,
    at: Timestamp,
) -> sqlx::Result<Option<WrittenRow>> {
    let keys = replacement.search_keys();
    sqlx::query_as!(
        WrittenRow,
        r#"WITH target AS MATERIALIZED (
               SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                      created_at, updated_at
               FROM users
               WHERE id = $1 AND deleted_at IS NULL
               FOR UPDATE
           ), changed AS (
               UPDATE users u
               SET email = $3, name = $4, is_active = $5, locale = $6, avatar_url = $7,
                   metadata = $8, version = u.version + 1, updated_at = $9,
                   search_name = $10, search_email = $11, search_shared = $12
               FROM target t
               WHERE u.id = $1 AND u.id = t.id AND t.version = $2
                 AND (u.email, u.name, u.is_active, u.locale, u.avatar_url, u.metadata)
                     IS DISTINCT FROM ($3, $4, $5, $6, $7, $8)
               RETURNING u.id, u.email, u.name, u.is_active, u.locale, u.avatar_url, u.metadata,
                         u.version, u.created_at, u.updated_at
           ), logged AS (
               INSERT INTO user_changes (user_id, version, changed_at, applied_to)
               SELECT id, version, now(), NULL FROM changed
           )
           SELECT id AS "id!", email AS "email!", name AS "name!", is_active AS "is_active!",
                  locale, avatar_url, metadata AS "metadata!", version AS "version!",
                  created_at AS "created_at!", updated_at AS "updated_at!", true AS "changed!"
           FROM changed
           UNION ALL
           SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                  created_at, updated_at, false
           FROM target
           WHERE NOT EXISTS (SELECT 1 FROM changed)"#,
        replacement.id.get(),
        version_parameter(replacement.expected),
        replacement.email.as_str(),
        replacement.name.as_str(),
        replacement.is_active,
        replacement.locale.as_ref().map(Locale::as_str),
        replacement.avatar_url.as_ref().map(AvatarUrl::as_str),
        replacement.metadata.as_str(),
        Moment(at),
        keys.name.as_str(),
        keys.email.as_str(),
        i16::from(keys.shared),
    )
    .fetch_optional(connection)
    .await
}

/// As [`keep_claim`], and gives the claim on `released` back for the new one. The two must
/// differ: a statement cannot delete a key and insert it again.
pub(crate) async fn move_claim(
    connection: &mut PgConnection,
    replacement: &UserReplacement,
    released: &Email,
    at: Timestamp,
) -> sqlx::Result<Option<WrittenRow>> {
    let keys = replacement.search_keys();
    sqlx::query_as!(
        WrittenRow,
        r#"WITH target AS MATERIALIZED (
               SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                      created_at, updated_at
               FROM users
               WHERE id = $1 AND deleted_at IS NULL
               FOR UPDATE
           ), changed AS (
               UPDATE users u
               SET email = $3, name = $4, is_active = $5, locale = $6, avatar_url = $7,
                   metadata = $8, version = u.version + 1, updated_at = $9,
                   search_name = $12, search_email = $13, search_shared = $14
               FROM target t
               WHERE u.id = $1 AND u.id = t.id AND t.version = $2
               RETURNING u.id, u.email, u.name, u.is_active, u.locale, u.avatar_url, u.metadata,
                         u.version, u.created_at, u.updated_at
           ), released AS (
               DELETE FROM user_emails e
               USING changed c
               WHERE e.email = $10 AND e.user_id = $1 AND e.user_id = c.id
           ), claimed AS (
               INSERT INTO user_emails (email, user_id)
               SELECT $11::text, id FROM changed
           ), logged AS (
               INSERT INTO user_changes (user_id, version, changed_at, applied_to)
               SELECT id, version, now(), NULL FROM changed
           )
           SELECT id AS "id!", email AS "email!", name AS "name!", is_active AS "is_active!",
                  locale, avatar_url, metadata AS "metadata!", version AS "version!",
                  created_at AS "created_at!", updated_at AS "updated_at!", true AS "changed!"
           FROM changed
           UNION ALL
           SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                  created_at, updated_at, false
           FROM target
           WHERE NOT EXISTS (SELECT 1 FROM changed)"#,
        replacement.id.get(),
        version_parameter(replacement.expected),
        replacement.email.as_str(),
        replacement.name.as_str(),
        replacement.is_active,
        replacement.locale.as_ref().map(Locale::as_str),
        replacement.avatar_url.as_ref().map(AvatarUrl::as_str),
        replacement.metadata.as_str(),
        Moment(at),
        released.normalized(),
        replacement.email.normalized(),
        keys.name.as_str(),
        keys.email.as_str(),
        i16::from(keys.shared),
    )
    .fetch_optional(connection)
    .await
}
