use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use roster_domain::ports::{Once, Performed, StoreError, UserWrites, Write, WriteRefusal};
use roster_domain::{KeySlot, Timestamp};

/// Writes that say at once when their key is in use in this process, instead of waiting in the
/// store behind the write that uses it. Other processes meet in the store.
pub struct KeysInUse {
    inner: Arc<dyn UserWrites>,
    slots: Mutex<HashSet<KeySlot>>,
}

impl KeysInUse {
    /// Around the writes of a store.
    pub fn new(inner: Arc<dyn UserWrites>) -> Self {
        Self {
            inner,
            slots: Mutex::default(),
        }
    }

    fn take(&self, slot: KeySlot) -> Option<InUse<'_>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.insert(slot).then(|| InUse { of: self, slot })
    }
}

/// A slot for as long as its write is under way, also when its caller goes away.
struct InUse<'a> {
    of: &'a KeysInUse,
    slot: KeySlot,
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        let mut slots = self.of.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.remove(&self.slot);
    }
}

#[async_trait]
impl UserWrites for KeysInUse {
    async fn perform(
        &self,
        write: &Write,
        at: Timestamp,
        once: Option<Once>,
    ) -> Result<Performed, WriteRefusal> {
        let _in_use = match once {
            Some(once) => Some(self.take(once.slot).ok_or(WriteRefusal::KeyInProgress)?),
            None => None,
        };
        self.inner.perform(write, at, once).await
    }

    async fn forget_answers(&self, moment: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.inner.forget_answers(moment, limit).await
    }
}
