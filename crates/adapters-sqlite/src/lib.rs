//! The repositories of the domain in a SQLite file: the store that needs no server.
//!
//! [`open`] gives a [`SqliteStore`]; each port is a struct made from it. One connection
//! writes, several read, and what a write acknowledged is on the disk.

mod pool;
mod writer;

mod migrator;

mod error;

mod user_row;

mod user_repository;

mod user_list;
mod user_reads;
mod user_search;
mod user_transfer;
mod user_writes;

mod kept_answers;
mod performing;

mod page;

mod activities;
mod feed_row;
mod notifications;
mod stats;

mod readiness;

mod data_folder;

pub use activities::SqliteActivities;
pub use data_folder::{DataFolder, LockError};
pub use error::OpenError;
pub use migrator::{
    MigrateError, MigrationReport, MigrationStatus, migrate, migration_status, revert,
};
pub use notifications::SqliteNotifications;
pub use performing::SqliteUserWrites;
pub use pool::{SqliteSettings, SqliteStore, open};
pub use readiness::SqliteReadiness;
pub use stats::SqliteStats;
pub use user_repository::SqliteUsers;
pub use user_search::SqliteUserSearch;
pub use user_transfer::SqliteUserTransfer;
