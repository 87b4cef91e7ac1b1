//! Asking for the right to load.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use futures::future::join_all;
use roster_domain::ports::{Acquired, CacheLookup, FillOutcome};

use super::{
    A_WHILE, BRIEFLY, HOLD, ID, acquire, acquire_for, acquire_guessing, ask, assert_granted,
    assert_served, fill, get, invalidate, seen, served, store, store_absence, user,
};
use crate::CacheFixture;
use crate::samples::version;

pub async fn a_new_key_is_granted(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
}

pub async fn a_granted_key_is_leased(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    let floor = version(0);
    assert_eq!(get(fixture, ID).await, CacheLookup::Leased { floor });
}

pub async fn a_second_holder_waits(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    match acquire(fixture, 2).await {
        Acquired::Wait { remaining } => {
            assert!(remaining > HOLD / 2 && remaining <= HOLD, "{remaining:?}");
        }
        other => panic!("{other:?}"),
    }
}

pub async fn of_concurrent_acquisitions_one_is_granted(fixture: &dyn CacheFixture) {
    let acquired = join_all((1..=16).map(|holder| acquire(fixture, holder))).await;
    let granted = |acquired: &&Acquired| matches!(acquired, Acquired::Granted { .. });
    assert_eq!(acquired.iter().filter(granted).count(), 1, "{acquired:?}");
}

pub async fn a_stored_value_is_found(fixture: &dyn CacheFixture) {
    store(fixture, 3).await;
    match acquire(fixture, 1).await {
        Acquired::Found(found) => assert_eq!(served(&found), Some(user(3))),
        other => panic!("{other:?}"),
    }
    assert_served(fixture, 3).await;
}

pub async fn a_stored_absence_is_found(fixture: &dyn CacheFixture) {
    store_absence(fixture).await;
    let acquired = acquire(fixture, 1).await;
    let absent = matches!(acquired, Acquired::Found(CacheLookup::Absent { .. }));
    assert!(absent, "{acquired:?}");
}

pub async fn a_value_named_as_unusable_is_granted(fixture: &dyn CacheFixture) {
    store(fixture, 3).await;
    let unusable = Some(seen(get(fixture, ID).await));
    let acquired = acquire_for(fixture, 1, HOLD, unusable).await;
    // The version that was there is known: nothing older may take its place.
    let floor = version(3);
    assert_eq!(acquired, Acquired::Granted { floor });
}

pub async fn an_absence_named_as_unusable_is_granted(fixture: &dyn CacheFixture) {
    store_absence(fixture).await;
    let unusable = Some(seen(get(fixture, ID).await));
    let acquired = acquire_for(fixture, 1, HOLD, unusable).await;
    assert!(matches!(acquired, Acquired::Granted { .. }), "{acquired:?}");
}

pub async fn a_guess_of_absence_changes_no_answer(fixture: &dyn CacheFixture) {
    let floor = version(0);
    let granted = acquire_guessing(fixture, 1).await;
    assert_eq!(granted, Acquired::Granted { floor });
    for guesses in [true, false] {
        let second = if guesses {
            acquire_guessing(fixture, 2).await
        } else {
            acquire(fixture, 2).await
        };
        match second {
            Acquired::Wait { remaining } => {
                assert!(remaining > HOLD / 2 && remaining <= HOLD, "{remaining:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(get(fixture, ID).await, CacheLookup::Leased { floor });
    assert_eq!(fill(fixture, 2, 3).await, FillOutcome::Refused);
    assert_eq!(fill(fixture, 1, 3).await, FillOutcome::Stored);
    match acquire_guessing(fixture, 2).await {
        Acquired::Found(found) => assert_eq!(served(&found), Some(user(3))),
        other => panic!("{other:?}"),
    }
    fixture.flush().await;
    invalidate(fixture, 5).await;
    let granted = acquire_guessing(fixture, 2).await;
    let floor = version(5);
    assert_eq!(granted, Acquired::Granted { floor });
    fixture.flush().await;
    let brief = ask(fixture, 4, BRIEFLY, None, true).await;
    assert!(matches!(brief, Acquired::Granted { .. }), "{brief:?}");
    fixture.advance(A_WHILE).await;
    assert_granted(fixture, 5, 0).await;
    assert_eq!(
        fill(fixture, 4, 6).await,
        FillOutcome::Refused,
        "it has ended"
    );
}

pub async fn a_value_that_was_replaced_since_it_was_named_is_found(fixture: &dyn CacheFixture) {
    store(fixture, 3).await;
    let unusable = Some(seen(get(fixture, ID).await));
    invalidate(fixture, 4).await;
    store(fixture, 4).await;
    match acquire_for(fixture, 1, HOLD, unusable).await {
        Acquired::Found(found) => assert_eq!(served(&found), Some(user(4))),
        other => panic!("{other:?}"),
    }
}

pub async fn an_expired_lease_is_taken_over(fixture: &dyn CacheFixture) {
    // Over a floor, whose key outlives the lease: the deadline must free it.
    invalidate(fixture, 2).await;
    let first = acquire_for(fixture, 1, BRIEFLY, None).await;
    assert!(matches!(first, Acquired::Granted { .. }), "{first:?}");
    fixture.advance(A_WHILE).await;
    let second = acquire(fixture, 2).await;
    assert!(matches!(second, Acquired::Granted { .. }), "{second:?}");
    fill(fixture, 2, 5).await;
    assert_served(fixture, 5).await;
}

pub async fn an_expired_lease_keeps_its_floor(fixture: &dyn CacheFixture) {
    invalidate(fixture, 7).await;
    let first = acquire_for(fixture, 1, BRIEFLY, None).await;
    assert!(matches!(first, Acquired::Granted { .. }), "{first:?}");
    fixture.advance(A_WHILE).await;
    match get(fixture, ID).await {
        // Only the next acquisition need know that the time is over.
        CacheLookup::Leased { floor } | CacheLookup::Floor { floor, .. } => {
            assert_eq!(floor, version(7));
        }
        other => panic!("{other:?}"),
    }
}

pub async fn a_grant_carries_the_floor(fixture: &dyn CacheFixture) {
    invalidate(fixture, 6).await;
    assert_granted(fixture, 1, 6).await;
    let floor = version(6);
    assert_eq!(get(fixture, ID).await, CacheLookup::Leased { floor });
}
