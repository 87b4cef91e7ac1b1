//! What the SQLite adapter promises: the contracts of its ports, and what is its own.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "sqlite/support.rs"]
mod support;

#[path = "sqlite/contracts.rs"]
mod contracts;

#[path = "sqlite/concurrency.rs"]
mod concurrency;
#[path = "sqlite/crash.rs"]
mod crash;
#[path = "sqlite/data_folder.rs"]
mod data_folder;
#[path = "sqlite/erasure.rs"]
mod erasure;
#[path = "sqlite/faults.rs"]
mod faults;
#[path = "sqlite/migrations.rs"]
mod migrations;
#[path = "sqlite/plans.rs"]
mod plans;
#[path = "sqlite/seeding.rs"]
mod seeding;
#[path = "sqlite/statements.rs"]
mod statements;
