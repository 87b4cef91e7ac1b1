//! Giving leases back.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::{Acquired, FillOutcome};

use super::{
    acquire, assert_floor, assert_granted, assert_served, fill, invalidate, release, store,
};
use crate::CacheFixture;

pub async fn a_released_key_is_granted_at_once(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    release(fixture, 1).await;
    assert_granted(fixture, 2, 0).await;
}

pub async fn a_released_key_without_a_floor_is_a_new_one(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    release(fixture, 1).await;
    assert_floor(fixture, 0).await;
}

pub async fn a_released_lease_leaves_its_floor(fixture: &dyn CacheFixture) {
    invalidate(fixture, 5).await;
    let granted = acquire(fixture, 1).await;
    assert!(matches!(granted, Acquired::Granted { .. }), "{granted:?}");
    release(fixture, 1).await;
    assert_floor(fixture, 5).await;
}

pub async fn a_release_by_another_holder_leaves_the_lease(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    release(fixture, 2).await;
    assert_eq!(fill(fixture, 1, 3).await, FillOutcome::Stored);
    assert_served(fixture, 3).await;
}

pub async fn a_release_after_the_fill_leaves_the_value(fixture: &dyn CacheFixture) {
    store(fixture, 3).await;
    release(fixture, 9).await;
    assert_served(fixture, 3).await;
}

pub async fn a_fill_after_the_release_is_refused(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    release(fixture, 1).await;
    release(fixture, 1).await;
    assert_eq!(fill(fixture, 1, 3).await, FillOutcome::Refused);
}
