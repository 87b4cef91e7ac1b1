//! Every port of the domain in memory: for tests, and to read before writing an adapter.
//!
//! One [`MemoryStore`] is the database; the repositories are views of it, so that they see
//! each other's writes. Nothing is kept that a contract does not ask for: counters are
//! counted, pages are sorted when they are read. That is slow and plainly right.

mod store;

mod page;
mod user_search;
mod user_transfer;
mod user_writes;
mod users;

mod activities;
mod notifications;
mod stats;

mod cache_relay;
mod change_log;
mod user_cache;

mod readiness;

mod clock;
mod ids;
mod task_spawner;

pub use activities::MemoryActivities;
pub use cache_relay::MemoryCacheRelay;
pub use change_log::MemoryChangeLog;
pub use clock::ManualClock;
pub use ids::SequentialIds;
pub use notifications::MemoryNotifications;
pub use readiness::MemoryReadiness;
pub use stats::MemoryStats;
pub use store::MemoryStore;
pub use task_spawner::TokioSpawner;
pub use user_cache::{MemorySnapshot, MemoryUserCache};
pub use user_search::MemoryUserSearch;
pub use user_transfer::MemoryUserTransfer;
pub use user_writes::MemoryUserWrites;
pub use users::MemoryUsers;
