//! The cache protocol on real servers: its guarantee, and the tests that break a toy.
//!
//! Every test is named after its number in the protocol. A node is a whole user service over
//! the real adapters, in this process; `nodes_…` runs real ones. Long tests are reduced unless
//! `ROSTER_SOAK=1` is set.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do"
)]

#[macro_use]
mod support;
mod watched;

mod races;
mod rounds;

mod replays;

mod absences;
mod coalescing;

mod payloads;
mod versions;

mod erasure;
mod guarantee;
