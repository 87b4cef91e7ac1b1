//! The repositories of the domain on PostgreSQL and on what speaks it.
//!
//! Every statement is checked when it is compiled, names its columns, and is one round trip
//! unless its function says why not. No type of the driver leaves this crate.

mod error;
mod held;
mod pool;
mod retry;

mod moment;
mod transaction_age;
mod user_row;

mod user_list;
mod user_reads;
mod user_removal;
mod user_replacement;
mod user_repository;
mod user_search;
mod user_writes;

mod user_transfer;

mod kept_answers;
mod performing;

mod activities;
mod notifications;
mod stats;

mod page;

mod change_log;
mod readiness;

mod migrator;

pub use activities::PostgresActivities;
pub use change_log::PostgresChangeLog;
pub use migrator::{
    MigrateError, MigrationReport, MigrationStatus, migrate, migration_status, revert,
};
pub use notifications::PostgresNotifications;
pub use performing::PostgresUserWrites;
pub use pool::{InvalidSettings, PostgresPool, PostgresSettings, connect};
pub use readiness::PostgresReadiness;
pub use stats::PostgresStats;
pub use transaction_age::LONGEST_TRANSACTION;
pub use user_repository::PostgresUsers;
pub use user_search::PostgresUserSearch;
pub use user_transfer::PostgresUserTransfer;
