//! What the driver says, in the words of the ports.

use roster_domain::ports::{BoxError, StoreError, WriteError};

/// A value that the domain refuses is corrupt; everything else may pass.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Decode(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::RowNotFound => StoreError::Corrupt(Box::new(error)),
        other => StoreError::Unavailable(Box::new(other)),
    }
}

/// As [`store_error`], except for the claims on an address and on an id.
pub(crate) fn write_error(error: sqlx::Error) -> WriteError {
    match violated_key(&error) {
        Some("user_emails_pkey") => WriteError::EmailTaken,
        // A purge leaves a row of the log that a racing insert of its id runs into.
        Some("users_pkey" | "user_changes_pkey") => WriteError::IdTaken,
        _ => WriteError::Store(store_error(error)),
    }
}

/// The key that a row would have been the second of.
pub(crate) fn violated_key(error: &sqlx::Error) -> Option<&str> {
    error
        .as_database_error()
        .filter(|error| error.is_unique_violation())
        .and_then(|error| error.constraint())
}

/// A stored value that the domain refuses.
pub(crate) fn corrupt(error: impl Into<BoxError>) -> StoreError {
    StoreError::Corrupt(error.into())
}

/// The same inside of a transaction, which ends by it.
pub(crate) fn undecodable(error: impl Into<BoxError>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
