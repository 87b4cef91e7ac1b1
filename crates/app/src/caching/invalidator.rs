use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use roster_domain::ports::{Invalidation, UserCache};
use roster_domain::{UserId, UserVersion};
use tokio::sync::Notify;

use super::auditor::Auditor;
use super::near_cache::NearCache;
use super::pending_floors::PendingFloors;
use crate::{CacheEvent, CacheObserver, Runtime};

/// Takes stale versions out of the caches after a write.
pub(crate) struct Invalidator {
    pub(super) near: Arc<NearCache>,
    pub(super) shared: Option<Arc<dyn UserCache>>,
    pub(super) pending: Arc<PendingFloors>,
    pub(super) limit: Duration,
    /// How long the change log knows of a write.
    pub(super) retention: Duration,
    /// Wakes this process's relay.
    pub(super) bell: Arc<Notify>,
    /// `None` without a shared cache.
    pub(super) auditor: Option<Arc<Auditor>>,
    pub(super) observer: Arc<dyn CacheObserver>,
    pub(super) runtime: Runtime,
    /// Whether a task is delivering what failed.
    pub(super) redelivering: AtomicBool,
}

impl Invalidator {
    const FIRST_RETRY: Duration = Duration::from_millis(50);
    const LAST_RETRY: Duration = Duration::from_secs(1);
    const BATCH: usize = 256;

    /// Says that every version of a user below `floor` is stale, before the write is answered.
    ///
    /// A shared cache that fails or takes longer than the limit does not fail the write: the
    /// floor stays pending, this process reads nothing below it, and it is delivered as soon as
    /// the cache answers.
    pub(crate) async fn invalidate(self: &Arc<Self>, id: UserId, floor: UserVersion) {
        self.invalidate_many(&[Invalidation { id, floor }]).await;
    }

    /// The same for many users, whose floors go to the shared cache in batches.
    pub(crate) async fn invalidate_many(self: &Arc<Self>, invalidations: &[Invalidation]) {
        let needless_at = self
            .runtime
            .clock
            .monotonic()
            .saturating_add(self.retention);
        let mut left = 0_usize;
        for invalidation in invalidations {
            if self.shared.is_some() && !self.pending.raise(*invalidation, needless_at) {
                left += 1;
            }
            self.near.invalidate(invalidation.id);
            if let Some(auditor) = &self.auditor {
                auditor.note(invalidation.id);
            }
        }
        if left > 0 {
            tracing::error!(
                users = left,
                "too many invalidations are pending; these are left to the relay"
            );
        }
        let Some(shared) = self.shared.clone() else {
            return;
        };
        for batch in invalidations.chunks(Self::BATCH) {
            if !self.deliver(&*shared, batch).await {
                self.observer.observe(CacheEvent::InvalidationFailed);
                self.bell.notify_one();
                // What is left is pending too, and goes the same way.
                return self.redeliver(shared);
            }
        }
    }

    /// Drops what this process keeps of a user whose latest write may or may not have happened.
    pub(crate) fn forget(&self, id: UserId) {
        self.near.invalidate(id);
    }

    /// Drops everything that this process keeps, after a write to many that may or may not have
    /// happened.
    pub(crate) fn forget_all(&self) {
        self.near.void();
    }

    async fn deliver(&self, shared: &dyn UserCache, invalidations: &[Invalidation]) -> bool {
        let delivered = self
            .runtime
            .within(self.limit, shared.invalidate_many(invalidations))
            .await;
        if !matches!(delivered, Some(Ok(_))) {
            return false;
        }
        for invalidation in invalidations {
            // A value that was asked for before is not kept after the floor is gone. The push
            // that says the same comes only after this reply.
            self.near.invalidate(invalidation.id);
            self.pending.acknowledge(*invalidation);
        }
        true
    }

    /// Delivers what is pending in a task of its own, one at a time, until nothing is.
    fn redeliver(self: &Arc<Self>, shared: Arc<dyn UserCache>) {
        if self.redelivering.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = Arc::clone(self);
        self.runtime.tasks.spawn(Box::pin(async move {
            let mut pause = Self::FIRST_RETRY;
            loop {
                this.runtime.clock.sleep(pause).await;
                let batch = this.pending.some(Self::BATCH);
                if batch.is_empty() {
                    this.redelivering.store(false, Ordering::Release);
                    // One may have failed between the look and the store.
                    if this.pending.some(1).is_empty()
                        || this.redelivering.swap(true, Ordering::AcqRel)
                    {
                        return;
                    }
                } else if this.deliver(&*shared, &batch).await {
                    pause = Duration::ZERO;
                } else {
                    pause = (pause * 2).clamp(Self::FIRST_RETRY, Self::LAST_RETRY);
                }
            }
        }));
    }
}

#[cfg(all(test, not(feature = "explored")))]
mod tests;
