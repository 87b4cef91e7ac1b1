//! The real binary as an operator meets it, and the server inside it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]
#![expect(
    clippy::future_not_send,
    reason = "each test waits for its own process alone"
)]

mod access;
mod caches;
mod canaries;
mod commands;
mod disk;
mod distributed;
mod framing;
mod hostile;
mod issuers;
mod metrics;
mod process;
mod revocation;
mod server;
mod slow_clients;
mod slow_streams;
mod start;
mod stop;
mod stop_writing;
mod store;
mod stores_away;
mod streams;
