//! Tests of this adapter against a real server: the contracts, and what only this store has.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails its test"
)]

mod support;

mod contracts;

mod change_log;
mod relaying;

mod claims;
mod feeds;

mod every_statement;
mod plans;
mod schema;
mod search;

mod crowding;
mod faults;
mod held;
mod imports;
mod once;
