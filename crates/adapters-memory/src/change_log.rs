use async_trait::async_trait;
use roster_domain::Timestamp;
use roster_domain::ports::{CacheNamespace, ChangeLog, StoreError};

use crate::MemoryStore;
use crate::store::count;

/// [`ChangeLog`] in memory.
#[derive(Clone, Debug)]
pub struct MemoryChangeLog {
    store: MemoryStore,
}

impl MemoryChangeLog {
    /// The change log of a store.
    pub fn new(store: MemoryStore) -> Self {
        Self { store }
    }
}

#[async_trait]
impl ChangeLog for MemoryChangeLog {
    async fn namespace(&self) -> Result<CacheNamespace, StoreError> {
        Ok(self.store.with(|state| state.namespace))
    }

    async fn purge_before(&self, cutoff: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(self.store.with(|state| {
            let rows = state.changes.iter().filter(|(_, at)| **at < cutoff);
            let mut old: Vec<_> = rows.map(|(key, at)| (*at, *key)).collect();
            old.sort_unstable();
            old.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            count(old.iter().filter_map(|(_, key)| state.changes.remove(key)))
        }))
    }
}
