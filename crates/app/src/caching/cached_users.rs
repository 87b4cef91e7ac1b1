use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use roster_domain::ports::{LeaseToken, UserCache, UserRepository};
use tokio::sync::{Notify, Semaphore};

use super::auditor::Auditor;
use super::breaker::Breaker;
use super::invalidator::Invalidator;
use super::lease_flow::{Guess, LeaseFlow};
use super::loader::Loader;
use super::namespace::Namespace;
use super::near_cache::NearCache;
use super::pending_floors::PendingFloors;
use super::policy::{CachePolicy, Caches, SharedCache};
use super::reader::Reader;
use super::relay::Relay;
use super::tally::Tally;
use super::tracking::Tracking;
use super::turnstiles::Turnstiles;
use super::watermark::Proofs;
use crate::batching::{Batched, Line, Users};
use crate::{CacheObserver, Runtime};

/// Users behind their caches: the way of a read, the way of a write's invalidation, and what
/// goes on beside them.
pub(crate) struct CachedUsers {
    pub(crate) reader: Arc<Reader>,
    pub(crate) invalidator: Arc<Invalidator>,
    pub(super) users: Arc<Batched<Users>>,
    pub(super) near: Arc<NearCache>,
    pub(super) pending: Arc<PendingFloors>,
    pub(super) tally: Arc<Tally>,
    pub(super) shared: Option<SharedParts>,
    pub(super) policy: CachePolicy,
    pub(super) runtime: Runtime,
}

/// What there is only with a shared cache.
pub(super) struct SharedParts {
    pub(super) cache: Arc<dyn UserCache>,
    pub(super) namespace: Arc<Namespace>,
    pub(super) proofs: Arc<Proofs>,
    pub(super) relay: Arc<Relay>,
    pub(super) auditor: Arc<Auditor>,
}

impl CachedUsers {
    pub(crate) fn new(
        users: Arc<dyn UserRepository>,
        caches: Caches,
        policy: CachePolicy,
        observer: Arc<dyn CacheObserver>,
        runtime: Runtime,
    ) -> Self {
        let clock = Arc::clone(&runtime.clock);
        let near = Arc::new(match &caches {
            Caches::Coalescing => NearCache::counting(clock),
            Caches::Embedded => NearCache::local(policy.l1_octets, clock),
            Caches::Shared(_) => NearCache::tracked(policy.l1_octets, clock),
        });
        let tally = Arc::new(Tally::new(observer));
        let (lanes, most) = (policy.store_lanes, policy.batch);
        let users = Batched::new(Users(users), lanes, most, runtime.clone());
        let parts = Parts {
            pending: Arc::default(),
            bell: Arc::default(),
            observer: Arc::clone(&tally) as Arc<dyn CacheObserver>,
            users: Arc::new(users),
            near,
            policy,
            runtime,
        };
        let shared = match caches {
            Caches::Coalescing | Caches::Embedded => None,
            Caches::Shared(shared) => Some(parts.shared(shared)),
        };
        let reader = parts.reader(shared.as_ref());
        let invalidator = parts.invalidator(shared.as_ref());
        Self {
            reader,
            invalidator,
            users: parts.users,
            near: parts.near,
            pending: parts.pending,
            tally,
            shared,
            policy: parts.policy,
            runtime: parts.runtime,
        }
    }
}

/// What several of the parts hold.
struct Parts {
    users: Arc<Batched<Users>>,
    near: Arc<NearCache>,
    pending: Arc<PendingFloors>,
    bell: Arc<Notify>,
    policy: CachePolicy,
    observer: Arc<dyn CacheObserver>,
    runtime: Runtime,
}

impl Parts {
    fn shared(&self, shared: SharedCache) -> SharedParts {
        let namespace = Arc::new(Namespace::new(
            Arc::clone(&shared.change_log),
            Arc::clone(&self.near),
            self.runtime.clone(),
        ));
        let auditor = Arc::new(Auditor::new(
            self.policy.audit,
            Arc::clone(&self.users),
            Arc::clone(&shared.cache),
            Arc::clone(&namespace),
            Arc::clone(&self.near),
            Arc::clone(&self.observer),
            self.runtime.clone(),
        ));
        shared.cache.subscribe(Arc::new(Tracking {
            near: Arc::clone(&self.near),
            auditor: Arc::clone(&auditor),
        }));
        let proofs = Arc::new(Proofs::new(
            Arc::clone(&shared.relay),
            Arc::clone(&namespace),
            Arc::clone(&self.near),
            Arc::clone(&self.observer),
            self.runtime.clone(),
        ));
        let relay = Arc::new(Relay {
            cache: shared.relay,
            change_log: shared.change_log,
            namespace: Arc::clone(&namespace),
            retention: self.policy.change_log_retention,
            holder: LeaseToken(self.runtime.ids.random_token()),
            seen: std::sync::Mutex::default(),
            bell: Arc::clone(&self.bell),
            observer: Arc::clone(&self.observer),
            runtime: self.runtime.clone(),
        });
        let breaker = Breaker::new(
            shared.cache,
            Arc::clone(&self.runtime.clock),
            Arc::clone(&self.observer),
        );
        SharedParts {
            cache: Arc::new(breaker),
            namespace,
            proofs,
            relay,
            auditor,
        }
    }

    fn reader(&self, shared: Option<&SharedParts>) -> Arc<Reader> {
        let leases = shared.map(|shared| LeaseFlow {
            cache: Arc::clone(&shared.cache),
            namespace: Arc::clone(&shared.namespace),
            near: Arc::clone(&self.near),
            pending: Arc::clone(&self.pending),
            proofs: Arc::clone(&shared.proofs),
            line: Line::new(self.policy.store_lanes, self.policy.batch),
            guess: Guess::default(),
        });
        // Without a shared cache it is the store that is asked first.
        let lanes = match shared {
            Some(_) => self.policy.cache_lanes,
            None => self.policy.store_lanes,
        };
        let loader = Arc::new(Loader {
            line: Line::new(lanes, self.policy.batch),
            users: Arc::clone(&self.users),
            near: Arc::clone(&self.near),
            leases,
            policy: self.policy.clone(),
            observer: Arc::clone(&self.observer),
            runtime: self.runtime.clone(),
            unfilled: Semaphore::new(self.policy.unfilled_loads.max(1)),
            turnstiles: Turnstiles::new(self.runtime.clone()),
        });
        Arc::new(Reader {
            near: Arc::clone(&self.near),
            pending: Arc::clone(&self.pending),
            proofs: shared.map(|shared| Arc::clone(&shared.proofs)),
            flights: Arc::default(),
            loader,
            observer: Arc::clone(&self.observer),
            runtime: self.runtime.clone(),
        })
    }

    fn invalidator(&self, shared: Option<&SharedParts>) -> Arc<Invalidator> {
        Arc::new(Invalidator {
            near: Arc::clone(&self.near),
            shared: shared.map(|shared| Arc::clone(&shared.cache)),
            pending: Arc::clone(&self.pending),
            limit: self.policy.invalidate_limit,
            retention: self.policy.change_log_retention,
            bell: Arc::clone(&self.bell),
            auditor: shared.map(|shared| Arc::clone(&shared.auditor)),
            observer: Arc::clone(&self.observer),
            runtime: self.runtime.clone(),
            redelivering: AtomicBool::new(false),
        })
    }
}
