use std::sync::Arc;

use async_trait::async_trait;
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, CacheRelay, FillOutcome,
    FillRequest, Invalidation, InvalidationSink, Lease, Probe, RelayClaim, RelayRound, RoundStart,
    Stamped, UserCache,
};
use roster_domain::{Timestamp, UserId};

use super::{Faults, Faulty};

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl UserCache for Faulty<dyn UserCache> {
    async fn get_many(
        &self,
        namespace: CacheNamespace,
        ids: &[UserId],
    ) -> Result<Stamped<Vec<CacheLookup>>, CacheError> {
        let call = self.inner.get_many(namespace, ids);
        self.faults.around(call).await
    }

    async fn acquire_many(
        &self,
        namespace: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError> {
        let call = self.inner.acquire_many(namespace, requests);
        self.faults.around(call).await
    }

    async fn fill_many(
        &self,
        namespace: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError> {
        let call = self.inner.fill_many(namespace, fills);
        self.faults.around(call).await
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<(), CacheError> {
        let call = self.inner.release_many(leases);
        self.faults.around(call).await
    }

    async fn invalidate_many(
        &self,
        invalidations: &[Invalidation],
    ) -> Result<Vec<bool>, CacheError> {
        let call = self.inner.invalidate_many(invalidations);
        self.faults.around(call).await
    }

    async fn evict_many(&self, ids: &[UserId]) -> Result<(), CacheError> {
        let call = self.inner.evict_many(ids);
        self.faults.around(call).await
    }

    fn subscribe(&self, sink: Arc<dyn InvalidationSink>) {
        self.inner.subscribe(sink);
    }
}

/// The calls of its rounds meet the same faults.
#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl CacheRelay for Faulty<dyn CacheRelay> {
    async fn begin_round(
        &self,
        database: u128,
        claim: Option<RelayClaim>,
    ) -> Result<Option<Box<dyn RelayRound>>, CacheError> {
        let call = self.inner.begin_round(database, claim);
        let Some(inner) = self.faults.around(call).await? else {
            return Ok(None);
        };
        let faults = Arc::clone(&self.faults);
        Ok(Some(Box::new(FaultyRound { inner, faults })))
    }

    async fn probe(&self, database: u128) -> Result<Stamped<Probe>, CacheError> {
        let call = self.inner.probe(database);
        self.faults.around(call).await
    }
}

struct FaultyRound {
    inner: Box<dyn RelayRound>,
    faults: Arc<Faults>,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl RelayRound for FaultyRound {
    fn begun(&self) -> &RoundStart {
        self.inner.begun()
    }

    async fn invalidate_many(&self, invalidations: &[Invalidation]) -> Result<(), CacheError> {
        let call = self.inner.invalidate_many(invalidations);
        self.faults.around(call).await
    }

    async fn set_watermark(&self, snapshot_at: Timestamp, epoch: u128) -> Result<bool, CacheError> {
        let call = self.inner.set_watermark(snapshot_at, epoch);
        self.faults.around(call).await
    }
}
