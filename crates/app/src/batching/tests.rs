//! The ports with batches around them: their contracts, and answers in the right hands.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use roster_adapters_memory::{
    ManualClock, MemoryActivities, MemoryNotifications, MemoryStats, MemoryStore, MemoryUserCache,
    MemoryUserSearch, MemoryUserTransfer, MemoryUserWrites, MemoryUsers, SequentialIds,
    TokioSpawner,
};
use roster_domain::ports::{
    ActivityRepository, CacheLookup, CacheNamespace, NotificationRepository, StatsRepository,
    UserCache, UserRepository, UserSearch, UserTransfer, UserWrites,
};
use roster_domain::{NewUser, UserId, UserVersion};
use roster_port_contracts::decorators::{Fault, Faults, Faulty};
use roster_port_contracts::{CacheFixture, StoreFixture};

use super::{BatchedCache, BatchedUsers};
use crate::Runtime;
use crate::caching::test_users::{id, user};

fn runtime() -> Runtime {
    Runtime {
        clock: Arc::new(ManualClock::default()),
        ids: Arc::new(SequentialIds::default()),
        tasks: Arc::new(TokioSpawner),
    }
}

struct Store(MemoryStore);

impl StoreFixture for Store {
    fn users(&self) -> Arc<dyn UserRepository> {
        let users = Arc::new(MemoryUsers::new(self.0.clone()));
        Arc::new(BatchedUsers::new(users, 1, runtime()))
    }

    fn transfer(&self) -> Arc<dyn UserTransfer> {
        Arc::new(MemoryUserTransfer::new(self.0.clone()))
    }

    fn writes(&self) -> Arc<dyn UserWrites> {
        Arc::new(MemoryUserWrites::new(self.0.clone()))
    }

    fn search(&self) -> Arc<dyn UserSearch> {
        Arc::new(MemoryUserSearch::new(self.0.clone()))
    }

    fn notifications(&self) -> Arc<dyn NotificationRepository> {
        Arc::new(MemoryNotifications::new(self.0.clone()))
    }

    fn activities(&self) -> Arc<dyn ActivityRepository> {
        Arc::new(MemoryActivities::new(self.0.clone()))
    }

    fn stats(&self) -> Arc<dyn StatsRepository> {
        Arc::new(MemoryStats::new(self.0.clone()))
    }
}

#[expect(
    clippy::unused_async,
    reason = "a fixture is made by an async function"
)]
async fn store() -> Option<Store> {
    Some(Store(MemoryStore::new()))
}

struct Cache {
    clock: Arc<ManualClock>,
    inner: Arc<MemoryUserCache>,
    batched: Arc<BatchedCache>,
}

#[async_trait]
impl CacheFixture for Cache {
    fn cache(&self) -> Arc<dyn UserCache> {
        Arc::<BatchedCache>::clone(&self.batched)
    }

    async fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    async fn flush(&self) {
        self.inner.clear();
    }

    async fn store_foreign(&self, id: UserId, bytes: &[u8]) -> bool {
        self.inner.store_foreign(id, bytes);
        true
    }
}

#[expect(
    clippy::unused_async,
    reason = "a fixture is made by an async function"
)]
async fn cache() -> Option<Cache> {
    let clock = Arc::new(ManualClock::default());
    let inner = Arc::new(MemoryUserCache::new(Arc::<ManualClock>::clone(&clock)));
    let batched = BatchedCache::new(Arc::clone(&inner) as _, 1, &runtime());
    Some(Cache {
        clock,
        inner,
        batched: Arc::new(batched),
    })
}

roster_port_contracts::user_repository!(store);
roster_port_contracts::user_cache!(cache);

/// Lets every task go on until it waits.
async fn settle() {
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn everybody_gets_the_users_that_they_asked_for() {
    let store = MemoryStore::new();
    let users = MemoryUsers::new(store.clone());
    for n in 1..=4 {
        let user = user(n, 1);
        let (id, email, name) = (user.id, user.email.clone(), user.name.clone());
        let new = NewUser {
            id,
            email,
            name,
            locale: None,
            avatar_url: None,
            metadata: user.metadata.clone(),
            is_active: true,
            created_at: user.created_at,
        };
        users.insert(&new).await.unwrap();
    }
    for asked in [
        // Each once, so that rows move; and some twice, so that they are copied.
        vec![vec![1], vec![2, 9], vec![4, 3]],
        vec![vec![1], vec![2, 2, 3], vec![], vec![3, 8], vec![3]],
    ] {
        let faults = Arc::new(Faults::none());
        faults.arm(Fault::Hang);
        let inner = Faulty::<dyn UserRepository>::new(Arc::new(users.clone()), Arc::clone(&faults));
        let batched = Arc::new(BatchedUsers::new(Arc::new(inner), 1, runtime()));
        let callers: Vec<_> = asked
            .iter()
            .map(|numbers| {
                let ids: Vec<UserId> = numbers.iter().map(|n| id(*n)).collect();
                let batched = Arc::clone(&batched);
                tokio::spawn(async move { batched.find_many(&ids).await.unwrap() })
            })
            .collect();
        settle().await;
        faults.mend();
        for (answer, numbers) in join_all(callers).await.into_iter().zip(&asked) {
            let mut found: Vec<UserId> = answer.unwrap().iter().map(|user| user.id).collect();
            let mut there: Vec<UserId> = numbers
                .iter()
                .filter(|n| **n <= 4)
                .map(|n| id(*n))
                .collect();
            found.sort_unstable();
            there.sort_unstable();
            there.dedup();
            assert_eq!(found, there);
        }
        assert_eq!(faults.calls(), 2, "the first alone, the others together");
    }
}

#[tokio::test]
async fn everybody_gets_the_look_ups_that_they_asked_for_in_their_namespace() {
    let Cache { inner, .. } = cache().await.unwrap();
    let floor = |n: u64| UserVersion::new(n + 10);
    for n in 1..=6 {
        let invalidation = roster_domain::ports::Invalidation {
            id: id(n.into()),
            floor: floor(n),
        };
        inner.invalidate_many(&[invalidation]).await.unwrap();
    }
    let faults = Arc::new(Faults::none());
    faults.arm(Fault::Hang);
    let inner = Faulty::<dyn UserCache>::new(inner, Arc::clone(&faults));
    let batched = Arc::new(BatchedCache::new(Arc::new(inner), 1, &runtime()));
    let asked: [(u128, &[u64]); 5] = [(1, &[1]), (1, &[2, 3]), (1, &[]), (2, &[4, 5]), (1, &[6])];
    let callers: Vec<_> = asked
        .iter()
        .map(|(epoch, numbers)| {
            let namespace = CacheNamespace {
                database: 1,
                epoch: *epoch,
            };
            let ids: Vec<UserId> = numbers.iter().map(|n| id((*n).into())).collect();
            let batched = Arc::clone(&batched);
            tokio::spawn(async move { batched.get_many(namespace, &ids).await.unwrap() })
        })
        .collect();
    settle().await;
    faults.mend();
    for (answer, (_, numbers)) in join_all(callers).await.into_iter().zip(asked) {
        let found: Vec<CacheLookup> = answer.unwrap().reply;
        let expected = numbers.iter().map(|n| CacheLookup::Floor {
            floor: floor(*n),
            unusable: None,
        });
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
    assert_eq!(faults.calls(), 4, "one, two together, then each namespace");
}

#[tokio::test]
async fn an_error_is_everybodys() {
    let faults = Arc::new(Faults::none());
    faults.arm(Fault::Hang);
    let users = Arc::new(MemoryUsers::new(MemoryStore::new()));
    let inner = Faulty::<dyn UserRepository>::new(users, Arc::clone(&faults));
    let batched = Arc::new(BatchedUsers::new(Arc::new(inner), 1, runtime()));
    let callers: Vec<_> = (1..=3)
        .map(|n| {
            let batched = Arc::clone(&batched);
            tokio::spawn(async move { batched.find_many(&[id(n)]).await })
        })
        .collect();
    settle().await;
    // Who hangs goes on, and what is asked from now on fails.
    faults.mend();
    faults.arm(Fault::Fail);
    let answers = join_all(callers).await;
    assert!(answers[0].as_ref().unwrap().is_ok());
    for answer in &answers[1..] {
        let error = answer.as_ref().unwrap().as_ref().unwrap_err();
        let source = std::error::Error::source(error).unwrap();
        assert_eq!(source.to_string(), "a test injected this fault");
    }
    assert_eq!(faults.calls(), 2);
}
