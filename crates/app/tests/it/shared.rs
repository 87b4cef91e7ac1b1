//! The service over a shared cache in memory: what callers see.

use std::sync::Arc;
use std::time::Duration;

use roster_adapters_memory::MemoryUserCache;
use roster_app::{CacheEvent, Freshness, UserError, UserService};
use roster_domain::UserVersion;
use roster_domain::ports::{AcquireRequest, Lease, LeaseToken, UserCache};

use crate::support::{
    CountedUsers, Events, NAMESPACE, PausedClock, draft, id, is_hit, renamed, settle, settled,
    shared, shared_with, third_joins_second,
};

struct World {
    users: Arc<CountedUsers>,
    cache: Arc<MemoryUserCache>,
    service: Arc<UserService>,
    events: Arc<Events>,
}

fn world() -> World {
    let users = CountedUsers::new();
    let cache = Arc::new(MemoryUserCache::new(PausedClock::new()));
    let writes = users.writes();
    let (service, events) = shared_with(Arc::clone(&users) as _, writes, Arc::clone(&cache) as _);
    World {
        users,
        cache,
        service: Arc::new(service),
        events,
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_read_is_answered_by_the_cache() {
    let World { users, service, .. } = world();
    service.create(draft(1)).await.unwrap();

    settled(service.get(id(1), Freshness::CACHED))
        .await
        .unwrap();
    let second = service.get(id(1), Freshness::CACHED).await.unwrap();

    assert_eq!(users.reads(), 1);
    assert!(is_hit(second.trace), "{:?}", second.trace);
}

#[tokio::test(start_paused = true)]
async fn not_found_is_cached_and_ends_with_the_insert() {
    let World { users, service, .. } = world();
    for _ in 0..3 {
        let refusal = service.get(id(1), Freshness::CACHED).await.unwrap_err();
        assert!(matches!(refusal, UserError::NotFound), "{refusal:?}");
    }
    assert_eq!(users.reads(), 1);

    service.create(draft(1)).await.unwrap();

    assert_eq!(
        service
            .get(id(1), Freshness::CACHED)
            .await
            .unwrap()
            .user
            .version,
        UserVersion::FIRST
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_is_in_the_next_read_of_every_process() {
    let World {
        users,
        cache,
        service,
        ..
    } = world();
    let (other, _) = shared(Arc::clone(&users) as _, cache as _);
    service.create(draft(1)).await.unwrap();
    for round in 0..20 {
        let name = format!("Round {round}");
        other.get(id(1), Freshness::CACHED).await.unwrap();
        service.update(id(1), renamed(&name), None).await.unwrap();
        for service in [&*service, &other] {
            assert_eq!(
                service
                    .get(id(1), Freshness::CACHED)
                    .await
                    .unwrap()
                    .user
                    .name
                    .as_str(),
                name
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_absence_that_is_being_filled_does_not_outlive_a_restore() {
    let World { users, service, .. } = world();
    service.create(draft(1)).await.unwrap();
    service.delete(id(1), None).await.unwrap();
    users.hold();
    let absent = {
        let service = Arc::clone(&service);
        tokio::spawn(async move { service.get(id(1), Freshness::CACHED).await })
    };
    settle().await;
    service.restore(id(1), None).await.unwrap();
    users.let_go();

    assert!(matches!(absent.await.unwrap(), Err(UserError::NotFound)));
    assert!(service.get(id(1), Freshness::CACHED).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn without_a_shared_cache_nobody_joins_a_read_that_has_begun() {
    let users = CountedUsers::new();
    let (service, _) = crate::support::coalescing(Arc::clone(&users) as _);
    let (service, other) = (
        Arc::new(service),
        crate::support::coalescing(Arc::clone(&users) as _).0,
    );
    service.create(draft(1)).await.unwrap();
    users.hold();
    let get = || {
        let service = Arc::clone(&service);
        tokio::spawn(async move { service.get(id(1), Freshness::CACHED).await.unwrap() })
    };
    let early = get();
    settle().await;
    other.update(id(1), renamed("New"), None).await.unwrap();
    let late = get();
    settle().await;
    users.let_go();

    assert_eq!(early.await.unwrap().user.name.as_str(), "User 1");
    assert_eq!(late.await.unwrap().user.name.as_str(), "New");
}

#[tokio::test(start_paused = true)]
async fn without_a_shared_cache_who_comes_joins_the_read_that_waits_for_its_turn() {
    let users = CountedUsers::new();
    let (service, events) = crate::support::coalescing(Arc::clone(&users) as _);
    service.create(draft(1)).await.unwrap();
    third_joins_second(&users, Arc::new(service), &events).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_of_a_cold_key_cost_one_read() {
    let World { users, service, .. } = world();
    service.create(draft(1)).await.unwrap();
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let service = Arc::clone(&service);
            tokio::spawn(async move { service.get(id(1), Freshness::CACHED).await.unwrap() })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(users.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_cancels_nothing() {
    let World { users, service, .. } = world();
    service.create(draft(1)).await.unwrap();
    users.hold();
    let get = |service: &Arc<UserService>| {
        let service = Arc::clone(service);
        tokio::spawn(async move { service.get(id(1), Freshness::CACHED).await })
    };
    let (first, second) = (get(&service), get(&service));
    settle().await;
    first.abort();
    users.let_go();

    assert!(second.await.unwrap().is_ok());
    assert_eq!(users.reads(), 1);
    let third = service.get(id(1), Freshness::CACHED).await.unwrap();
    assert!(is_hit(third.trace), "the fill went on: {:?}", third.trace);
}

#[tokio::test(start_paused = true)]
async fn who_asks_after_an_invalidation_does_not_join_the_load_from_before() {
    let World { users, service, .. } = world();
    service.create(draft(1)).await.unwrap();
    users.hold();
    let early = {
        let service = Arc::clone(&service);
        tokio::spawn(async move { service.get(id(1), Freshness::CACHED).await.unwrap() })
    };
    settle().await;
    assert_eq!(
        users.reads(),
        1,
        "the early load has read the old row and is held"
    );

    service.update(id(1), renamed("New"), None).await.unwrap();
    *users.held.lock().unwrap() = false;
    let late = service.get(id(1), Freshness::CACHED);
    let late = tokio::time::timeout(Duration::from_secs(1), late).await;
    let late = late.expect("it does not wait for the early load").unwrap();
    assert_eq!(late.user.name.as_str(), "New");

    users.let_go();
    assert_eq!(
        early.await.unwrap().user.name.as_str(),
        "User 1",
        "it asked before the update was answered"
    );
    let after = service.get(id(1), Freshness::CACHED).await.unwrap();
    assert_eq!(
        after.user.name.as_str(),
        "New",
        "the old row was not filled in"
    );
}

#[tokio::test(start_paused = true)]
async fn who_joined_after_the_store_was_asked_starts_again_when_the_fill_is_refused() {
    let World { users, service, .. } = world();
    service.create(draft(1)).await.unwrap();
    users.hold();
    let get = || {
        let service = Arc::clone(&service);
        tokio::spawn(async move { service.get(id(1), Freshness::CACHED).await.unwrap() })
    };
    let early = get();
    settle().await;
    let joined = get();
    settle().await;
    assert_eq!(users.reads(), 1, "the second caller has joined");

    service.update(id(1), renamed("New"), None).await.unwrap();
    users.let_go();

    assert_eq!(early.await.unwrap().user.name.as_str(), "User 1");
    assert_eq!(joined.await.unwrap().user.name.as_str(), "New");
    assert_eq!(users.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_polls_and_takes_what_the_other_process_filled() {
    let World {
        users,
        cache,
        service,
        events,
    } = world();
    let (other, _) = shared(Arc::clone(&users) as _, cache as _);
    service.create(draft(1)).await.unwrap();
    users.hold();
    let loading = tokio::spawn(async move { other.get(id(1), Freshness::CACHED).await.unwrap() });
    settle().await;
    let waiting = {
        let service = Arc::clone(&service);
        tokio::spawn(async move { service.get(id(1), Freshness::CACHED).await.unwrap() })
    };
    settle().await;
    users.let_go();
    loading.await.unwrap();

    let answer = waiting.await.unwrap();

    assert_eq!(users.reads(), 1);
    assert!(is_hit(answer.trace), "{:?}", answer.trace);
    let served = |event: &CacheEvent| matches!(event, CacheEvent::LeaseWaited { served: true, .. });
    assert_eq!(events.count(served), 1);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_gives_up_after_50_ms_and_reads_without_filling() {
    let World {
        users,
        cache,
        service,
        events,
    } = world();
    service.create(draft(1)).await.unwrap();
    let lease = Lease {
        id: id(1),
        token: LeaseToken([9; 16]),
    };
    let request = AcquireRequest {
        lease,
        hold_for: Duration::from_secs(2),
        unusable: None,
        likely_absent: false,
    };
    cache.acquire_many(NAMESPACE, &[request]).await.unwrap();

    service.get(id(1), Freshness::CACHED).await.unwrap();

    assert_eq!(users.reads(), 1);
    let waited = |event: &CacheEvent| matches!(event, CacheEvent::LeaseWaited { waited, served: false } if waited.as_millis() == 50);
    assert_eq!(events.count(waited), 1);
    assert_eq!(
        events.count(|event| matches!(event, CacheEvent::Filled(_))),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_whose_holder_died_is_taken_over_after_its_time() {
    let World { cache, service, .. } = world();
    service.create(draft(1)).await.unwrap();
    let lease = Lease {
        id: id(1),
        token: LeaseToken([9; 16]),
    };
    let request = AcquireRequest {
        lease,
        hold_for: Duration::from_secs(2),
        unusable: None,
        likely_absent: false,
    };
    cache.acquire_many(NAMESPACE, &[request]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;

    settled(service.get(id(1), Freshness::CACHED))
        .await
        .unwrap();
    let second = service.get(id(1), Freshness::CACHED).await.unwrap();

    assert!(is_hit(second.trace), "{:?}", second.trace);
}

#[tokio::test(start_paused = true)]
async fn a_forced_read_corrects_the_cache() {
    let World { users, service, .. } = world();
    service.create(draft(1)).await.unwrap();
    service.get(id(1), Freshness::CACHED).await.unwrap();
    // Changed behind the service's back, as by SQL written by hand.
    let patch = renamed("By hand").profile;
    roster_domain::ports::UserRepository::patch(
        &*users,
        id(1),
        &patch,
        None,
        roster_domain::Timestamp::UNIX_EPOCH,
    )
    .await
    .unwrap();
    assert_eq!(
        service
            .get(id(1), Freshness::CACHED)
            .await
            .unwrap()
            .user
            .name
            .as_str(),
        "User 1"
    );

    assert_eq!(
        service
            .get(id(1), Freshness::STRONG)
            .await
            .unwrap()
            .user
            .name
            .as_str(),
        "By hand"
    );

    assert_eq!(
        service
            .get(id(1), Freshness::CACHED)
            .await
            .unwrap()
            .user
            .name
            .as_str(),
        "By hand"
    );
}

#[tokio::test(start_paused = true)]
async fn a_minimum_version_that_the_primary_has_not_reached_is_said_so() {
    let World { service, .. } = world();
    service.create(draft(1)).await.unwrap();
    let freshness = Freshness {
        min_version: UserVersion::new(9),
        strong: false,
    };

    let refusal = service.get(id(1), freshness).await.unwrap_err();

    assert!(
        matches!(refusal, UserError::VersionAhead { current } if current == UserVersion::FIRST),
        "{refusal:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_address_leads_to_its_user_also_right_after_it_moved() {
    let World { service, .. } = world();
    service.create(draft(1)).await.unwrap();
    service.get(id(1), Freshness::CACHED).await.unwrap();
    let old = "user-1@example.com".parse().unwrap();
    let new: roster_domain::Email = "Ann@Example.org".parse().unwrap();
    let patch = roster_domain::UserPatch {
        email: Some(new.clone()),
        ..Default::default()
    };

    service.update(id(1), patch, None).await.unwrap();

    assert_eq!(
        service
            .find_by_email(&new, Freshness::CACHED)
            .await
            .unwrap()
            .user
            .id,
        id(1)
    );
    let refusal = service
        .find_by_email(&old, Freshness::CACHED)
        .await
        .unwrap_err();
    assert!(matches!(refusal, UserError::NotFound), "{refusal:?}");
}
