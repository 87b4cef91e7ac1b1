//! The statements of an import, each for the whole batch.

use crate::moment::Moment;
use roster_domain::User;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::import_plan::Changes;
use crate::user_row::{UserRow, version_parameter};
use crate::user_search::KeyColumns;

/// An address and whose it is.
#[derive(Debug)]
pub(super) struct ClaimRow {
    pub(super) email: String,
    pub(super) user_id: Uuid,
}

/// A row of `users`, deleted or not.
#[derive(Debug)]
pub(super) struct LockedRow {
    pub(super) id: Uuid,
    email: String,
    name: String,
    is_active: bool,
    locale: Option<String>,
    avatar_url: Option<String>,
    metadata: String,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
    pub(super) deleted: bool,
}

impl From<LockedRow> for UserRow {
    fn from(row: LockedRow) -> Self {
        Self {
            id: row.id,
            email: row.email,
            name: row.name,
            is_active: row.is_active,
            locale: row.locale,
            avatar_url: row.avatar_url,
            metadata: row.metadata,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A batch takes longer than the limit of an ordinary statement.
pub(super) async fn take_time(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("SET LOCAL statement_timeout = '60s'")
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn claims(
    connection: &mut PgConnection,
    emails: &[String],
) -> sqlx::Result<Vec<ClaimRow>> {
    sqlx::query_as!(
        ClaimRow,
        "SELECT email, user_id FROM user_emails WHERE email = ANY($1)",
        emails
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn lock_users(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> sqlx::Result<Vec<LockedRow>> {
    sqlx::query_as!(
        LockedRow,
        r#"SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                  created_at, updated_at, deleted_at IS NOT NULL AS "deleted!"
           FROM users
           WHERE id = ANY($1)
           ORDER BY id
           FOR UPDATE"#,
        ids
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn purged(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("SELECT id FROM purged_users WHERE id = ANY($1)", ids)
        .fetch_all(connection)
        .await
}

/// Writes the batch. Claims are given back before they are taken: one statement cannot delete
/// a key and insert it again.
pub(super) async fn store(connection: &mut PgConnection, changes: &Changes) -> sqlx::Result<()> {
    insert_users(connection, &Columns::of(&changes.created)).await?;
    update_users(connection, &Columns::of(&changes.updated)).await?;
    release_claims(connection, changes).await?;
    take_claims(connection, changes).await?;
    log(connection, changes).await
}

/// Users as the columns of one statement.
#[derive(Debug, Default)]
struct Columns {
    ids: Vec<Uuid>,
    emails: Vec<String>,
    names: Vec<String>,
    active: Vec<bool>,
    locales: Vec<Option<String>>,
    avatar_urls: Vec<Option<String>>,
    metadata: Vec<String>,
    versions: Vec<i64>,
    created: Vec<Moment>,
    updated: Vec<Moment>,
    keys: KeyColumns,
}

impl Columns {
    fn of(users: &[User]) -> Self {
        let mut columns = Self {
            keys: KeyColumns::of(users.iter().map(User::search_keys)),
            ..Self::default()
        };
        for user in users {
            columns.ids.push(user.id.get());
            columns.emails.push(user.email.as_str().to_owned());
            columns.names.push(user.name.as_str().to_owned());
            columns.active.push(user.is_active);
            let locale = user.locale.as_ref().map(ToString::to_string);
            columns.locales.push(locale);
            let avatar_url = user.avatar_url.as_ref().map(ToString::to_string);
            columns.avatar_urls.push(avatar_url);
            columns.metadata.push(user.metadata.as_str().to_owned());
            columns.versions.push(version_parameter(user.version));
            columns.created.push(Moment(user.created_at));
            columns.updated.push(Moment(user.updated_at));
        }
        columns
    }
}

async fn insert_users(connection: &mut PgConnection, columns: &Columns) -> sqlx::Result<()> {
    if columns.ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "WITH inserted AS (
             INSERT INTO users (id, email, name, is_active, locale, avatar_url, metadata,
                                version, created_at, updated_at, deleted_at, search_name,
                                search_email, search_shared)
             SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                    created_at, updated_at, NULL, search_name, search_email, search_shared
             FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::text[],
                         $6::text[], $7::text[], $8::bigint[], $9::timestamptz[],
                         $10::timestamptz[], $11::text[], $12::text[], $13::smallint[])
                  AS n (id, email, name, is_active, locale, avatar_url, metadata, version,
                        created_at, updated_at, search_name, search_email, search_shared)
             RETURNING id
         )
         INSERT INTO user_stats (user_id, notifications, unread, activities, last_activity_at)
         SELECT id, 0, 0, 0, NULL FROM inserted",
        &columns.ids,
        &columns.emails,
        &columns.names,
        &columns.active,
        &columns.locales as &[Option<String>],
        &columns.avatar_urls as &[Option<String>],
        &columns.metadata,
        &columns.versions,
        &columns.created as &[Moment],
        &columns.updated as &[Moment],
        &columns.keys.names,
        &columns.keys.emails,
        &columns.keys.shared,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn update_users(connection: &mut PgConnection, columns: &Columns) -> sqlx::Result<()> {
    if columns.ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE users u
         SET email = n.email, name = n.name, is_active = n.is_active, locale = n.locale,
             avatar_url = n.avatar_url, metadata = n.metadata, version = n.version,
             updated_at = n.updated_at, search_name = n.search_name,
             search_email = n.search_email, search_shared = n.search_shared
         FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::text[],
                     $7::text[], $8::bigint[], $9::timestamptz[], $10::text[], $11::text[],
                     $12::smallint[])
              AS n (id, email, name, is_active, locale, avatar_url, metadata, version, updated_at,
                    search_name, search_email, search_shared)
         WHERE u.id = n.id",
        &columns.ids,
        &columns.emails,
        &columns.names,
        &columns.active,
        &columns.locales as &[Option<String>],
        &columns.avatar_urls as &[Option<String>],
        &columns.metadata,
        &columns.versions,
        &columns.updated as &[Moment],
        &columns.keys.names,
        &columns.keys.emails,
        &columns.keys.shared,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn release_claims(connection: &mut PgConnection, changes: &Changes) -> sqlx::Result<()> {
    let (emails, owners): (Vec<_>, Vec<_>) = changes.released.iter().cloned().unzip();
    if emails.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "DELETE FROM user_emails e
         USING UNNEST($1::text[], $2::uuid[]) AS r (email, user_id)
         WHERE e.email = r.email AND e.user_id = r.user_id",
        &emails,
        &owners
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn take_claims(connection: &mut PgConnection, changes: &Changes) -> sqlx::Result<()> {
    let emails: Vec<_> = changes.claimed.keys().cloned().collect();
    let owners: Vec<_> = changes.claimed.values().copied().collect();
    if emails.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO user_emails (email, user_id)
         SELECT email, user_id FROM UNNEST($1::text[], $2::uuid[]) AS n (email, user_id)",
        &emails,
        &owners
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn log(connection: &mut PgConnection, changes: &Changes) -> sqlx::Result<()> {
    let ids: Vec<_> = changes.log.iter().map(|(id, _)| *id).collect();
    let versions: Vec<_> = changes
        .log
        .iter()
        .map(|(_, version)| version_parameter(*version))
        .collect();
    sqlx::query!(
        "INSERT INTO user_changes (user_id, version, changed_at, applied_to)
         SELECT user_id, version, now(), NULL
         FROM UNNEST($1::uuid[], $2::bigint[]) AS n (user_id, version)",
        &ids,
        &versions
    )
    .execute(connection)
    .await?;
    Ok(())
}
