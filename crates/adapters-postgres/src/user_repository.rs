//! The port of users, made of the statements of its neighbours.

use async_trait::async_trait;
use roster_domain::pagination::{Counting, PageRequest, Slice, UserFilter};
use roster_domain::ports::{StoreError, UserRepository, WriteError, Written};
use roster_domain::{
    Email, NewUser, ProfilePatch, Timestamp, User, UserId, UserReplacement, UserSummary,
    UserVersion,
};

use crate::error::{corrupt, store_error, write_error};
use crate::page::slice;
use crate::pool::PostgresPool;
use crate::retry::run;
use crate::user_removal::Purge;
use crate::user_row::{version, version_parameter};
use crate::user_writes::{WrittenRow, inserted};
use crate::{user_list, user_reads, user_removal, user_replacement, user_writes};

/// Users in PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresUsers {
    pool: PostgresPool,
}

impl PostgresUsers {
    /// The users of a database.
    pub fn new(pool: PostgresPool) -> Self {
        Self { pool }
    }

    /// Moves the claim only when the address differs in the form that is compared. That form
    /// is made in Rust, so the stored address is read first; the version guards what was read.
    async fn replaced_row(
        &self,
        replacement: &UserReplacement,
        at: Timestamp,
    ) -> Result<Option<WrittenRow>, WriteError> {
        let current = run!(self.pool, Read, connection => {
            user_replacement::current(connection, replacement)
        })
        .map_err(store_error)?;
        let Some(current) = current else {
            return Ok(None);
        };
        expect(Some(replacement.expected), current.version)?;
        let stored: Email = current.email.parse().map_err(corrupt)?;
        if stored.normalized() == replacement.email.normalized() {
            run!(self.pool, Write, connection => {
                user_replacement::keep_claim(connection, replacement, at)
            })
        } else {
            run!(self.pool, Write, connection => {
                user_replacement::move_claim(connection, replacement, &stored, at)
            })
        }
        .map_err(write_error)
    }
}

#[async_trait]
impl UserRepository for PostgresUsers {
    async fn find_many(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = ids.iter().map(|id| id.get()).collect();
        run!(self.pool, Read, connection => user_reads::find_many(connection, &ids))
            .map_err(store_error)?
            .into_iter()
            .map(User::try_from)
            .collect()
    }

    async fn list_many(
        &self,
        filter: &UserFilter,
        pages: &[PageRequest],
    ) -> Result<Vec<Slice<UserSummary>>, StoreError> {
        let found = match pages {
            [] => return Ok(Vec::new()),
            [page] => {
                run!(self.pool, Read, connection => user_list::page(connection, filter, page))
                    .map(|columns| vec![columns])
            }
            pages => {
                run!(self.pool, Read, connection => user_list::pages(connection, filter, pages))
            }
        }
        .map_err(store_error)?;
        found
            .into_iter()
            .zip(pages)
            .map(|(columns, page)| slice(columns.into_rows(), page))
            .collect()
    }

    async fn count(&self, filter: &UserFilter, counting: Counting) -> Result<u64, StoreError> {
        if counting == Counting::Estimate {
            let estimate = run!(self.pool, Read, connection => {
                user_list::count_from_statistics(connection, filter)
            })
            .map_err(store_error)?;
            if let Some(estimate) = estimate {
                return estimate.try_into().map_err(corrupt);
            }
        }
        run!(self.pool, Read, connection => user_list::count_exactly(connection, filter))
            .map_err(store_error)?
            .try_into()
            .map_err(corrupt)
    }

    async fn find_id_by_email(&self, email: &Email) -> Result<Option<UserId>, StoreError> {
        let id = run!(self.pool, Read, connection => {
            user_reads::find_id_by_email(connection, email.normalized())
        })
        .map_err(store_error)?;
        Ok(id.map(UserId::new))
    }

    async fn insert(&self, user: &NewUser) -> Result<User, WriteError> {
        let stored = run!(self.pool, Write, connection => user_writes::insert(connection, user))
            .map_err(write_error)?;
        if !stored {
            return Err(WriteError::IdTaken);
        }
        Ok(inserted(user))
    }

    async fn patch(
        &self,
        id: UserId,
        patch: &ProfilePatch,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        run!(self.pool, Write, connection => {
            user_writes::patch(connection, id, patch, expected, at)
        })
        .map_err(write_error)?
        .map(|row| written(row, expected))
        .transpose()
    }

    async fn replace(
        &self,
        replacement: &UserReplacement,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        self.replaced_row(replacement, at)
            .await?
            .map(|row| written(row, Some(replacement.expected)))
            .transpose()
    }

    async fn soft_delete(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        let row = run!(self.pool, Write, connection => {
            user_removal::soft_delete(connection, id, expected, at)
        })
        .map_err(write_error)?;
        let Some(row) = row else {
            return Ok(None);
        };
        if row.was_deleted {
            return Err(WriteError::AlreadyDeleted);
        }
        match row.version_after {
            Some(after) => Ok(Some(version(after)?)),
            None => Err(mismatch(row.version)),
        }
    }

    async fn restore(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<User>, WriteError> {
        let row = run!(self.pool, Write, connection => {
            user_removal::restore(connection, id, expected, at)
        })
        .map_err(write_error)?;
        let Some(row) = row else {
            return Ok(None);
        };
        if !row.was_deleted {
            return Err(WriteError::NotDeleted);
        }
        if !row.changed {
            return Err(mismatch(row.version));
        }
        Ok(Some(User::try_from(row.into_user())?))
    }

    async fn purge(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        _at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        let purge = run!(self.pool, Write, connection => {
            user_removal::purge(connection, id, expected)
        })
        .map_err(write_error)?;
        match purge {
            Purge::NoSuchUser => Ok(None),
            Purge::AtVersion(current) => Err(mismatch(current)),
            Purge::Done(after) => Ok(Some(version(after)?)),
        }
    }
}

/// A row that is not changed and not at the expected version was refused for its version.
pub(crate) fn written(
    row: WrittenRow,
    expected: Option<UserVersion>,
) -> Result<Written, WriteError> {
    let changed = row.changed;
    if !changed {
        expect(expected, row.version)?;
    }
    let user = User::try_from(row.into_user())?;
    Ok(Written { user, changed })
}

pub(crate) fn expect(expected: Option<UserVersion>, current: i64) -> Result<(), WriteError> {
    match expected {
        Some(expected) if version_parameter(expected) != current => Err(mismatch(current)),
        _ => Ok(()),
    }
}

pub(crate) fn mismatch(current: i64) -> WriteError {
    match version(current) {
        Ok(current) => WriteError::VersionMismatch { current },
        Err(error) => WriteError::Store(error),
    }
}
