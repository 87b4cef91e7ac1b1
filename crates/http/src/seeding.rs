//! Made-up users with their feeds, for trying Roster out and for measuring it.
//!
//! A user is a pure function of the plan and of its number, so that any number of threads
//! can make them, in any order, and two runs of one plan are the same to the last octet.

mod plan;

mod catalogue;
mod cultures;

mod feeds;
mod ids;
mod profile;

mod dice;

mod filling;
mod producer;

pub use filling::{SeedError, Seeded, fill, plan_for};
pub use plan::SeedPlan;
pub use producer::batches;
