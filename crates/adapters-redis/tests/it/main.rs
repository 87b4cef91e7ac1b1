//! The adapter against a real Redis.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

#[macro_use]
mod support;

mod contracts;
mod fake_server;
mod faults;
mod guarding;
mod load;
mod logs;
mod relaying;
mod releases;
mod scripts;
mod tracking;
