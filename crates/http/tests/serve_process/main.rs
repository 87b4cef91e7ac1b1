//! The real binary as an operator meets it, and the server inside it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod access;
mod caches;
mod commands;
mod distributed;
mod metrics;
mod process;
mod revocation;
mod server;
mod start;
mod stop;
