use roster_domain::ports::{ImportRow, OnConflict, RowResult, StoreError, WriteError};
use roster_domain::{Timestamp, User};
use sqlx::SqliteConnection;

use crate::user_writes;

/// Why a batch is undone.
#[derive(Debug)]
pub(super) enum Stop {
    /// A row conflicts, and then nothing is to be stored: what to answer for each.
    Conflicts(Vec<RowResult>),
    /// The store could not answer.
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Stores the rows one after another, so that each meets those before it.
pub(super) async fn import(
    tx: &mut SqliteConnection,
    rows: &[ImportRow],
    on_conflict: OnConflict,
    at: Timestamp,
) -> Result<Vec<RowResult>, Stop> {
    let mut results = Vec::with_capacity(rows.len());
    for row in rows {
        results.push(import_row(tx, row, on_conflict, at).await?);
    }
    let created = |result: &RowResult| matches!(result, RowResult::Created(_));
    if on_conflict != OnConflict::Fail || results.iter().all(created) {
        return Ok(results);
    }
    for result in results.iter_mut().filter(|result| created(result)) {
        *result = RowResult::NotStored;
    }
    Err(Stop::Conflicts(results))
}

async fn import_row(
    tx: &mut SqliteConnection,
    row: &ImportRow,
    on_conflict: OnConflict,
    at: Timestamp,
) -> Result<RowResult, StoreError> {
    let stored = if row.id_given {
        user_writes::find(tx, row.user.id).await?
    } else {
        // The id was made for the row: the address says who it is.
        match user_writes::owner_of(tx, &row.user.email).await? {
            None => None,
            Some(owner) => match user_writes::find(tx, owner).await? {
                None => return Ok(RowResult::EmailTaken),
                stored => stored,
            },
        }
    };
    match stored {
        None => create(tx, row).await,
        Some(stored) => match on_conflict {
            OnConflict::Skip => Ok(RowResult::Skipped(stored.id)),
            OnConflict::Fail => Ok(RowResult::Exists(stored.id)),
            OnConflict::Update => update(tx, stored, row, at).await,
        },
    }
}

async fn create(tx: &mut SqliteConnection, row: &ImportRow) -> Result<RowResult, StoreError> {
    match user_writes::insert(tx, &row.user).await {
        Ok(user) => Ok(RowResult::Created(user.id)),
        Err(refusal) => refused(refusal),
    }
}

async fn update(
    tx: &mut SqliteConnection,
    stored: User,
    row: &ImportRow,
    at: Timestamp,
) -> Result<RowResult, StoreError> {
    let new = row.user.clone();
    let next = User {
        email: new.email,
        name: new.name,
        is_active: new.is_active,
        locale: new.locale,
        avatar_url: new.avatar_url,
        metadata: new.metadata,
        ..stored.clone()
    };
    match user_writes::change(tx, stored, next, at).await {
        Ok(written) if written.changed => {
            let user = written.user;
            Ok(RowResult::Updated(user.id, user.version))
        }
        Ok(written) => Ok(RowResult::Skipped(written.user.id)),
        Err(refusal) => refused(refusal),
    }
}

/// What a refused row answers. A refusal comes before the first statement that changes a row,
/// so that there is nothing of it to undo.
fn refused(refusal: WriteError) -> Result<RowResult, StoreError> {
    match refusal {
        WriteError::IdTaken => Ok(RowResult::IdTaken),
        WriteError::Store(error) => Err(error),
        _ => Ok(RowResult::EmailTaken),
    }
}
