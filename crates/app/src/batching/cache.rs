use std::sync::Arc;

use async_trait::async_trait;
use roster_domain::UserId;
use roster_domain::ports::{
    AcquireRequest, Acquired, BoxError, CacheError, CacheLookup, CacheNamespace, ConnectionEpoch,
    FillOutcome, FillRequest, Invalidation, InvalidationSink, Lease, Stamped, UserCache,
};

use super::lanes::{Batch, Lanes};
use super::merged::Merged;
use crate::Runtime;

/// A cache whose look-ups, grants and fills go out in batches; everything else goes straight
/// through.
pub(crate) struct BatchedCache {
    inner: Arc<dyn UserCache>,
    look_ups: Arc<Lanes<LookUps>>,
    acquires: Arc<Lanes<Acquires>>,
    fills: Arc<Lanes<Fills>>,
}

struct LookUps(Arc<dyn UserCache>);

struct Acquires(Arc<dyn UserCache>);

struct Fills(Arc<dyn UserCache>);

impl BatchedCache {
    const MOST_KEYS: usize = 256;

    pub(crate) fn new(inner: Arc<dyn UserCache>, lanes: usize, runtime: &Runtime) -> Self {
        let most = Self::MOST_KEYS;
        Self {
            look_ups: Lanes::new(LookUps(Arc::clone(&inner)), lanes, most, runtime.clone()),
            acquires: Lanes::new(Acquires(Arc::clone(&inner)), lanes, most, runtime.clone()),
            fills: Lanes::new(Fills(Arc::clone(&inner)), lanes, most, runtime.clone()),
            inner,
        }
    }
}

/// What several callers ask about one namespace; `None` of no calls.
fn merged<Q>(calls: Vec<(CacheNamespace, Vec<Q>)>) -> Option<(CacheNamespace, Merged<Q>)> {
    let (namespace, _) = calls.first()?;
    let namespace = *namespace;
    let questions = calls.into_iter().map(|(_, questions)| questions);
    Some((namespace, Merged::of(questions.collect())))
}

/// Deals answers to the callers, each with the stamp of all.
fn deal_stamped<Q, T>(
    merged: &Merged<Q>,
    answered: Result<Stamped<Vec<T>>, CacheError>,
) -> Vec<Result<Stamped<Vec<T>>, CacheError>> {
    let mut connection = ConnectionEpoch::UNTRACKED;
    let answered = answered.map(|stamped| {
        connection = stamped.connection;
        stamped.reply
    });
    merged.deal(answered, |reply| Stamped { connection, reply })
}

macro_rules! of_one_namespace {
    ($question:ty) => {
        type Call = (CacheNamespace, Vec<$question>);
        type Error = CacheError;

        fn weight((_, questions): &Self::Call) -> usize {
            questions.len()
        }

        fn are_alike((namespace, _): &Self::Call, (other, _): &Self::Call) -> bool {
            namespace == other
        }

        fn unavailable(source: BoxError) -> CacheError {
            CacheError::Unavailable(source)
        }
    };
}

#[async_trait]
impl Batch for LookUps {
    type Answer = Stamped<Vec<CacheLookup>>;
    of_one_namespace!(UserId);

    async fn ask(&self, calls: Vec<Self::Call>) -> Vec<Result<Self::Answer, CacheError>> {
        let Some((namespace, merged)) = merged(calls) else {
            return Vec::new();
        };
        let answered = self.0.get_many(namespace, &merged.questions).await;
        deal_stamped(&merged, answered)
    }
}

#[async_trait]
impl Batch for Acquires {
    type Answer = Stamped<Vec<Acquired>>;
    of_one_namespace!(AcquireRequest);

    async fn ask(&self, calls: Vec<Self::Call>) -> Vec<Result<Self::Answer, CacheError>> {
        let Some((namespace, merged)) = merged(calls) else {
            return Vec::new();
        };
        let answered = self.0.acquire_many(namespace, &merged.questions).await;
        deal_stamped(&merged, answered)
    }
}

#[async_trait]
impl Batch for Fills {
    type Answer = Vec<FillOutcome>;
    of_one_namespace!(FillRequest);

    async fn ask(&self, calls: Vec<Self::Call>) -> Vec<Result<Self::Answer, CacheError>> {
        let Some((namespace, merged)) = merged(calls) else {
            return Vec::new();
        };
        let filled = self.0.fill_many(namespace, &merged.questions).await;
        merged.deal(filled, |outcomes| outcomes)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl UserCache for BatchedCache {
    async fn get_many(
        &self,
        namespace: CacheNamespace,
        ids: &[UserId],
    ) -> Result<Stamped<Vec<CacheLookup>>, CacheError> {
        let alone = self.inner.get_many(namespace, ids);
        self.look_ups
            .call(alone, || (namespace, ids.to_vec()))
            .await
    }

    async fn acquire_many(
        &self,
        namespace: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError> {
        let alone = self.inner.acquire_many(namespace, requests);
        self.acquires
            .call(alone, || (namespace, requests.to_vec()))
            .await
    }

    async fn fill_many(
        &self,
        namespace: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError> {
        let alone = self.inner.fill_many(namespace, fills);
        self.fills.call(alone, || (namespace, fills.to_vec())).await
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<(), CacheError> {
        self.inner.release_many(leases).await
    }

    async fn invalidate_many(
        &self,
        invalidations: &[Invalidation],
    ) -> Result<Vec<bool>, CacheError> {
        self.inner.invalidate_many(invalidations).await
    }

    async fn evict_many(&self, ids: &[UserId]) -> Result<(), CacheError> {
        self.inner.evict_many(ids).await
    }

    fn subscribe(&self, sink: Arc<dyn InvalidationSink>) {
        self.inner.subscribe(sink);
    }
}
