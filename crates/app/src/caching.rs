//! How reads go through the caches and how writes take stale entries out of them.
//!
//! `reader` is the way of a read: the near cache, then one load per user and process
//! (`flights`), which the `loader` runs, in a task or in its caller's own (`driven`): through the
//! leases of the shared cache (`lease_flow`) or straight from the store, one read of a row at a
//! time (`turnstiles`). `invalidator` is the way of a write, `relay` the way of every write's
//! invalidation whatever became of the writer, and `watermark` shows how far it got.

mod policy;

mod cached_users;

mod reader;

mod driven;
mod flights;
mod loader;
mod turnstiles;

mod lease_flow;
mod namespace;

mod invalidator;
mod pending_floors;

mod near_cache;
mod tracking;

mod breaker;

mod relay;
mod watermark;

mod auditor;
mod tally;

mod change_log_keeper;
mod upkeep;

mod inspection;

pub(crate) use cached_users::CachedUsers;
pub use change_log_keeper::ChangeLogKeeper;
pub use inspection::{CacheOverview, CachedKey, Held, L1Overview, SharedOverview};
pub(crate) use invalidator::Invalidator;
pub use policy::{CachePolicy, Caches, SharedCache};
pub(crate) use reader::Reader;
pub use upkeep::CacheUpkeep;

#[cfg(all(test, feature = "explored"))]
mod explored;
#[cfg(test)]
pub(crate) mod test_users;
