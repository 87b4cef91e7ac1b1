//! What leases are asked for and what becomes of them, call by call; a call that is not expected
//! fails the test.

use std::sync::Arc;
use std::time::Duration;

use roster_adapters_memory::MemoryUserCache;
use roster_app::{
    CacheEvent, ForwardReason, Freshness, StalenessBound, TierStatus, UserError, UserService,
};
use roster_domain::ports::{
    Acquired, CacheLookup, CachePush, ConnectionEpoch, FillOutcome, Filling, MockUserCache,
    MockUserRepository, Stamped, StoreError, UserCache, UserRepository,
};
use roster_domain::{Timestamp, UserId, UserVersion};
use roster_port_contracts::decorators::{Fault, Faults, Faulty};

use crate::support::{
    CountedUsers, PausedClock, acquires_once, bare, cache_mock, fills_once, finds_once, granted,
    id, reads_once, seen, settle, settled, shared, stamped, unavailable, user, value,
};

fn at_least(version: u64) -> Freshness {
    Freshness {
        min_version: UserVersion::new(version),
        strong: false,
    }
}

fn value_until(version: u64, expires_at: Timestamp) -> CacheLookup {
    CacheLookup::Value {
        user: Arc::new(user(1, version)),
        expires_at,
        seen: seen(b"value"),
    }
}

/// The caches know that it is stale: nobody can say by how much.
#[tokio::test]
async fn a_row_below_the_floor_of_its_lease_is_answered_as_unproven() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    finds_once(&mut cache, bare(5));
    acquires_once(&mut cache, granted(5));
    reads_once(&mut users, user(1, 4));
    fills_once(&mut cache, FillOutcome::StaleSource);
    let (service, events) = shared(Arc::new(users), Arc::new(cache));

    let answer = settled(service.get(id(1), Freshness::CACHED))
        .await
        .unwrap();

    assert_eq!(answer.user.version, UserVersion::new(4));
    assert_eq!(answer.bound, StalenessBound::Unproven);
    settle().await;
    assert_eq!(events.count(|event| *event == CacheEvent::StaleSource), 1);
}

#[tokio::test(start_paused = true)]
async fn a_row_below_what_is_stored_is_answered_as_unproven_to_who_forces_the_read() {
    for (row, bound) in [
        (4, StalenessBound::Unproven),
        (5, StalenessBound::Proven(Duration::ZERO)),
    ] {
        let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
        finds_once(&mut cache, value(user(1, 5)));
        reads_once(&mut users, user(1, row));
        let (service, events) = shared(Arc::new(users), Arc::new(cache));

        let answer = settled(service.get(id(1), Freshness::STRONG))
            .await
            .unwrap();

        assert_eq!(answer.user.version, UserVersion::new(row));
        assert_eq!(answer.bound, bound);
        let stale = events.count(|event| *event == CacheEvent::StaleSource);
        assert_eq!(stale, usize::from(row < 5));
    }
}

/// What is put back for others is what they may still be served.
#[tokio::test(start_paused = true)]
async fn a_value_that_has_ended_is_not_put_back_when_the_store_fails() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    finds_once(&mut cache, value_until(3, Timestamp::UNIX_EPOCH));
    acquires_once(&mut cache, granted(3));
    users
        .expect_find_many()
        .once()
        .returning(|_| Err(unavailable()));
    cache.expect_fill_many().never();
    cache
        .expect_release_many()
        .once()
        .withf(|leases| leases.len() == 1 && leases[0].id == id(1))
        .returning(|_| Ok(()));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let refusal = settled(service.get(id(1), at_least(4))).await.unwrap_err();

    assert!(matches!(refusal, UserError::Store(_)), "{refusal:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_process_keeps_ends_with_the_value_and_after_a_minute_at_the_latest() {
    for (ends, kept, gone) in [(10, 9, 11), (3_000, 59, 61)] {
        let tracked = ConnectionEpoch(1);
        let mut cache = MockUserCache::new();
        cache
            .expect_subscribe()
            .once()
            .returning(move |sink| sink.push(CachePush::Connected(tracked)));
        cache.expect_get_many().times(2).returning(move |_, _| {
            let expires_at = Timestamp::UNIX_EPOCH.plus(Duration::from_secs(ends));
            Ok(Stamped {
                connection: tracked,
                reply: vec![value_until(1, expires_at)],
            })
        });
        let (service, _) = shared(Arc::new(MockUserRepository::new()), Arc::new(cache));
        let is_kept = async || {
            let answer = settled(service.get(id(1), Freshness::CACHED))
                .await
                .unwrap();
            matches!(answer.trace.l1, Some(TierStatus::Hit { .. }))
        };

        assert!(!is_kept().await);
        tokio::time::sleep(Duration::from_secs(kept)).await;
        assert!(is_kept().await, "{ends} s: gone after {kept} s");
        tokio::time::sleep(Duration::from_secs(gone - kept)).await;
        assert!(!is_kept().await, "{ends} s: there after {gone} s");
    }
}

#[tokio::test]
async fn a_value_that_turns_up_and_cannot_be_used_is_named_in_the_next_request() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    finds_once(&mut cache, bare(0));
    cache
        .expect_acquire_many()
        .once()
        .withf(|_, requests| requests[0].unusable.is_none())
        .returning(|_, _| Ok(stamped(vec![Acquired::Found(value(user(1, 3)))])));
    cache
        .expect_acquire_many()
        .once()
        .withf(|_, requests| requests[0].unusable == Some(seen(b"value")))
        .returning(|_, _| Ok(stamped(vec![granted(3)])));
    reads_once(&mut users, user(1, 4));
    cache
        .expect_fill_many()
        .once()
        .withf(|_, fills| matches!(&fills[0].filling, Filling::User(user, _) if user.version == UserVersion::new(4)))
        .returning(|_, _| Ok(vec![FillOutcome::Stored]));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let answer = settled(service.get(id(1), at_least(4))).await.unwrap();

    assert_eq!(answer.user.version, UserVersion::new(4));
}

#[tokio::test]
async fn a_cache_that_always_has_something_else_is_asked_three_times() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    finds_once(&mut cache, bare(0));
    cache
        .expect_acquire_many()
        .times(3)
        .returning(|_, _| Ok(stamped(vec![Acquired::Found(value(user(1, 3)))])));
    reads_once(&mut users, user(1, 4));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let answer = settled(service.get(id(1), at_least(4))).await.unwrap();

    assert_eq!(answer.user.version, UserVersion::new(4));
    let status = TierStatus::Forwarded {
        reason: ForwardReason::Stale,
        stored: false,
        collapsed: false,
    };
    assert_eq!(answer.trace.l2, Some(status));
}

/// As the value of a newer release is.
#[tokio::test]
async fn what_must_not_be_replaced_is_asked_for_once_and_left_there() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    finds_once(&mut cache, bare(5));
    acquires_once(&mut cache, Acquired::Found(bare(5)));
    reads_once(&mut users, user(1, 6));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let answer = settled(service.get(id(1), Freshness::CACHED))
        .await
        .unwrap();

    let status = TierStatus::Forwarded {
        reason: ForwardReason::Miss,
        stored: false,
        collapsed: false,
    };
    assert_eq!(answer.trace.l2, Some(status));
}

/// The most who may wait in a line.
const WAITING: u128 = 4_096;
/// So many are asked for at once.
const AT_ONCE: u128 = 256;

fn ids(first: u128, count: u128) -> Vec<UserId> {
    (first..first + count).map(id).collect()
}

/// Readers of so many users, each alone, and of as many more as may wait.
async fn crowd(service: &Arc<UserService>, alone: u128) -> Vec<tokio::task::JoinHandle<()>> {
    let mut readers = Vec::new();
    let mut read = |ids: Vec<UserId>| {
        let service = Arc::clone(service);
        readers.push(tokio::spawn(async move {
            let found = service.get_many(&ids, Freshness::CACHED).await;
            assert!(found.unwrap().iter().all(Option::is_none));
        }));
    };
    for n in 0..alone {
        read(ids(n, 1));
        settle().await;
    }
    for batch in 0..WAITING / AT_ONCE {
        read(ids(1_000 + batch * AT_ONCE, AT_ONCE));
        settle().await;
    }
    readers
}

async fn is_refused(service: &UserService) {
    let one_more = settled(service.get(id(999), Freshness::CACHED)).await;
    assert!(
        matches!(one_more, Err(UserError::Store(StoreError::Unavailable(_)))),
        "{one_more:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn where_too_many_wait_for_the_cache_one_more_is_refused_at_once() {
    let faults = Arc::new(Faults::none());
    let cache = Arc::new(MemoryUserCache::new(PausedClock::new()));
    let cache = Faulty::<dyn UserCache>::new(cache, Arc::clone(&faults));
    let users = CountedUsers::new();
    let (service, _) = shared(Arc::clone(&users) as _, Arc::new(cache));
    let service = Arc::new(service);
    faults.arm(Fault::Hang);
    let readers = crowd(&service, 2).await;
    assert_eq!(faults.calls(), 2);

    is_refused(&service).await;

    assert_eq!((faults.calls(), users.reads()), (2, 0));
    faults.mend();
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn where_too_many_wait_for_the_store_one_more_is_refused_at_once() {
    let faults = Arc::new(Faults::none());
    let cache = Arc::new(MemoryUserCache::new(PausedClock::new()));
    let users: Arc<dyn UserRepository> = CountedUsers::new();
    let users = Faulty::<dyn UserRepository>::new(users, Arc::clone(&faults));
    let (service, _) = shared(Arc::new(users), cache);
    let service = Arc::new(service);
    faults.arm(Fault::Hang);
    let readers = crowd(&service, 4).await;
    let calls = faults.calls();

    is_refused(&service).await;

    assert_eq!(faults.calls(), calls);
    faults.mend();
    for reader in readers {
        reader.await.unwrap();
    }
}
