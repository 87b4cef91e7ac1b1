//! Several real processes on one PostgreSQL and one Redis, a load of reads and writes over HTTP,
//! faults, and a checker of the history that came of it.
//!
//! The checker knows the guarantee and nothing of how it is kept: it compares what was answered
//! with what was acknowledged before, by one clock in this process. The tests of the protocol use
//! the same parts as the long run.

#![expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]

/// What goes wrong outside of what is checked: a server that does not start, a connection that ends.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

mod access;
mod clock;
mod node;
mod raw_redis;
mod world;

mod client;
mod load;

mod history;
mod hot;

mod faults;
mod plan;
mod redis_pair;
mod report;
mod run;

pub use access::TOKEN;
pub use client::{Answer, Bound, Client, Query};
pub use clock::now;
pub use faults::{FaultKind, Faults};
pub use history::{
    Broken, Finals, History, Kind, Quiet, Read, ReadOutcome, Tier, Verdict, Violation, Write,
    WriteOutcome, check,
};
pub use hot::{Hot, HotSeen};
pub use load::{Load, LoadEnd, Stop};
pub use node::{Node, NodeOptions};
pub use plan::Plan;
pub use raw_redis::{redis_addr, redis_bytes, redis_command};
pub use redis_pair::RedisPair;
pub use report::table;
pub use run::{Outcome, run};
pub use world::World;
