use roster_domain::ports::StoreError;
use roster_domain::{AvatarUrl, Email, Locale, Timestamp, User, UserId, UserVersion};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::error::{corrupt, store_error};
use crate::user_row::{UserRow, stored_version, version};

/// What a deletion and its reversal look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) version: UserVersion,
    pub(super) deleted: bool,
}

/// The user that is to be changed.
pub(crate) async fn find(
    tx: &mut SqliteConnection,
    id: UserId,
) -> Result<Option<User>, StoreError> {
    let id = id.get();
    let row = sqlx::query_as!(
        UserRow,
        r#"SELECT id AS "id: Uuid", email, name, is_active AS "is_active: bool", locale,
            avatar_url, metadata, version, created_at, updated_at
        FROM users
        WHERE id = ?1 AND deleted_at IS NULL"#,
        id
    )
    .fetch_optional(tx)
    .await
    .map_err(store_error)?;
    row.map(User::try_from).transpose()
}

/// Whether there is or was a user with this id.
pub(crate) async fn is_known(tx: &mut SqliteConnection, id: UserId) -> Result<bool, StoreError> {
    let id = id.get();
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM users WHERE id = ?1)
            OR EXISTS (SELECT 1 FROM purged_users WHERE id = ?1) AS "known!: bool""#,
        id
    )
    .fetch_one(tx)
    .await
    .map_err(store_error)
}

/// Whose address this is, deleted or not.
pub(crate) async fn owner_of(
    tx: &mut SqliteConnection,
    email: &Email,
) -> Result<Option<UserId>, StoreError> {
    let email = email.normalized();
    let owner = sqlx::query_scalar!(
        r#"SELECT user_id AS "user_id: Uuid" FROM user_emails WHERE email = ?1"#,
        email
    )
    .fetch_optional(tx)
    .await
    .map_err(store_error)?;
    Ok(owner.map(UserId::new))
}

/// Claims an address; false when somebody has it.
pub(super) async fn claim(
    tx: &mut SqliteConnection,
    email: &Email,
    id: UserId,
) -> Result<bool, StoreError> {
    let (email, id) = (email.normalized(), id.get());
    let done = sqlx::query!(
        "INSERT INTO user_emails (email, user_id) VALUES (?1, ?2) ON CONFLICT (email) DO NOTHING",
        email,
        id
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(done.rows_affected() > 0)
}

/// Gives an address free.
pub(super) async fn unclaim(
    tx: &mut SqliteConnection,
    email: &Email,
    id: UserId,
) -> Result<(), StoreError> {
    let (email, id) = (email.normalized(), id.get());
    sqlx::query!(
        "DELETE FROM user_emails WHERE email = ?1 AND user_id = ?2",
        email,
        id
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Stores a user that is not there.
pub(super) async fn insert_user(tx: &mut SqliteConnection, user: &User) -> Result<(), StoreError> {
    let (id, version) = (user.id.get(), stored_version(user.version));
    let (email, name, metadata) = (
        user.email.as_str(),
        user.name.as_str(),
        user.metadata.as_str(),
    );
    let locale = user.locale.as_ref().map(Locale::as_str);
    let avatar_url = user.avatar_url.as_ref().map(AvatarUrl::as_str);
    let created_at = user.created_at.unix_micros();
    let updated_at = user.updated_at.unix_micros();
    let keys = user.search_keys();
    let (search_name, search_email) = (keys.name.as_str(), keys.email.as_str());
    sqlx::query!(
        "INSERT INTO users (id, email, name, is_active, locale, avatar_url, metadata, version,
            created_at, updated_at, search_name, search_email, search_shared)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        id,
        email,
        name,
        user.is_active,
        locale,
        avatar_url,
        metadata,
        version,
        created_at,
        updated_at,
        search_name,
        search_email,
        keys.shared
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Stores every member of a user over the row with its id.
pub(super) async fn update_user(tx: &mut SqliteConnection, user: &User) -> Result<(), StoreError> {
    let (id, version) = (user.id.get(), stored_version(user.version));
    let (email, name, metadata) = (
        user.email.as_str(),
        user.name.as_str(),
        user.metadata.as_str(),
    );
    let locale = user.locale.as_ref().map(Locale::as_str);
    let avatar_url = user.avatar_url.as_ref().map(AvatarUrl::as_str);
    let updated_at = user.updated_at.unix_micros();
    let keys = user.search_keys();
    let (search_name, search_email) = (keys.name.as_str(), keys.email.as_str());
    sqlx::query!(
        "UPDATE users
        SET email = ?2, name = ?3, is_active = ?4, locale = ?5, avatar_url = ?6, metadata = ?7,
            version = ?8, updated_at = ?9, search_name = ?10, search_email = ?11,
            search_shared = ?12
        WHERE id = ?1",
        id,
        email,
        name,
        user.is_active,
        locale,
        avatar_url,
        metadata,
        version,
        updated_at,
        search_name,
        search_email,
        keys.shared
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Version and deletion of a user that was not purged.
pub(super) async fn find_mark(
    tx: &mut SqliteConnection,
    id: UserId,
) -> Result<Option<Mark>, StoreError> {
    let id = id.get();
    let row = sqlx::query!(
        r#"SELECT version, deleted_at IS NOT NULL AS "deleted!: bool" FROM users WHERE id = ?1"#,
        id
    )
    .fetch_optional(tx)
    .await
    .map_err(store_error)?;
    Ok(row.map(|row| Mark {
        version: version(row.version),
        deleted: row.deleted,
    }))
}

/// Marks a user as deleted at this moment, or as not deleted, and answers the row.
pub(super) async fn set_mark(
    tx: &mut SqliteConnection,
    id: UserId,
    deleted: bool,
    version: UserVersion,
    at: Timestamp,
) -> Result<User, StoreError> {
    let (id, version, at) = (id.get(), stored_version(version), at.unix_micros());
    let deleted_at = deleted.then_some(at);
    sqlx::query_as!(
        UserRow,
        r#"UPDATE users SET deleted_at = ?2, version = ?3, updated_at = ?4
        WHERE id = ?1
        RETURNING id AS "id: Uuid", email, name, is_active AS "is_active: bool", locale,
            avatar_url, metadata, version, created_at, updated_at"#,
        id,
        deleted_at,
        version,
        at
    )
    .fetch_one(tx)
    .await
    .map_err(store_error)?
    .try_into()
}

/// Deletes the row of a user and answers the address that it had.
pub(super) async fn delete_user(
    tx: &mut SqliteConnection,
    id: UserId,
) -> Result<Email, StoreError> {
    let id = id.get();
    sqlx::query_scalar!("DELETE FROM users WHERE id = ?1 RETURNING email", id)
        .fetch_one(tx)
        .await
        .map_err(store_error)?
        .parse()
        .map_err(corrupt("email"))
}

/// Remembers the id of a user that is erased.
pub(super) async fn insert_purged(
    tx: &mut SqliteConnection,
    id: UserId,
    version: UserVersion,
) -> Result<(), StoreError> {
    let (id, version) = (id.get(), stored_version(version));
    sqlx::query!(
        "INSERT INTO purged_users (id, version) VALUES (?1, ?2)",
        id,
        version
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Gives a new user its counters.
pub(super) async fn insert_stats(tx: &mut SqliteConnection, id: UserId) -> Result<(), StoreError> {
    let id = id.get();
    sqlx::query!(
        "INSERT INTO user_stats (user_id, notifications, unread, activities) VALUES (?1, 0, 0, 0)",
        id
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Deletes the counters of a user.
pub(super) async fn delete_stats(tx: &mut SqliteConnection, id: UserId) -> Result<(), StoreError> {
    let id = id.get();
    sqlx::query!("DELETE FROM user_stats WHERE user_id = ?1", id)
        .execute(tx)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Deletes every notification of a user.
pub(super) async fn delete_notifications(
    tx: &mut SqliteConnection,
    id: UserId,
) -> Result<(), StoreError> {
    let id = id.get();
    sqlx::query!("DELETE FROM notifications WHERE user_id = ?1", id)
        .execute(tx)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Deletes every activity of a user.
pub(super) async fn delete_activities(
    tx: &mut SqliteConnection,
    id: UserId,
) -> Result<(), StoreError> {
    let id = id.get();
    sqlx::query!("DELETE FROM activities WHERE user_id = ?1", id)
        .execute(tx)
        .await
        .map_err(store_error)?;
    Ok(())
}
