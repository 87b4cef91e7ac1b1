use std::path::PathBuf;

use roster_domain::Invalid;
use roster_domain::ports::{BoxError, StoreError};

use crate::migrator::MigrateError;

/// A database file that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be created, read or written, or is not a SQLite database.
    #[error("the database file {} cannot be opened", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        source: BoxError,
    },
    /// Its tables could not be brought to what this program needs.
    #[error("the tables of {} could not be brought up to date", .path.display())]
    Migrate {
        /// Which file.
        path: PathBuf,
        /// What went wrong.
        source: MigrateError,
    },
}

/// What a failed statement means to the port's caller.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    if is_corruption(&error) {
        StoreError::Corrupt(error.into())
    } else {
        StoreError::Unavailable(error.into())
    }
}

fn is_corruption(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => true,
        // The low octet is the primary result code: 11 SQLITE_CORRUPT, 26 SQLITE_NOTADB
        // (https://www.sqlite.org/rescode.html).
        sqlx::Error::Database(database) => database
            .code()
            .and_then(|code| code.parse::<u32>().ok())
            .is_some_and(|code| matches!(code & 0xff, 11 | 26)),
        _ => false,
    }
}

/// A stored value that the domain refuses.
#[derive(Debug, thiserror::Error)]
#[error("the column {column} holds what is not a valid value")]
struct BadColumn {
    column: &'static str,
    source: Invalid,
}

/// For `map_err` on the parser of a column.
pub(crate) fn corrupt(column: &'static str) -> impl FnOnce(Invalid) -> StoreError {
    move |source| StoreError::Corrupt(BadColumn { column, source }.into())
}
