use std::time::Duration;

use async_trait::async_trait;
use roster_domain::ports::{
    CacheNamespace, ChangeLog, Incarnation, Invalidation, PendingChanges, StoreError,
};

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

    async fn raise_epoch(&self, from: u128, to: u128) -> Result<CacheNamespace, StoreError> {
        Ok(self.store.with(|state| {
            if state.namespace.epoch == from {
                state.namespace.epoch = to;
            }
            state.namespace
        }))
    }

    async fn pending(
        &self,
        incarnation: &Incarnation,
        limit: u32,
    ) -> Result<PendingChanges, StoreError> {
        Ok(self.store.with(|state| {
            let changes = state.changes.iter();
            let pending: Vec<_> = changes
                .filter(|(_, row)| row.applied_to.as_ref() != Some(incarnation))
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .collect();
            PendingChanges {
                changes: pending
                    .iter()
                    .map(|((id, version), _)| Invalidation {
                        id: *id,
                        floor: *version,
                    })
                    .collect(),
                oldest: pending.iter().map(|(_, row)| row.at).min(),
                at: state.now,
                namespace: state.namespace,
            }
        }))
    }

    async fn acknowledge(
        &self,
        incarnation: &Incarnation,
        changes: &[Invalidation],
    ) -> Result<(), StoreError> {
        self.store.with(|state| {
            for change in changes {
                if let Some(row) = state.changes.get_mut(&(change.id, change.floor)) {
                    row.applied_to = Some(incarnation.clone());
                }
            }
        });
        Ok(())
    }

    async fn purge_older_than(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        Ok(self.store.with(|state| {
            let cutoff = state.now.minus(age);
            let rows = state.changes.iter().filter(|(_, row)| row.at < cutoff);
            let mut old: Vec<_> = rows.map(|(key, row)| (row.at, *key)).collect();
            old.sort_unstable();
            old.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            count(old.iter().filter_map(|(_, key)| state.changes.remove(key)))
        }))
    }
}
