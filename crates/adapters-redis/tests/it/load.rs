//! Many calls at once, and a server that forgets its scripts meanwhile.

use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::{
    AcquireRequest, Acquired, CacheLookup, FillOutcome, FillRequest, Filling, Invalidation, Lease,
    LeaseToken, UserCache,
};
use roster_domain::{User, UserId, UserVersion};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{OURS, TTL, expires_at, user};

fn id(number: u128) -> UserId {
    UserId::new(Uuid::from_u128(number))
}

fn lease_of(number: u128) -> Lease {
    Lease {
        id: id(number),
        token: LeaseToken(number.to_be_bytes()),
    }
}

fn acquire_all(numbers: std::ops::Range<u128>) -> Vec<AcquireRequest> {
    numbers
        .map(|number| AcquireRequest {
            lease: lease_of(number),
            hold_for: Duration::from_mins(1),
            unusable: None,
            likely_absent: false,
        })
        .collect()
}

fn fill_all(numbers: std::ops::Range<u128>) -> Vec<FillRequest> {
    numbers
        .map(|number| FillRequest {
            lease: lease_of(number),
            filling: Filling::User(Arc::new(numbered(number)), expires_at()),
            ttl: TTL,
        })
        .collect()
}

fn numbered(number: u128) -> User {
    User {
        id: id(number),
        name: format!("User {number}").parse().unwrap(),
        ..user(1)
    }
}

#[tokio::test]
async fn a_batch_is_answered_in_the_order_asked() {
    let bench = bench!();
    let cache = &bench.cache;
    let grants = cache.acquire_many(OURS, &acquire_all(0..300)).await;
    let granted = |answer: &Acquired| matches!(answer, Acquired::Granted { .. });
    assert!(grants.unwrap().reply.iter().all(granted));
    // Every third is invalidated, so its fill is refused.
    let thirds: Vec<_> = (0..300).step_by(3).collect();
    let invalidations: Vec<_> = thirds
        .iter()
        .map(|number| Invalidation {
            id: id(*number),
            floor: UserVersion::new(2),
        })
        .collect();
    let changed = cache.invalidate_many(&invalidations).await.unwrap();
    assert_eq!(changed, vec![true; 100]);
    let filled = cache.fill_many(OURS, &fill_all(0..300)).await.unwrap();
    for (number, outcome) in filled.into_iter().enumerate() {
        let expected = match number % 3 {
            0 => FillOutcome::Refused,
            _ => FillOutcome::Stored,
        };
        assert_eq!(outcome, expected, "{number}");
    }
    let ids: Vec<_> = (0..300).rev().chain([299, 299]).map(id).collect();
    let found = cache.get_many(OURS, &ids).await.unwrap().reply;
    for (id, found) in ids.iter().zip(found) {
        match found {
            CacheLookup::Value { user, .. } => assert_eq!(user.id, *id),
            CacheLookup::Floor { floor, .. } => {
                assert_eq!((floor.get(), id.get().as_u128() % 3), (2, 0));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_empty_batch_asks_nothing() {
    let bench = bench!();
    bench.server.kill();
    let cache = &bench.cache;
    assert_eq!(cache.get_many(OURS, &[]).await.unwrap().reply, []);
    assert_eq!(cache.acquire_many(OURS, &[]).await.unwrap().reply, []);
    assert_eq!(cache.fill_many(OURS, &[]).await.unwrap(), []);
    assert!(cache.invalidate_many(&[]).await.unwrap().is_empty());
    cache.release_many(&[]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_at_once_each_get_their_own_answer() {
    let bench = bench!();
    let numbers = 0..100_u128;
    bench
        .cache
        .acquire_many(OURS, &acquire_all(numbers.clone()))
        .await
        .unwrap();
    bench
        .cache
        .fill_many(OURS, &fill_all(numbers))
        .await
        .unwrap();
    let mut calls = JoinSet::new();
    for call in 0..10_000_u128 {
        let cache = Arc::clone(&bench.cache);
        calls.spawn(async move {
            let asked = id(call % 100);
            let found = cache.get_many(OURS, &[asked]).await.unwrap().reply;
            let CacheLookup::Value { user, .. } = &found[0] else {
                panic!("{found:?}")
            };
            assert_eq!(user.id, asked);
            assert_eq!(user.name.as_str(), format!("User {}", call % 100));
        });
    }
    assert_eq!(calls.join_all().await.len(), 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_a_thousand_is_granted() {
    let bench = bench!();
    let mut calls = JoinSet::new();
    for call in 0..1_000_u128 {
        let cache = Arc::clone(&bench.cache);
        calls.spawn(async move {
            let request = AcquireRequest {
                lease: Lease {
                    id: id(1),
                    token: LeaseToken(call.to_be_bytes()),
                },
                hold_for: Duration::from_mins(1),
                unusable: None,
                likely_absent: call % 2 == 0,
            };
            let answer = cache.acquire_many(OURS, &[request]).await.unwrap().reply;
            matches!(answer[0], Acquired::Granted { .. })
        });
    }
    let granted = calls.join_all().await;
    assert_eq!(granted.into_iter().filter(|granted| *granted).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_of_the_scripts_is_not_noticed_by_any_call() {
    let bench = bench!();
    let flushing = tokio::spawn({
        let mut raw = bench.raw.clone();
        async move {
            loop {
                let flush = redis::cmd("SCRIPT").arg("FLUSH").to_owned();
                flush.exec_async(&mut raw).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    for round in 0..100_u128 {
        let requests = acquire_all(round * 10..(round + 1) * 10);
        let answer = bench.cache.acquire_many(OURS, &requests).await.unwrap();
        let granted = |answer: &Acquired| matches!(answer, Acquired::Granted { .. });
        assert!(answer.reply.iter().all(granted), "{answer:?}");
    }
    flushing.abort();
}

#[tokio::test]
async fn each_script_is_loaded_again_after_a_flush() {
    let bench = bench!();
    let flush = async || {
        let _: () = bench.ask("SCRIPT FLUSH").await;
    };
    flush().await;
    assert!(bench.invalidate(1).await);
    flush().await;
    assert_eq!(bench.acquire(1).await, crate::support::granted(1));
    flush().await;
    bench.release(1).await;
    bench.acquire(2).await;
    flush().await;
    assert_eq!(bench.fill(2, 1).await, FillOutcome::Stored);
}
