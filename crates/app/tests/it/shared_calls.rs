//! Order and number of the calls on store and cache; a call that is not expected fails the test.

use std::sync::Arc;

use mockall::Sequence;
use roster_adapters_memory::MemoryUserCache;
use roster_app::{ForwardReason, Freshness, StalenessBound, TierStatus, UserError};
use roster_domain::UserVersion;
use roster_domain::ports::{
    CacheLookup, FillOutcome, Filling, Invalidation, MockUserRepository, UserCache, UserRepository,
    Written,
};
use roster_port_contracts::decorators::{Fault, Faults, Faulty};

use crate::support::{
    CountedUsers, PausedClock, acquires_once, bare, cache_mock, fills_once, finds_once, granted,
    id, reads_once, renamed, seen, settle, settled, shared, stamped, unavailable, user, value,
};

#[tokio::test]
async fn a_hit_touches_no_repository() {
    let mut cache = cache_mock();
    finds_once(&mut cache, value(user(1, 7)));
    let (service, _) = shared(Arc::new(MockUserRepository::new()), Arc::new(cache));

    let answer = settled(service.get(id(1), Freshness::CACHED))
        .await
        .unwrap();

    assert_eq!(answer.user.version, UserVersion::new(7));
    assert_eq!(answer.bound, StalenessBound::Unproven);
    assert!(
        matches!(answer.trace.l2, Some(TierStatus::Hit { .. })),
        "{:?}",
        answer.trace
    );
}

/// Loads that begin while others are on their way go together: one call each for all of them.
#[tokio::test]
async fn loads_that_wait_for_a_lane_go_as_one_batch() {
    let cache = Arc::new(MemoryUserCache::new(PausedClock::new()));
    let (cache_faults, store_faults) = (Arc::new(Faults::none()), Arc::new(Faults::none()));
    let store = CountedUsers::new();
    let cache = Faulty::<dyn UserCache>::new(cache, Arc::clone(&cache_faults));
    let users: Arc<dyn UserRepository> = Arc::clone(&store) as _;
    let users = Faulty::<dyn UserRepository>::new(users, Arc::clone(&store_faults));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));
    let service = Arc::new(service);
    cache_faults.arm(Fault::Hang);
    let readers: Vec<_> = (1..=20)
        .map(|n| {
            let service = Arc::clone(&service);
            tokio::spawn(async move { service.get(id(n), Freshness::CACHED).await })
        })
        .collect();
    settle().await;
    assert_eq!(cache_faults.calls(), 2, "two went at once");
    cache_faults.mend();
    for reader in readers {
        assert!(matches!(reader.await.unwrap(), Err(UserError::NotFound)));
    }
    // A look-up, a grant and a fill each: for two alone, and for the eighteen that waited.
    assert!(cache_faults.calls() <= 3 * 4, "{}", cache_faults.calls());
    assert!(store_faults.calls() <= 4, "{}", store_faults.calls());
}

/// A store that hangs holds up those who need it, and nobody whom the cache can answer.
#[tokio::test]
async fn a_store_that_hangs_keeps_nobody_from_what_the_cache_holds() {
    let cache = Arc::new(MemoryUserCache::new(PausedClock::new()));
    let store_faults = Arc::new(Faults::none());
    let store = CountedUsers::new();
    let users: Arc<dyn UserRepository> = Arc::clone(&store) as _;
    let users = Faulty::<dyn UserRepository>::new(users, Arc::clone(&store_faults));
    let (service, _) = shared(Arc::new(users), cache);
    let service = Arc::new(service);
    let there = settled(service.get(id(1), Freshness::CACHED)).await;
    assert!(matches!(there, Err(UserError::NotFound)));
    store_faults.arm(Fault::Hang);
    let waiting: Vec<_> = (2..=40)
        .map(|n| {
            let service = Arc::clone(&service);
            tokio::spawn(async move { service.get(id(n), Freshness::CACHED).await })
        })
        .collect();
    settle().await;
    let calls = store_faults.calls();
    let again = settled(service.get(id(1), Freshness::CACHED)).await;
    assert!(matches!(again, Err(UserError::NotFound)));
    assert_eq!(store_faults.calls(), calls, "the cache answered");
    assert!(waiting.iter().all(|reader| !reader.is_finished()));
    store_faults.mend();
    for reader in waiting {
        assert!(matches!(reader.await.unwrap(), Err(UserError::NotFound)));
    }
}

#[tokio::test]
async fn a_miss_looks_up_acquires_reads_and_fills_in_this_order() {
    let mut order = Sequence::new();
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    cache
        .expect_get_many()
        .once()
        .in_sequence(&mut order)
        .returning(|_, _| Ok(stamped(vec![bare(0)])));
    cache
        .expect_acquire_many()
        .once()
        .in_sequence(&mut order)
        .withf(|_, requests| {
            requests.len() == 1 && requests[0].lease.id == id(1) && requests[0].unusable.is_none()
        })
        .returning(|_, _| Ok(stamped(vec![granted(2)])));
    users
        .expect_find_many()
        .once()
        .in_sequence(&mut order)
        .returning(|_| Ok(vec![user(1, 2)]));
    cache
        .expect_fill_many()
        .once()
        .in_sequence(&mut order)
        .withf(|_, fills| {
            let ttl = fills[0].ttl.as_secs();
            matches!(&fills[0].filling, Filling::User(user, _) if user.id == id(1))
                && (3_240..=3_960).contains(&ttl)
        })
        .returning(|_, _| Ok(vec![FillOutcome::Stored]));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let answer = settled(service.get(id(1), Freshness::CACHED))
        .await
        .unwrap();

    // Answered before the fill, of which nothing can be told yet.
    let status = TierStatus::Forwarded {
        reason: ForwardReason::Miss,
        stored: false,
        collapsed: false,
    };
    assert_eq!(answer.trace.l2, Some(status));
}

#[tokio::test]
async fn an_absent_user_is_filled_as_absent_with_the_floor_of_the_grant() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    finds_once(&mut cache, bare(0));
    acquires_once(&mut cache, granted(5));
    users
        .expect_find_many()
        .once()
        .returning(|_| Ok(Vec::new()));
    cache
        .expect_fill_many()
        .once()
        .withf(|_, fills| {
            fills[0].filling == Filling::Absent(UserVersion::new(5)) && fills[0].ttl.as_secs() == 30
        })
        .returning(|_, _| Ok(vec![FillOutcome::Stored]));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let refusal = settled(service.get(id(1), Freshness::CACHED))
        .await
        .unwrap_err();

    assert!(matches!(refusal, UserError::NotFound), "{refusal:?}");
}

#[tokio::test]
async fn a_batch_costs_one_call_each_for_what_is_missing() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    cache
        .expect_get_many()
        .once()
        .withf(|_, ids| ids.len() == 3)
        .returning(|_, _| Ok(stamped(vec![bare(0), value(user(2, 1)), bare(0)])));
    cache
        .expect_acquire_many()
        .once()
        .withf(|_, requests| requests.len() == 2)
        .returning(|_, requests| Ok(stamped(requests.iter().map(|_| granted(0)).collect())));
    users
        .expect_find_many()
        .once()
        .withf(|ids| ids == [id(1), id(3)])
        .returning(|_| Ok(vec![user(3, 1)]));
    cache
        .expect_fill_many()
        .once()
        .withf(|_, fills| fills.len() == 2)
        .returning(|_, fills| Ok(vec![FillOutcome::Stored; fills.len()]));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let answers = service
        .get_many(&[id(1), id(2), id(3), id(2)], Freshness::CACHED)
        .await
        .unwrap();

    let found: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.map(|answer| answer.user.id))
        .collect();
    assert_eq!(found, [None, Some(id(2)), Some(id(3)), Some(id(2))]);
}

#[tokio::test]
async fn bytes_that_cannot_be_used_are_named_when_acquiring() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    finds_once(
        &mut cache,
        CacheLookup::Floor {
            floor: UserVersion::NONE,
            unusable: Some(seen(b"torn")),
        },
    );
    cache
        .expect_acquire_many()
        .once()
        .withf(|_, requests| requests[0].unusable == Some(seen(b"torn")))
        .returning(|_, _| Ok(stamped(vec![granted(0)])));
    reads_once(&mut users, user(1, 1));
    fills_once(&mut cache, FillOutcome::Stored);
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    settled(service.get(id(1), Freshness::CACHED))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_value_below_the_minimum_version_is_loaded_anew() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    finds_once(&mut cache, value(user(1, 3)));
    cache
        .expect_acquire_many()
        .once()
        .withf(|_, requests| requests[0].unusable == Some(seen(b"value")))
        .returning(|_, _| Ok(stamped(vec![granted(3)])));
    reads_once(&mut users, user(1, 4));
    fills_once(&mut cache, FillOutcome::Stored);
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let freshness = Freshness {
        min_version: UserVersion::new(4),
        strong: false,
    };
    let answer = settled(service.get(id(1), freshness)).await.unwrap();

    assert_eq!(answer.user.version, UserVersion::new(4));
    let status = TierStatus::Forwarded {
        reason: ForwardReason::Stale,
        stored: false,
        collapsed: false,
    };
    assert_eq!(answer.trace.l2, Some(status));
}

#[tokio::test]
async fn a_lease_is_given_back_when_the_store_fails() {
    let mut order = Sequence::new();
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    finds_once(&mut cache, bare(0));
    acquires_once(&mut cache, granted(0));
    users
        .expect_find_many()
        .once()
        .in_sequence(&mut order)
        .returning(|_| Err(unavailable()));
    cache
        .expect_release_many()
        .once()
        .in_sequence(&mut order)
        .withf(|leases| leases.len() == 1 && leases[0].id == id(1))
        .returning(|_| Ok(()));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let refusal = settled(service.get(id(1), Freshness::CACHED))
        .await
        .unwrap_err();

    assert!(matches!(refusal, UserError::Store(_)), "{refusal:?}");
}

#[tokio::test]
async fn a_panic_in_the_store_gives_the_lease_back_too() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    finds_once(&mut cache, bare(0));
    acquires_once(&mut cache, granted(0));
    users
        .expect_find_many()
        .once()
        .returning(|_| panic!("a bug in an adapter"));
    cache.expect_release_many().once().returning(|_| Ok(()));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let refusal = settled(service.get(id(1), Freshness::CACHED))
        .await
        .unwrap_err();

    assert!(matches!(refusal, UserError::Store(_)), "{refusal:?}");
}

#[tokio::test]
async fn an_update_writes_and_then_invalidates_with_the_new_version() {
    let mut order = Sequence::new();
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    users
        .expect_patch()
        .once()
        .in_sequence(&mut order)
        .returning(|_, _, _, _| {
            Ok(Some(Written {
                user: user(1, 8),
                changed: true,
            }))
        });
    cache
        .expect_invalidate_many()
        .once()
        .in_sequence(&mut order)
        .withf(|floors| {
            floors
                == [Invalidation {
                    id: id(1),
                    floor: UserVersion::new(8),
                }]
        })
        .returning(|_| Ok(vec![true]));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let updated = service.update(id(1), renamed("Ann"), None).await.unwrap();

    assert_eq!(updated.version, UserVersion::new(8));
}

#[tokio::test]
async fn an_update_that_changes_nothing_takes_out_what_a_lost_invalidation_left() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    users.expect_patch().once().returning(|_, _, _, _| {
        Ok(Some(Written {
            user: user(1, 8),
            changed: false,
        }))
    });
    cache
        .expect_invalidate_many()
        .once()
        .withf(|floors| floors[0].floor == UserVersion::new(8))
        .returning(|_| Ok(vec![false]));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let updated = service.update(id(1), renamed("Ann"), None).await.unwrap();

    assert_eq!(updated.version, UserVersion::new(8));
}

#[tokio::test]
async fn inserts_deletes_and_restores_say_which_versions_are_stale() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    users.expect_insert().once().returning(|_| Ok(user(1, 1)));
    users
        .expect_soft_delete()
        .once()
        .returning(|_, _, _| Ok(Some(UserVersion::new(2))));
    users
        .expect_restore()
        .once()
        .returning(|_, _, _| Ok(Some(user(1, 3))));
    users
        .expect_purge()
        .once()
        .returning(|_, _, _| Ok(Some(UserVersion::new(4))));
    let mut order = Sequence::new();
    for floor in [1, 2, 3, 4] {
        cache
            .expect_invalidate_many()
            .once()
            .in_sequence(&mut order)
            .withf(move |floors| {
                floors
                    == [Invalidation {
                        id: id(1),
                        floor: UserVersion::new(floor),
                    }]
            })
            .returning(|_| Ok(vec![true]));
    }
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    service.create(crate::support::draft(1)).await.unwrap();
    service.delete(id(1), None).await.unwrap();
    service.restore(id(1), None).await.unwrap();
    service.purge(id(1), None).await.unwrap();
}
