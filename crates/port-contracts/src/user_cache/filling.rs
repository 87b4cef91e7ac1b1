//! Storing what was loaded.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::sync::Arc;

use roster_domain::ports::{AcquireRequest, Acquired, FillOutcome, FillRequest, Filling};

use super::{
    A_WHILE, BRIEFLY, HOLD, ID, TTL, acquire, acquire_for, assert_floor, assert_granted,
    assert_served, expiry, fill, get, invalidate, lease, seen, store, value,
};
use crate::CacheFixture;
use crate::samples::{as_inserted, new_user, user_id};

pub async fn the_holder_fills(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    assert_eq!(fill(fixture, 1, 3).await, FillOutcome::Stored);
    assert_served(fixture, 3).await;
}

pub async fn a_fill_without_a_lease_is_refused(fixture: &dyn CacheFixture) {
    assert_eq!(fill(fixture, 1, 3).await, FillOutcome::Refused);
    assert_floor(fixture, 0).await;
}

pub async fn a_fill_of_another_holder_is_refused(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    assert_eq!(fill(fixture, 2, 3).await, FillOutcome::Refused);
    assert_eq!(fill(fixture, 1, 4).await, FillOutcome::Stored);
    assert_served(fixture, 4).await;
}

pub async fn a_second_fill_is_refused(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    assert_eq!(fill(fixture, 1, 3).await, FillOutcome::Stored);
    assert_eq!(fill(fixture, 1, 4).await, FillOutcome::Refused);
    assert_served(fixture, 3).await;
}

pub async fn a_fill_after_an_invalidation_is_refused(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    invalidate(fixture, 2).await;
    // Not even a version that is not stale: the lease is gone.
    for version in [1, 2, 3] {
        assert_eq!(fill(fixture, 1, version).await, FillOutcome::Refused);
    }
}

pub async fn a_fill_after_a_takeover_is_refused(fixture: &dyn CacheFixture) {
    let first = acquire_for(fixture, 1, BRIEFLY, None).await;
    assert!(matches!(first, Acquired::Granted { .. }), "{first:?}");
    fixture.advance(A_WHILE).await;
    assert_granted(fixture, 2, 0).await;
    assert_eq!(fill(fixture, 1, 3).await, FillOutcome::Refused);
    assert_eq!(fill(fixture, 2, 4).await, FillOutcome::Stored);
    assert_served(fixture, 4).await;
}

pub async fn a_fill_after_the_key_was_lost_is_refused(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    fixture.flush().await;
    assert_eq!(fill(fixture, 1, 3).await, FillOutcome::Refused);
    assert_floor(fixture, 0).await;
}

pub async fn a_value_below_the_floor_is_a_stale_source(fixture: &dyn CacheFixture) {
    invalidate(fixture, 5).await;
    let granted = acquire(fixture, 1).await;
    assert!(matches!(granted, Acquired::Granted { .. }), "{granted:?}");
    assert_eq!(fill(fixture, 1, 4).await, FillOutcome::StaleSource);
}

pub async fn a_stale_source_leaves_the_floor(fixture: &dyn CacheFixture) {
    invalidate(fixture, 5).await;
    let granted = acquire(fixture, 1).await;
    assert!(matches!(granted, Acquired::Granted { .. }), "{granted:?}");
    fill(fixture, 1, 4).await;
    assert_floor(fixture, 5).await;
    // The lease ended with it.
    let next = acquire(fixture, 2).await;
    assert!(matches!(next, Acquired::Granted { .. }), "{next:?}");
}

pub async fn a_value_at_the_floor_is_stored(fixture: &dyn CacheFixture) {
    invalidate(fixture, 5).await;
    let granted = acquire(fixture, 1).await;
    assert!(matches!(granted, Acquired::Granted { .. }), "{granted:?}");
    assert_eq!(fill(fixture, 1, 5).await, FillOutcome::Stored);
    assert_served(fixture, 5).await;
}

pub async fn a_value_is_not_replaced_by_an_older_one(fixture: &dyn CacheFixture) {
    store(fixture, 5).await;
    let unusable = Some(seen(get(fixture, ID).await));
    let granted = acquire_for(fixture, 1, HOLD, unusable).await;
    assert!(matches!(granted, Acquired::Granted { .. }), "{granted:?}");
    assert_eq!(fill(fixture, 1, 4).await, FillOutcome::StaleSource);
    assert_floor(fixture, 5).await;
}

pub async fn each_fill_of_a_batch_has_its_own_outcome(fixture: &dyn CacheFixture) {
    let other = user_id(2);
    let requests = [ID, other].map(|id| AcquireRequest {
        lease: lease(id, 1),
        hold_for: HOLD,
        unusable: None,
        likely_absent: false,
    });
    let (cache, namespace) = (fixture.cache(), fixture.namespace());
    let acquired = cache.acquire_many(namespace, &requests).await.unwrap();
    let granted = |acquired: &Acquired| matches!(acquired, Acquired::Granted { .. });
    assert!(acquired.reply.iter().all(granted), "{acquired:?}");
    let second = Filling::User(Arc::new(as_inserted(&new_user(2))), expiry());
    let fills = [
        (lease(other, 1), second),
        (lease(ID, 2), value(1)),
        (lease(ID, 1), value(1)),
    ]
    .map(|(lease, filling)| FillRequest {
        lease,
        filling,
        ttl: TTL,
    });
    let outcomes = cache.fill_many(namespace, &fills).await.unwrap();
    let expected = [
        FillOutcome::Stored,
        FillOutcome::Refused,
        FillOutcome::Stored,
    ];
    assert_eq!(outcomes, expected);
    assert_served(fixture, 1).await;
}
