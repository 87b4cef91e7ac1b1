use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::{CacheRelay, ChangeLog, UserCache};

use crate::batching::MOST_IN_A_BATCH;

/// Which caches stand in front of the users.
#[derive(Clone)]
pub enum Caches {
    /// None: PostgreSQL alone, right with any number of processes. Concurrent reads of a user
    /// still share one load.
    Coalescing,
    /// One in this process, which must be the only writer. It is never stale.
    Embedded,
    /// A shared one.
    Shared(SharedCache),
}

/// A shared cache and what its values are bound to.
#[derive(Clone)]
pub struct SharedCache {
    /// The cache.
    pub cache: Arc<dyn UserCache>,
    /// What carries invalidations to it, and shows how far they got.
    pub relay: Arc<dyn CacheRelay>,
    /// Whose values it holds, and what changed.
    pub change_log: Arc<dyn ChangeLog>,
}

/// How long entries and leases live, and how long one waits for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// How long a value is kept; ±10 % at random, so that a load of many does not end at once.
    pub value_ttl: Duration,
    /// How long an absence is kept.
    pub absent_ttl: Duration,
    /// How long a lease holds.
    pub lease_ttl: Duration,
    /// How long a read waits for another's lease before it loads without filling.
    pub lease_wait: Duration,
    /// Whether the tiers are compared by a sample of what changes, at two small queries a second.
    pub audit: bool,
    /// How many reads may load without filling at once.
    pub unfilled_loads: usize,
    /// How many loads may be under way in the store at once, each from its lease to its fill;
    /// what is asked for meanwhile goes with the next, in batches by half as many lanes.
    pub store_lanes: usize,
    /// The same for look-ups in the shared cache.
    pub cache_lanes: usize,
    /// How many loads, look-ups or pages go together at the most.
    pub batch: usize,
    /// How long a write waits for its invalidation before it answers.
    pub invalidate_limit: Duration,
    /// How many octets the cache in this process may hold.
    pub l1_octets: u64,
    /// How long an entry stays in the cache in this process, where that is the only writer.
    pub l1_ttl: Duration,
    /// How long it stays there where other processes write too, though they are heard of.
    pub l1_tracked_ttl: Duration,
    /// How long rows of the change log are kept.
    pub change_log_retention: Duration,
}

impl Default for CachePolicy {
    fn default() -> Self {
        Self {
            value_ttl: Duration::from_hours(1),
            absent_ttl: Duration::from_secs(30),
            lease_ttl: Duration::from_secs(2),
            lease_wait: Duration::from_millis(50),
            audit: true,
            unfilled_loads: 16,
            store_lanes: 4,
            cache_lanes: 2,
            batch: MOST_IN_A_BATCH,
            invalidate_limit: Duration::from_millis(20),
            l1_octets: 64 * 1024 * 1024,
            l1_ttl: Duration::from_hours(1),
            l1_tracked_ttl: Duration::from_mins(1),
            change_log_retention: Duration::from_mins(2),
        }
    }
}
