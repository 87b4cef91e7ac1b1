use std::sync::Arc;

use async_trait::async_trait;
use roster_domain::UserId;
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, FillOutcome, FillRequest,
    Invalidation, InvalidationSink, Lease, Stamped, UserCache,
};

use super::Faulty;

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

    fn subscribe(&self, sink: Arc<dyn InvalidationSink>) {
        self.inner.subscribe(sink);
    }
}
