use roster_domain::ports::{WriteError, WriteRefusal, Written};
use roster_domain::{
    NewUser, ProfilePatch, Timestamp, User, UserId, UserPatch, UserReplacement, UserVersion,
};
use sqlx::SqliteConnection;

mod statements;

pub(crate) use statements::{find, is_known, owner_of};

use crate::kept_answers;
use statements::Mark;

/// Stores a user with its claim and its counters.
///
/// Nobody else writes while the transaction lasts, so what was looked up stays true.
pub(crate) async fn insert(tx: &mut SqliteConnection, new: &NewUser) -> Result<User, WriteError> {
    if is_known(tx, new.id).await? {
        return Err(WriteError::IdTaken);
    }
    if !statements::claim(tx, &new.email, new.id).await? {
        return Err(WriteError::EmailTaken);
    }
    let user = first_version(new);
    statements::insert_user(tx, &user).await?;
    statements::insert_stats(tx, new.id).await?;
    Ok(user)
}

/// Changes the members of a profile that differ.
pub(crate) async fn patch(
    tx: &mut SqliteConnection,
    id: UserId,
    patch: ProfilePatch,
    expected: Option<UserVersion>,
    at: Timestamp,
) -> Result<Option<Written>, WriteError> {
    let Some(user) = find(tx, id).await? else {
        return Ok(None);
    };
    check(expected, user.version)?;
    let next = User {
        name: patch.name.unwrap_or_else(|| user.name.clone()),
        is_active: patch.is_active.unwrap_or(user.is_active),
        locale: patch.locale.applied_to(user.locale.clone()),
        avatar_url: patch.avatar_url.applied_to(user.avatar_url.clone()),
        ..user.clone()
    };
    change(tx, user, next, at).await.map(Some)
}

/// Merges a patch into the row; nobody else writes while the transaction lasts.
pub(crate) async fn update(
    tx: &mut SqliteConnection,
    id: UserId,
    patch: &UserPatch,
    expected: Option<UserVersion>,
    at: Timestamp,
) -> Result<Option<Written>, WriteRefusal> {
    let Some(user) = find(tx, id).await? else {
        return Ok(None);
    };
    check(expected, user.version)?;
    let next = patch
        .merged_into(&user)
        .map_err(|(member, source)| WriteRefusal::Invalid { member, source })?;
    Ok(Some(change(tx, user, next, at).await?))
}

/// Stores every member that can change.
pub(crate) async fn replace(
    tx: &mut SqliteConnection,
    replacement: UserReplacement,
    at: Timestamp,
) -> Result<Option<Written>, WriteError> {
    let Some(user) = find(tx, replacement.id).await? else {
        return Ok(None);
    };
    check(Some(replacement.expected), user.version)?;
    let next = User {
        email: replacement.email,
        name: replacement.name,
        is_active: replacement.is_active,
        locale: replacement.locale,
        avatar_url: replacement.avatar_url,
        metadata: replacement.metadata,
        ..user.clone()
    };
    change(tx, user, next, at).await.map(Some)
}

/// Stores `next` over `user` at its next version when they differ, and moves the claim.
pub(crate) async fn change(
    tx: &mut SqliteConnection,
    user: User,
    mut next: User,
    at: Timestamp,
) -> Result<Written, WriteError> {
    if next == user {
        return Ok(Written {
            user,
            changed: false,
        });
    }
    if next.email.normalized() != user.email.normalized() {
        if !statements::claim(tx, &next.email, next.id).await? {
            return Err(WriteError::EmailTaken);
        }
        statements::unclaim(tx, &user.email, user.id).await?;
    }
    next.version = user.version.next();
    next.updated_at = at;
    statements::update_user(tx, &next).await?;
    Ok(Written {
        user: next,
        changed: true,
    })
}

/// Marks a user as deleted.
pub(crate) async fn soft_delete(
    tx: &mut SqliteConnection,
    id: UserId,
    expected: Option<UserVersion>,
    at: Timestamp,
) -> Result<Option<UserVersion>, WriteError> {
    let Some(mark) = statements::find_mark(tx, id).await? else {
        return Ok(None);
    };
    if mark.deleted {
        return Err(WriteError::AlreadyDeleted);
    }
    let user = mark_as(tx, id, mark, true, expected, at).await?;
    Ok(Some(user.version))
}

/// Takes a deletion back.
pub(crate) async fn restore(
    tx: &mut SqliteConnection,
    id: UserId,
    expected: Option<UserVersion>,
    at: Timestamp,
) -> Result<Option<User>, WriteError> {
    let Some(mark) = statements::find_mark(tx, id).await? else {
        return Ok(None);
    };
    if !mark.deleted {
        return Err(WriteError::NotDeleted);
    }
    mark_as(tx, id, mark, false, expected, at).await.map(Some)
}

async fn mark_as(
    tx: &mut SqliteConnection,
    id: UserId,
    mark: Mark,
    deleted: bool,
    expected: Option<UserVersion>,
    at: Timestamp,
) -> Result<User, WriteError> {
    check(expected, mark.version)?;
    let version = mark.version.next();
    Ok(statements::set_mark(tx, id, deleted, version, at).await?)
}

/// Erases a user with all that hangs on it; the id stays taken.
pub(crate) async fn purge(
    tx: &mut SqliteConnection,
    id: UserId,
    expected: Option<UserVersion>,
) -> Result<Option<UserVersion>, WriteError> {
    let Some(mark) = statements::find_mark(tx, id).await? else {
        return Ok(None);
    };
    check(expected, mark.version)?;
    let version = mark.version.next();
    statements::delete_notifications(tx, id).await?;
    statements::delete_activities(tx, id).await?;
    statements::delete_stats(tx, id).await?;
    kept_answers::delete_of(tx, id).await?;
    let email = statements::delete_user(tx, id).await?;
    statements::unclaim(tx, &email, id).await?;
    statements::insert_purged(tx, id, version).await?;
    Ok(Some(version))
}

/// A user as an insert stores it.
fn first_version(new: &NewUser) -> User {
    User {
        id: new.id,
        email: new.email.clone(),
        name: new.name.clone(),
        is_active: new.is_active,
        locale: new.locale.clone(),
        avatar_url: new.avatar_url.clone(),
        metadata: new.metadata.clone(),
        version: UserVersion::FIRST,
        created_at: new.created_at,
        updated_at: new.created_at,
    }
}

fn check(expected: Option<UserVersion>, current: UserVersion) -> Result<(), WriteError> {
    match expected {
        Some(expected) if expected != current => Err(WriteError::VersionMismatch { current }),
        _ => Ok(()),
    }
}
