//! Inserting and patching users: each write and its row of the change log in one statement.

use crate::moment::Moment;
use roster_domain::search::{SearchKey, SearchKeys};
use roster_domain::{
    AvatarUrl, Locale, NewUser, ProfilePatch, Timestamp, User, UserId, UserName, UserVersion,
};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::user_row::{UserRow, version_parameter};

/// Whether the user was stored; not when the id was purged.
///
/// A purge that commits while this waits for its id is not in this statement's snapshot; the
/// row of the log that it leaves at the first version makes the insert fail on
/// `user_changes_pkey`.
pub(crate) async fn insert(connection: &mut PgConnection, user: &NewUser) -> sqlx::Result<bool> {
    let keys = user.search_keys();
    let done = sqlx::query!(
        "WITH inserted AS (
             INSERT INTO users (id, email, name, is_active, locale, avatar_url, metadata,
                                version, created_at, updated_at, deleted_at, search_name,
                                search_email, search_shared)
             SELECT $1::uuid, $2::text, $3::text, $4::boolean, $5::text, $6::text, $7::text,
                    $8::bigint, $9::timestamptz, $9::timestamptz, NULL, $11::text, $12::text,
                    $13::smallint
             WHERE NOT EXISTS (SELECT 1 FROM purged_users WHERE id = $1)
             RETURNING id, version
         ), claimed AS (
             INSERT INTO user_emails (email, user_id)
             SELECT $10::text, id FROM inserted
         ), counted AS (
             INSERT INTO user_stats (user_id, notifications, unread, activities,
                                     last_activity_at)
             SELECT id, 0, 0, 0, NULL FROM inserted
         )
         INSERT INTO user_changes (user_id, version, changed_at, applied_to)
         SELECT id, version, now(), NULL FROM inserted",
        user.id.get(),
        user.email.as_str(),
        user.name.as_str(),
        user.is_active,
        user.locale.as_ref().map(Locale::as_str),
        user.avatar_url.as_ref().map(AvatarUrl::as_str),
        user.metadata.as_str(),
        version_parameter(UserVersion::FIRST),
        Moment(user.created_at),
        user.email.normalized(),
        keys.name.as_str(),
        keys.email.as_str(),
        i16::from(keys.shared),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The row that [`insert`] stores.
pub(crate) fn inserted(user: &NewUser) -> User {
    let user = user.clone();
    User {
        id: user.id,
        email: user.email,
        name: user.name,
        is_active: user.is_active,
        locale: user.locale,
        avatar_url: user.avatar_url,
        metadata: user.metadata,
        version: UserVersion::FIRST,
        created_at: user.created_at,
        updated_at: user.created_at,
    }
}

/// A row as it is after a write, and whether the write changed it.
#[derive(Debug)]
pub(crate) struct WrittenRow {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) is_active: bool,
    pub(crate) locale: Option<String>,
    pub(crate) avatar_url: Option<String>,
    pub(crate) metadata: String,
    pub(crate) version: i64,
    pub(crate) created_at: Moment,
    pub(crate) updated_at: Moment,
    pub(crate) changed: bool,
}

impl WrittenRow {
    pub(crate) fn into_user(self) -> UserRow {
        UserRow {
            id: self.id,
            email: self.email,
            name: self.name,
            is_active: self.is_active,
            locale: self.locale,
            avatar_url: self.avatar_url,
            metadata: self.metadata,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// The row after the patch; the row as it was when nothing differs or `expected` is not its
/// version; nothing when there is no such user.
///
/// The row is locked first, and what is compared are the columns of the locked row: the UPDATE
/// itself begins with the row of its snapshot, and would pass over a row that another write has
/// just changed back to what that was. A row without keys stays without: the address is not at
/// hand to make the other.
pub(crate) async fn patch(
    connection: &mut PgConnection,
    id: UserId,
    patch: &ProfilePatch,
    expected: Option<UserVersion>,
    at: Timestamp,
) -> sqlx::Result<Option<WrittenRow>> {
    let key = patch.name.as_ref().map(|name| SearchKey::of(name.as_str()));
    sqlx::query_as!(
        WrittenRow,
        r#"WITH target AS MATERIALIZED (
               SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                      created_at, updated_at, search_name, search_email, search_shared
               FROM users
               WHERE id = $1 AND deleted_at IS NULL
               FOR UPDATE
           ), wanted AS MATERIALIZED (
               SELECT id, version,
                      CASE WHEN search_email IS NULL THEN NULL
                           ELSE COALESCE($10::text, search_name) END AS search_name,
                      CASE WHEN $10::text IS NULL THEN search_shared
                           ELSE (SELECT max(n)::smallint FROM generate_series(0, $11::int) AS n
                                 WHERE left($10, n) = left(search_email, n))
                           END AS search_shared,
                      COALESCE($2::text, name) AS name,
                      COALESCE($3::boolean, is_active) AS is_active,
                      CASE WHEN $4::boolean THEN locale ELSE $5::text END AS locale,
                      CASE WHEN $6::boolean THEN avatar_url ELSE $7::text END AS avatar_url
               FROM target
               WHERE ($8::bigint IS NULL OR version = $8)
                 AND (name, is_active, locale, avatar_url) IS DISTINCT FROM (
                     COALESCE($2::text, name), COALESCE($3::boolean, is_active),
                     CASE WHEN $4::boolean THEN locale ELSE $5::text END,
                     CASE WHEN $6::boolean THEN avatar_url ELSE $7::text END)
           ), changed AS (
               UPDATE users u
               SET name = w.name, is_active = w.is_active, locale = w.locale,
                   avatar_url = w.avatar_url, version = u.version + 1, updated_at = $9,
                   search_name = w.search_name, search_shared = w.search_shared
               FROM wanted w
               WHERE u.id = $1 AND u.id = w.id
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
        id.get(),
        patch.name.as_ref().map(UserName::as_str),
        patch.is_active,
        patch.locale.is_keep(),
        patch.locale.value().map(Locale::as_str),
        patch.avatar_url.is_keep(),
        patch.avatar_url.value().map(AvatarUrl::as_str),
        expected.map(version_parameter),
        Moment(at),
        key.as_ref().map(SearchKey::as_str),
        i32::from(SearchKeys::MOST_SHARED),
    )
    .fetch_optional(connection)
    .await
}
