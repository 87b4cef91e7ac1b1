//! Loads that go together: each has an answer of its own, and none waits for what another needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use roster_adapters_memory::MemoryUserCache;
use roster_app::{CacheEvent, CachePolicy, Freshness, TierStatus, UserService};
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, FillOutcome, FillRequest,
    Invalidation, InvalidationSink, Lease, LeaseToken, Stamped, UserCache, UserRepository,
};
use roster_domain::{UserId, UserVersion};
use roster_port_contracts::decorators::{Fault, Faults, Faulty};

use crate::support::{
    CountedUsers, NAMESPACE, PausedClock, draft, id, is_hit, no_writes, settle, shared, shared_by,
    shared_with,
};

struct World {
    users: Arc<CountedUsers>,
    cache: Arc<MemoryUserCache>,
    service: Arc<UserService>,
}

/// A process, with these users in its store.
async fn world(numbers: impl IntoIterator<Item = u128>) -> World {
    let users = CountedUsers::new();
    let cache = Arc::new(MemoryUserCache::new(PausedClock::new()));
    let writes = users.writes();
    let (service, _) = shared_with(Arc::clone(&users) as _, writes, Arc::clone(&cache) as _);
    for number in numbers {
        service.create(draft(number)).await.unwrap();
    }
    World {
        users,
        cache,
        service: Arc::new(service),
    }
}

/// Another process leases these users, and loads for ever.
async fn lease(cache: &MemoryUserCache, numbers: &[u128]) {
    let requests: Vec<AcquireRequest> = numbers
        .iter()
        .map(|number| AcquireRequest {
            lease: Lease {
                id: id(*number),
                token: LeaseToken([7; 16]),
            },
            hold_for: Duration::from_secs(2),
            unusable: None,
            likely_absent: false,
        })
        .collect();
    let granted = cache.acquire_many(NAMESPACE, &requests).await.unwrap();
    let is_granted = |answer: &Acquired| matches!(answer, Acquired::Granted { .. });
    assert!(granted.reply.iter().all(is_granted));
}

fn reading(
    service: &Arc<UserService>,
    number: u128,
) -> tokio::task::JoinHandle<Result<roster_app::Answer, roster_app::UserError>> {
    let service = Arc::clone(service);
    tokio::spawn(async move { service.get(id(number), Freshness::CACHED).await })
}

#[tokio::test(start_paused = true)]
async fn everybody_of_a_batch_gets_what_was_looked_up_for_them() {
    let World { users, cache, .. } = world(1..=5).await;
    let (other, _) = shared(Arc::clone(&users) as _, Arc::clone(&cache) as _);
    for stored in [1, 2, 4] {
        other.get(id(stored), Freshness::CACHED).await.unwrap();
    }
    let (service, _) = shared(Arc::clone(&users) as _, cache as _);
    let asked = [1, 2, 3, 4, 9, 5].map(id);
    let answers = service.get_many(&asked, Freshness::CACHED).await.unwrap();
    let found: Vec<_> = answers
        .iter()
        .map(|answer| {
            answer
                .as_ref()
                .map(|answer| (answer.user.id, is_hit(answer.trace)))
        })
        .collect();
    let expected = [
        Some((id(1), true)),
        Some((id(2), true)),
        Some((id(3), false)),
        Some((id(4), true)),
        None,
        Some((id(5), false)),
    ];
    assert_eq!(found, expected);
}

#[tokio::test(start_paused = true)]
async fn who_of_a_batch_got_no_lease_waits_and_the_others_fill() {
    let World {
        users,
        cache,
        service,
    } = world(1..=3).await;
    lease(&cache, &[1]).await;
    let asked = [1, 2, 3].map(id);
    let together = {
        let service = Arc::clone(&service);
        tokio::spawn(async move { service.get_many(&asked, Freshness::CACHED).await })
    };
    settle().await;
    assert!(!together.is_finished(), "another process loads one of them");
    assert_eq!(users.reads(), 1, "and the others were read");
    let (other, _) = shared(Arc::clone(&users) as _, cache as _);
    for filled in [2, 3] {
        let answer = other.get(id(filled), Freshness::CACHED).await.unwrap();
        assert!(is_hit(answer.trace), "{filled}: {:?}", answer.trace);
    }
    let answers = together.await.unwrap().unwrap();
    assert!(answers.iter().all(Option::is_some));
}

#[tokio::test(start_paused = true)]
async fn each_fill_of_a_batch_has_its_own_outcome() {
    let World {
        users,
        cache,
        service,
    } = world(1..=3).await;
    users.hold();
    let together = {
        let service = Arc::clone(&service);
        let asked = [1, 2, 3].map(id);
        tokio::spawn(async move { service.get_many(&asked, Freshness::CACHED).await })
    };
    settle().await;
    let overtaken = Invalidation {
        id: id(2),
        floor: UserVersion::new(2),
    };
    cache.invalidate_many(&[overtaken]).await.unwrap();
    users.let_go();
    let answers = together.await.unwrap().unwrap();
    let stored: Vec<_> = answers
        .into_iter()
        .flatten()
        .map(|answer| match answer.trace.l2 {
            Some(TierStatus::Forwarded { stored, .. }) => stored,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(stored, [true, false, true]);
}

/// With both lanes taken by loads that wait for another process, a third one goes.
#[tokio::test(start_paused = true)]
async fn who_waits_for_the_lease_of_another_holds_no_lane() {
    let World { cache, service, .. } = world(1..=9).await;
    let waiting: Vec<u128> = (1..=8).collect();
    lease(&cache, &waiting).await;
    let mut readers = Vec::new();
    for number in waiting {
        readers.push(reading(&service, number));
        settle().await;
    }
    let ninth = reading(&service, 9);
    settle().await;
    assert!(ninth.is_finished(), "no time has passed");
    assert!(readers.iter().all(|reader| !reader.is_finished()));
    ninth.await.unwrap().unwrap();
    for reader in readers {
        reader.await.unwrap().unwrap();
    }
}

/// What waits for a lane of those that fill goes by the next one that is free, and asks nothing anew.
#[tokio::test(start_paused = true)]
async fn what_waits_for_a_lane_to_fill_goes_by_the_next() {
    const READERS: u128 = 12;
    let World { users, cache, .. } = world(1..=READERS).await;
    let cache = Arc::new(Watched {
        inner: cache,
        looked_up: AtomicUsize::default(),
        ends_leases: false,
    });
    // With one lane those wait, too, who run their loads themselves.
    let policy = CachePolicy {
        store_lanes: 1,
        ..CachePolicy::default()
    };
    let watched = Arc::clone(&cache) as _;
    let (service, events) = shared_by(Arc::clone(&users) as _, no_writes(), watched, policy);
    let service = Arc::new(service);
    users.hold();
    let mut readers = Vec::new();
    for number in 1..=READERS {
        readers.push(reading(&service, number));
        settle().await;
    }
    let reads = users.reads();
    assert!(u128::from(reads) < READERS, "nobody waits: {reads} reads");
    users.let_go();
    for reader in readers {
        reader.await.unwrap().unwrap();
    }
    assert_eq!(cache.looked_up.load(Ordering::SeqCst) as u128, READERS);
    // Each waits for the load that he began.
    let collapsed = |event: &CacheEvent| matches!(event, CacheEvent::Collapsed);
    assert_eq!(events.count(collapsed), 0);
}

/// A cache that counts what is looked up, and in which another process may end its load while this one is told to wait
/// for it.
struct Watched {
    inner: Arc<MemoryUserCache>,
    looked_up: AtomicUsize,
    ends_leases: bool,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl UserCache for Watched {
    async fn get_many(
        &self,
        namespace: CacheNamespace,
        ids: &[UserId],
    ) -> Result<Stamped<Vec<CacheLookup>>, CacheError> {
        self.looked_up.fetch_add(ids.len(), Ordering::SeqCst);
        self.inner.get_many(namespace, ids).await
    }

    async fn acquire_many(
        &self,
        namespace: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError> {
        let acquired = self.inner.acquire_many(namespace, requests).await?;
        if !self.ends_leases {
            return Ok(acquired);
        }
        let leases: Vec<Lease> = requests
            .iter()
            .map(|request| Lease {
                token: LeaseToken([7; 16]),
                ..request.lease
            })
            .collect();
        self.inner.release_many(&leases).await?;
        Ok(acquired)
    }

    async fn fill_many(
        &self,
        namespace: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError> {
        self.inner.fill_many(namespace, fills).await
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

/// The push came between the answer "wait" and the wait.
#[tokio::test(start_paused = true)]
async fn what_was_pushed_before_the_wait_began_is_not_waited_for() {
    let World { users, cache, .. } = world([1]).await;
    lease(&cache, &[1]).await;
    let overtaken = Watched {
        inner: cache,
        looked_up: AtomicUsize::default(),
        ends_leases: true,
    };
    let (service, events) = shared(Arc::clone(&users) as _, Arc::new(overtaken));
    let reader = reading(&Arc::new(service), 1);
    settle().await;
    assert!(reader.is_finished(), "no time has passed");
    reader.await.unwrap().unwrap();
    let waited = |event: &CacheEvent| matches!(event, CacheEvent::LeaseWaited { .. });
    assert_eq!(events.count(waited), 0);
}

/// What a lease replaced for one caller's sake is there again for the others when the store fails.
#[tokio::test(start_paused = true)]
async fn a_value_that_one_caller_finds_too_old_outlives_a_store_that_fails() {
    let World {
        users,
        cache,
        service,
    } = world([1]).await;
    service.get(id(1), Freshness::CACHED).await.unwrap();
    let faults = Arc::new(Faults::none());
    faults.arm(Fault::Fail);
    let failing = Faulty::<dyn UserRepository>::new(users as _, Arc::clone(&faults));
    let (service, _) = shared(Arc::new(failing), cache);
    let newer = Freshness {
        min_version: UserVersion::new(2),
        ..Freshness::CACHED
    };
    assert!(service.get(id(1), newer).await.is_err());
    assert!(faults.calls() > 0, "the store was asked");
    let answer = service.get(id(1), Freshness::CACHED).await.unwrap();
    assert!(is_hit(answer.trace), "{:?}", answer.trace);
}
