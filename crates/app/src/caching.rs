//! How reads go through the caches and how writes take stale entries out of them.
//!
//! `reader` is the way of a read: the near cache, then one load per user and process
//! (`flights`), which the `loader` runs: through the leases of the shared cache (`lease_flow`)
//! or straight from the store. `invalidator` is the way of a write.

mod policy;

mod reader;

mod flights;
mod loader;

mod lease_flow;
mod namespace;

mod invalidator;
mod pending_floors;

mod breaker;
mod near_cache;

mod change_log_keeper;

pub use change_log_keeper::ChangeLogKeeper;
pub use policy::{CachePolicy, Caches, SharedCache};
pub(crate) use reader::CachedUsers;

#[cfg(test)]
mod test_users;
