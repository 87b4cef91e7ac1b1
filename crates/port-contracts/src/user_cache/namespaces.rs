//! What others stored.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::UserVersion;
use roster_domain::ports::{AcquireRequest, Acquired, CacheLookup, CacheNamespace, FillOutcome};

use super::{
    HOLD, ID, acquire, acquire_for, assert_floor, assert_served, fill, get, get_in, invalidate,
    lease, seen, store, store_absence,
};
use crate::CacheFixture;

pub async fn a_value_of_another_epoch_is_passed_over(fixture: &dyn CacheFixture) {
    store(fixture, 3).await;
    assert_passed_over(fixture, other_epoch(fixture)).await;
    assert_served(fixture, 3).await;
}

pub async fn a_value_of_another_database_is_passed_over(fixture: &dyn CacheFixture) {
    store(fixture, 3).await;
    let mut other = fixture.namespace();
    other.database ^= 1;
    assert_passed_over(fixture, other).await;
    assert_served(fixture, 3).await;
}

pub async fn an_absence_of_another_epoch_is_passed_over(fixture: &dyn CacheFixture) {
    store_absence(fixture).await;
    assert_passed_over(fixture, other_epoch(fixture)).await;
    let found = get(fixture, ID).await;
    assert!(matches!(found, CacheLookup::Absent { .. }), "{found:?}");
}

pub async fn what_is_passed_over_is_granted_when_it_is_named(fixture: &dyn CacheFixture) {
    store(fixture, 3).await;
    let other = other_epoch(fixture);
    let unusable = seen(get_in(fixture, other, ID).await);
    let mut request = AcquireRequest {
        lease: lease(ID, 1),
        hold_for: HOLD,
        unusable: None,
        likely_absent: false,
    };
    let cache = fixture.cache();
    // Without the bytes, they are answered, to be named in the next request.
    let acquired = cache.acquire_many(other, &[request.clone()]).await.unwrap();
    match super::one(acquired.reply) {
        Acquired::Found(found) => assert_eq!(seen(found), unusable),
        other => panic!("{other:?}"),
    }
    request.unusable = Some(unusable);
    let acquired = cache.acquire_many(other, &[request]).await.unwrap();
    // A stranger's version says nothing about this row.
    let floor = UserVersion::NONE;
    assert_eq!(super::one(acquired.reply), Acquired::Granted { floor });
}

pub async fn foreign_bytes_are_a_miss(fixture: &dyn CacheFixture) {
    for bytes in junk() {
        if !fixture.store_foreign(ID, bytes).await {
            return;
        }
        match get(fixture, ID).await {
            CacheLookup::Floor {
                unusable: Some(_), ..
            } => {}
            other => panic!("{bytes:?}: {other:?}"),
        }
        match acquire(fixture, 1).await {
            Acquired::Found(CacheLookup::Floor {
                unusable: Some(_), ..
            }) => {}
            other => panic!("{bytes:?}: {other:?}"),
        }
    }
}

pub async fn foreign_bytes_are_granted_when_they_are_named(fixture: &dyn CacheFixture) {
    for bytes in junk() {
        if !fixture.store_foreign(ID, bytes).await {
            return;
        }
        let unusable = Some(seen(get(fixture, ID).await));
        let granted = acquire_for(fixture, 1, HOLD, unusable).await;
        assert!(matches!(granted, Acquired::Granted { .. }), "{granted:?}");
        assert_eq!(fill(fixture, 1, 3).await, FillOutcome::Stored);
        assert_served(fixture, 3).await;
    }
}

pub async fn foreign_bytes_end_with_an_invalidation(fixture: &dyn CacheFixture) {
    for bytes in junk() {
        if !fixture.store_foreign(ID, bytes).await {
            return;
        }
        assert!(invalidate(fixture, 5).await, "{bytes:?}");
        assert_floor(fixture, 5).await;
        fixture.flush().await;
    }
}

fn other_epoch(fixture: &dyn CacheFixture) -> CacheNamespace {
    let mut other = fixture.namespace();
    other.epoch ^= 1;
    other
}

async fn assert_passed_over(fixture: &dyn CacheFixture, namespace: CacheNamespace) {
    let found = get_in(fixture, namespace, ID).await;
    let unusable = matches!(
        found,
        CacheLookup::Floor {
            unusable: Some(_),
            ..
        }
    );
    assert!(unusable, "{found:?}");
}

/// Nothing that a release could have written: none begins with a letter that is a tag.
fn junk() -> [&'static [u8]; 5] {
    [
        b"{\"id\":1}",
        b"x",
        b"\0\xff\xfe",
        b"x0000000000000009",
        &[b'9'; 300],
    ]
}
