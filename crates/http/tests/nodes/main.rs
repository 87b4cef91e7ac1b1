//! The cache protocol and the faults of its stores over real processes: two or three `roster` on
//! a real PostgreSQL and Redis, with a proxy between each of them that breaks connections.
//!
//! A test is named after its number, if it has one: `t…` in the protocol, `f…` in the table of faults. It
//! breaks something, asserts what may be answered meanwhile, mends it and asserts the recovery;
//! every answer is recorded and judged against the guarantee. A limit of time may be kept in one of
//! five tries; what may never happen is asserted in each. `docs/reliability.md` lists them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]
#![expect(
    clippy::unchecked_time_subtraction,
    reason = "what is later is not before what is earlier; a test may fail where it is"
)]
#![expect(
    clippy::too_many_lines,
    clippy::large_futures,
    reason = "a fault is read from its beginning to its end"
)]

mod cluster;
mod database;
mod journal;
mod measure;
mod tries;

mod dead_writer;

mod cut;
mod failover;

mod clearing;
mod clocks;
mod lag;
mod releases;

mod hot_key;

mod redis_faults;
mod redis_latency;
mod redis_writes;

mod database_away;

mod overload;
