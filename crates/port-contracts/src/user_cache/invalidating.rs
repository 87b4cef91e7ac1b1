//! Saying that versions are stale.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::{Acquired, CacheLookup, FillOutcome};

use super::{
    ID, acquire, assert_floor, assert_granted, assert_served, fill, get, invalidate, store,
    store_absence,
};
use crate::CacheFixture;

pub async fn an_invalidation_removes_an_older_value(fixture: &dyn CacheFixture) {
    store(fixture, 3).await;
    assert!(invalidate(fixture, 4).await);
    let found = get(fixture, ID).await;
    assert!(matches!(found, CacheLookup::Floor { .. }), "{found:?}");
}

pub async fn an_invalidation_of_a_value_leaves_its_floor(fixture: &dyn CacheFixture) {
    store(fixture, 3).await;
    assert!(invalidate(fixture, 5).await);
    assert_floor(fixture, 5).await;
}

pub async fn an_invalidation_keeps_a_value_at_its_floor(fixture: &dyn CacheFixture) {
    store(fixture, 4).await;
    for floor in [1, 4] {
        assert!(!invalidate(fixture, floor).await, "{floor}");
        assert_served(fixture, 4).await;
    }
}

pub async fn an_invalidation_ends_an_absence(fixture: &dyn CacheFixture) {
    store_absence(fixture).await;
    assert!(invalidate(fixture, 1).await);
    let found = get(fixture, ID).await;
    assert!(matches!(found, CacheLookup::Floor { .. }), "{found:?}");
}

pub async fn an_invalidation_destroys_a_lease(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    assert!(invalidate(fixture, 2).await);
    let next = acquire(fixture, 2).await;
    assert!(matches!(next, Acquired::Granted { .. }), "{next:?}");
}

pub async fn an_invalidation_leaves_its_floor_on_a_new_key(fixture: &dyn CacheFixture) {
    assert!(invalidate(fixture, 3).await);
    assert_floor(fixture, 3).await;
}

pub async fn a_repeated_invalidation_changes_nothing(fixture: &dyn CacheFixture) {
    invalidate(fixture, 3).await;
    assert!(!invalidate(fixture, 3).await);
    assert_floor(fixture, 3).await;
}

pub async fn a_lower_floor_changes_nothing(fixture: &dyn CacheFixture) {
    invalidate(fixture, 3).await;
    assert!(!invalidate(fixture, 2).await);
    assert_floor(fixture, 3).await;
}

pub async fn a_higher_floor_is_kept(fixture: &dyn CacheFixture) {
    invalidate(fixture, 3).await;
    assert!(invalidate(fixture, 9).await);
    assert_floor(fixture, 9).await;
}

pub async fn a_repeated_invalidation_spares_a_later_lease(fixture: &dyn CacheFixture) {
    invalidate(fixture, 3).await;
    let granted = acquire(fixture, 1).await;
    assert!(matches!(granted, Acquired::Granted { .. }), "{granted:?}");
    assert!(!invalidate(fixture, 3).await);
    assert_eq!(fill(fixture, 1, 3).await, FillOutcome::Stored);
}

pub async fn versions_are_compared_to_the_last_digit(fixture: &dyn CacheFixture) {
    // Beyond 2^53 a double has no odd numbers, beyond 2^63 a signed number is negative.
    for last in [9, 0x10, 1 << 53, 1 << 63, u64::MAX - 1] {
        let next = last + 1;
        assert!(invalidate(fixture, last).await, "{last}");
        let granted = acquire(fixture, 1).await;
        assert!(matches!(granted, Acquired::Granted { .. }), "{granted:?}");
        assert_eq!(fill(fixture, 1, last).await, FillOutcome::Stored);
        assert!(!invalidate(fixture, last).await, "{last}");
        assert_served(fixture, last).await;
        assert!(invalidate(fixture, next).await, "{last}");
        fixture.flush().await;
        assert!(invalidate(fixture, last).await, "{last}");
        assert!(invalidate(fixture, next).await, "{last}");
        assert_floor(fixture, next).await;
        fixture.flush().await;
    }
}
