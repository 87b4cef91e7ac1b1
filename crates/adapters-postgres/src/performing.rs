//! Writes as values, each with its kept answer in one transaction.

use async_trait::async_trait;
use roster_domain::ports::{
    Once, Outcome, Performed, StoreError, UserWrites, Write, WriteError, WriteRefusal,
};
use roster_domain::{Timestamp, User, UserId, UserPatch, UserReplacement, UserVersion};
use sqlx::{Connection as _, PgConnection};

use crate::error::{store_error, write_error};
use crate::pool::PostgresPool;
use crate::retry::run;
use crate::transaction_age::refuse_old;
use crate::user_repository::{expect, mismatch, written};
use crate::user_row::{UserRow, version_parameter};
use crate::user_writes::inserted;
use crate::{activities, kept_answers, notifications, user_removal, user_replacement, user_writes};

/// Writes as values in PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresUserWrites {
    pool: PostgresPool,
}

impl PostgresUserWrites {
    /// The writes of a database.
    pub fn new(pool: PostgresPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl UserWrites for PostgresUserWrites {
    async fn perform(
        &self,
        write: &Write,
        at: Timestamp,
        once: Option<Once>,
    ) -> Result<Performed, WriteRefusal> {
        run!(self.pool, Write, connection => perform(connection, write, at, once))
            .map_err(write_error)?
    }

    async fn forget_answers(&self, moment: Timestamp, limit: u32) -> Result<u64, StoreError> {
        run!(self.pool, Write, connection => {
            kept_answers::delete_before(connection, moment, limit)
        })
        .map_err(store_error)
    }
}

/// A refusal ends the transaction as an error of the driver does, and its key is free again.
async fn perform(
    connection: &mut PgConnection,
    write: &Write,
    at: Timestamp,
    once: Option<Once>,
) -> sqlx::Result<Result<Performed, WriteRefusal>> {
    let mut transaction = connection.begin().await?;
    if let Some(once) = once {
        match kept_answers::take(&mut transaction, &once, write.user(), at).await {
            Ok(true) => {}
            Ok(false) => {
                let found = kept_answers::find(&mut transaction, once.slot).await?;
                transaction.rollback().await?;
                return Ok(match found {
                    Some((request, kept)) if request == once.request => {
                        Ok(Performed::Replayed(kept))
                    }
                    Some(_) => Err(WriteRefusal::KeyReused),
                    // It was there a moment ago: whoever asks again finds the key free.
                    None => Err(WriteRefusal::KeyInProgress),
                });
            }
            Err(error) if waited_too_long(&error) => return Ok(Err(WriteRefusal::KeyInProgress)),
            Err(error) => return Err(error),
        }
    }
    let performed = match outcome(&mut transaction, write, at).await? {
        Ok(Some(outcome)) => Performed::Done(outcome),
        other => {
            transaction.rollback().await?;
            return Ok(other.map(|_| Performed::Absent));
        }
    };
    if let (Some(once), Performed::Done(outcome)) = (once, &performed) {
        let answer = (once.keep)(write.user(), outcome);
        kept_answers::keep(&mut transaction, once.slot, outcome.version(), &answer).await?;
        kept_answers::delete_beyond(&mut transaction, write.user(), once.slot).await?;
    }
    refuse_old(&mut transaction).await?;
    transaction.commit().await?;
    Ok(Ok(performed))
}

/// The server ended the statement after its time: only another transaction that holds the
/// slot makes [`kept_answers::take`] wait.
fn waited_too_long(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == "57014")
}

/// What a write did; nothing when there is nobody to write to.
type Done = Result<Option<Outcome>, WriteRefusal>;

async fn outcome(
    connection: &mut PgConnection,
    write: &Write,
    at: Timestamp,
) -> sqlx::Result<Done> {
    Ok(match write {
        Write::Insert(new) => {
            if user_writes::insert(connection, new).await? {
                Ok(Some(Outcome::User(inserted(new))))
            } else {
                Err(WriteError::IdTaken.into())
            }
        }
        Write::Update {
            id,
            patch,
            expected,
        } => update(connection, *id, patch, *expected, at).await?,
        Write::Restore { id, expected } => restore(connection, *id, *expected, at).await?,
        Write::Notify { user, notification } => {
            let created = notifications::create(connection, *user, notification).await?;
            Ok(created.map(Outcome::Notified))
        }
        Write::MarkNotification { user, id, patch } => {
            let marked = notifications::patch_one(connection, *user, *id, *patch, at).await?;
            Ok(marked.map(|(notification, marked)| Outcome::Marked(notification, marked)))
        }
        Write::MarkRead { user, which } => {
            let marked = notifications::mark_read(connection, *user, which, at).await?;
            Ok(marked.map(Outcome::MarkedRead))
        }
        Write::Append { user, activities } => {
            let appended = activities::append(connection, *user, activities).await?;
            Ok(appended.map(|new| Outcome::appended(activities, new)))
        }
    })
}

async fn update(
    connection: &mut PgConnection,
    id: UserId,
    patch: &UserPatch,
    expected: Option<UserVersion>,
    at: Timestamp,
) -> sqlx::Result<Done> {
    if patch.is_profile_only() {
        let row = user_writes::patch(connection, id, &patch.profile, expected, at).await?;
        return Ok(row
            .map(|row| written(row, expected))
            .transpose()
            .map_or_else(
                |refusal| Err(refusal.into()),
                |written| Ok(written.map(|written| Outcome::User(written.user))),
            ));
    }
    let Some(row) = user_replacement::lock(connection, id).await? else {
        return Ok(Ok(None));
    };
    let replacement = match replacement(row, patch, expected) {
        Ok(replacement) => replacement,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (stored, next) = replacement;
    let row = if stored.email.normalized() == next.email.normalized() {
        user_replacement::keep_claim(connection, &next, at).await?
    } else {
        user_replacement::move_claim(connection, &next, &stored.email, at).await?
    };
    let user = row.map(|row| User::try_from(row.into_user())).transpose();
    Ok(user
        .map(|user| user.map(Outcome::User))
        .map_err(WriteRefusal::from))
}

/// The stored user, and what replaces it.
fn replacement(
    row: UserRow,
    patch: &UserPatch,
    expected: Option<UserVersion>,
) -> Result<(User, UserReplacement), WriteRefusal> {
    let stored = User::try_from(row)?;
    expect(expected, version_parameter(stored.version))?;
    let next = patch
        .merged_into(&stored)
        .map_err(|(member, source)| WriteRefusal::Invalid { member, source })?;
    Ok((stored, UserReplacement::by(&next)))
}

async fn restore(
    connection: &mut PgConnection,
    id: UserId,
    expected: Option<UserVersion>,
    at: Timestamp,
) -> sqlx::Result<Done> {
    let Some(row) = user_removal::restore(connection, id, expected, at).await? else {
        return Ok(Ok(None));
    };
    Ok(if !row.was_deleted {
        Err(WriteError::NotDeleted.into())
    } else if !row.changed {
        Err(mismatch(row.version).into())
    } else {
        User::try_from(row.into_user())
            .map(|user| Some(Outcome::User(user)))
            .map_err(WriteRefusal::from)
    })
}
