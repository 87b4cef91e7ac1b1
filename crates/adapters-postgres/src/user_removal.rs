//! Deleting, restoring and purging users.

use crate::moment::Moment;
use roster_domain::{Email, Timestamp, UserId, UserVersion};
use sqlx::types::Uuid;
use sqlx::{Connection as _, PgConnection};

use crate::kept_answers;
use crate::transaction_age::refuse_old;
use crate::user_row::{UserRow, version_parameter};

/// The row as the deletion found it, and its version after it; no version when it did nothing.
#[derive(Debug)]
pub(crate) struct DeletedRow {
    pub(crate) was_deleted: bool,
    pub(crate) version: i64,
    pub(crate) version_after: Option<i64>,
}

pub(crate) async fn soft_delete(
    connection: &mut PgConnection,
    id: UserId,
    expected: Option<UserVersion>,
    at: Timestamp,
) -> sqlx::Result<Option<DeletedRow>> {
    sqlx::query_as!(
        DeletedRow,
        r#"WITH target AS MATERIALIZED (
               SELECT id, version, deleted_at FROM users WHERE id = $1 FOR UPDATE
           ), changed AS (
               UPDATE users u
               SET deleted_at = $3, updated_at = $3, version = u.version + 1
               FROM target t
               WHERE u.id = $1 AND u.id = t.id AND t.deleted_at IS NULL
                 AND ($2::bigint IS NULL OR t.version = $2)
               RETURNING u.id, u.version
           ), logged AS (
               INSERT INTO user_changes (user_id, version, changed_at, applied_to)
               SELECT id, version, now(), NULL FROM changed
           )
           SELECT t.deleted_at IS NOT NULL AS "was_deleted!", t.version AS "version!",
                  c.version AS "version_after?"
           FROM target t LEFT JOIN changed c ON c.id = t.id"#,
        id.get(),
        expected.map(version_parameter),
        Moment(at),
    )
    .fetch_optional(connection)
    .await
}

/// The row as the restoration found it, and after it where it did something.
#[derive(Debug)]
pub(crate) struct RestoredRow {
    pub(crate) was_deleted: bool,
    pub(crate) changed: bool,
    id: Uuid,
    email: String,
    name: String,
    is_active: bool,
    locale: Option<String>,
    avatar_url: Option<String>,
    metadata: String,
    pub(crate) version: i64,
    created_at: Moment,
    updated_at: Moment,
}

impl RestoredRow {
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

pub(crate) async fn restore(
    connection: &mut PgConnection,
    id: UserId,
    expected: Option<UserVersion>,
    at: Timestamp,
) -> sqlx::Result<Option<RestoredRow>> {
    sqlx::query_as!(
        RestoredRow,
        r#"WITH target AS MATERIALIZED (
               SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                      created_at, updated_at, deleted_at
               FROM users
               WHERE id = $1
               FOR UPDATE
           ), changed AS (
               UPDATE users u
               SET deleted_at = NULL, updated_at = $3, version = u.version + 1
               FROM target t
               WHERE u.id = $1 AND u.id = t.id AND t.deleted_at IS NOT NULL
                 AND ($2::bigint IS NULL OR t.version = $2)
               RETURNING u.id, u.version, u.updated_at
           ), logged AS (
               INSERT INTO user_changes (user_id, version, changed_at, applied_to)
               SELECT id, version, now(), NULL FROM changed
           )
           SELECT t.deleted_at IS NOT NULL AS "was_deleted!", c.id IS NOT NULL AS "changed!",
                  t.id AS "id!", t.email AS "email!", t.name AS "name!",
                  t.is_active AS "is_active!", t.locale AS "locale?",
                  t.avatar_url AS "avatar_url?", t.metadata AS "metadata!",
                  COALESCE(c.version, t.version) AS "version!", t.created_at AS "created_at!",
                  COALESCE(c.updated_at, t.updated_at) AS "updated_at!"
           FROM target t LEFT JOIN changed c ON c.id = t.id"#,
        id.get(),
        expected.map(version_parameter),
        Moment(at),
    )
    .fetch_optional(connection)
    .await
}

/// What a purge found.
#[derive(Debug)]
pub(crate) enum Purge {
    NoSuchUser,
    /// At another version than the expected one; nothing was erased.
    AtVersion(i64),
    /// The version after the last.
    Done(i64),
}

/// Erases a user in one transaction of several statements: only a statement that begins after
/// both rows are locked sees every row that a feed write has left.
pub(crate) async fn purge(
    connection: &mut PgConnection,
    id: UserId,
    expected: Option<UserVersion>,
) -> sqlx::Result<Purge> {
    let mut transaction = connection.begin().await?;
    let Some(user) = lock_user(&mut transaction, id).await? else {
        return Ok(Purge::NoSuchUser);
    };
    if expected.is_some_and(|expected| version_parameter(expected) != user.version) {
        return Ok(Purge::AtVersion(user.version));
    }
    take_time(&mut transaction).await?;
    lock_feeds(&mut transaction, id).await?;
    delete_notifications(&mut transaction, id).await?;
    delete_activities(&mut transaction, id).await?;
    delete_stats(&mut transaction, id).await?;
    kept_answers::delete_of(&mut transaction, id).await?;
    let released = match user.email.parse::<Email>() {
        Ok(email) => delete_claim(&mut transaction, id, &email).await?,
        Err(_) => 0,
    };
    if released == 0 {
        delete_claims_by_owner(&mut transaction, id).await?;
    }
    let version = delete_user(&mut transaction, id).await?;
    keep_first_version(&mut transaction, id).await?;
    refuse_old(&mut transaction).await?;
    transaction.commit().await?;
    Ok(Purge::Done(version))
}

struct LockedRow {
    email: String,
    version: i64,
}

async fn lock_user(connection: &mut PgConnection, id: UserId) -> sqlx::Result<Option<LockedRow>> {
    sqlx::query_as!(
        LockedRow,
        "SELECT email, version FROM users WHERE id = $1 FOR UPDATE",
        id.get()
    )
    .fetch_optional(connection)
    .await
}

/// A long feed takes longer to erase than the limit of an ordinary statement.
async fn take_time(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("SET LOCAL statement_timeout = '30s'")
        .execute(connection)
        .await?;
    Ok(())
}

/// Waits for the feed write under way and keeps the next ones out.
async fn lock_feeds(connection: &mut PgConnection, id: UserId) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT user_id FROM user_stats WHERE user_id = $1 FOR UPDATE",
        id.get()
    )
    .fetch_optional(connection)
    .await?;
    Ok(())
}

async fn delete_notifications(connection: &mut PgConnection, id: UserId) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM notifications WHERE user_id = $1", id.get())
        .execute(connection)
        .await?;
    Ok(())
}

async fn delete_activities(connection: &mut PgConnection, id: UserId) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM activities WHERE user_id = $1", id.get())
        .execute(connection)
        .await?;
    Ok(())
}

async fn delete_stats(connection: &mut PgConnection, id: UserId) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM user_stats WHERE user_id = $1", id.get())
        .execute(connection)
        .await?;
    Ok(())
}

async fn delete_claim(
    connection: &mut PgConnection,
    id: UserId,
    email: &Email,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM user_emails WHERE email = $1 AND user_id = $2",
        email.normalized(),
        id.get()
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Reads the whole table: only for a claim that an earlier release stored in another form.
async fn delete_claims_by_owner(connection: &mut PgConnection, id: UserId) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM user_emails WHERE user_id = $1", id.get())
        .execute(connection)
        .await?;
    Ok(())
}

async fn delete_user(connection: &mut PgConnection, id: UserId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"WITH gone AS (
               DELETE FROM users WHERE id = $1 RETURNING id, version + 1 AS version
           ), kept AS (
               INSERT INTO purged_users (id, version) SELECT id, version FROM gone
           ), logged AS (
               INSERT INTO user_changes (user_id, version, changed_at, applied_to)
               SELECT id, version, now(), NULL FROM gone
           )
           SELECT version AS "version!" FROM gone"#,
        id.get()
    )
    .fetch_one(connection)
    .await
}

/// Makes an insert of this id that began before the purge committed fail on the log's key: it
/// does not see the row of `purged_users`. Invalidating an old version does nothing.
async fn keep_first_version(connection: &mut PgConnection, id: UserId) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO user_changes (user_id, version, changed_at, applied_to)
         VALUES ($1, $2, now(), NULL)
         ON CONFLICT (user_id, version) DO NOTHING",
        id.get(),
        version_parameter(UserVersion::FIRST)
    )
    .execute(connection)
    .await?;
    Ok(())
}
