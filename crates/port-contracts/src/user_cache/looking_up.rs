//! What is stored for a user.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::sync::Arc;

use roster_domain::ports::{Acquired, CacheLookup, FillOutcome, Filling};
use roster_domain::{Timestamp, User};

use super::{
    A_WHILE, BRIEFLY, ID, NOTHING, TTL, acquire, assert_floor, assert_granted, assert_served,
    expiry, fill_with, get, invalidate, store, store_absence, user, value,
};
use crate::CacheFixture;
use crate::samples::{as_inserted, new_user, user_id, version};

pub async fn nothing_is_known_of_a_new_key(fixture: &dyn CacheFixture) {
    assert_floor(fixture, 0).await;
}

pub async fn a_value_comes_back_as_it_was_filled(fixture: &dyn CacheFixture) {
    let plain = as_inserted(&new_user(1));
    let inactive = User {
        is_active: false,
        updated_at: Timestamp::parse_rfc3339("9999-12-31T23:59:59.999999Z").unwrap(),
        created_at: Timestamp::parse_rfc3339("0000-01-01T00:00:00Z").unwrap(),
        version: version(2),
        ..plain.clone()
    };
    for stored in [plain, inactive, (*user(3)).clone()] {
        let expires_at = Timestamp::from_unix_micros(1_767_225_600_123_456).unwrap();
        let granted = acquire(fixture, 1).await;
        assert!(matches!(granted, Acquired::Granted { .. }), "{granted:?}");
        let filling = Filling::User(Arc::new(stored.clone()), expires_at);
        let filled = fill_with(fixture, 1, filling, TTL).await;
        assert_eq!(filled, FillOutcome::Stored);
        match get(fixture, ID).await {
            CacheLookup::Value {
                user,
                expires_at: until,
                ..
            } => {
                assert_eq!(*user, stored);
                assert_eq!(user.email.as_str(), stored.email.as_str());
                assert_eq!(until, expires_at);
            }
            other => panic!("{other:?}"),
        }
        invalidate(fixture, stored.version.next().get()).await;
    }
}

pub async fn an_absence_comes_back_with_its_floor(fixture: &dyn CacheFixture) {
    for floor in [0, 5] {
        fixture.flush().await;
        if floor > 0 {
            invalidate(fixture, floor).await;
        }
        store_absence(fixture).await;
        match get(fixture, ID).await {
            CacheLookup::Absent { floor: known, .. } => assert_eq!(known, version(floor)),
            other => panic!("{other:?}"),
        }
    }
}

pub async fn a_batch_is_answered_in_its_order(fixture: &dyn CacheFixture) {
    store(fixture, 3).await;
    let ids = [user_id(7), ID, user_id(8), ID];
    let stamped = fixture.cache().get_many(fixture.namespace(), &ids).await;
    let served: Vec<_> = stamped.unwrap().reply.iter().map(super::served).collect();
    assert_eq!(served, [None, Some(user(3)), None, Some(user(3))]);
}

pub async fn a_batch_of_none_is_answered_with_none(fixture: &dyn CacheFixture) {
    let (cache, namespace) = (fixture.cache(), fixture.namespace());
    let found = cache.get_many(namespace, &[]).await.unwrap();
    assert_eq!(found.reply, []);
    let acquired = cache.acquire_many(namespace, &[]).await.unwrap();
    assert_eq!(acquired.reply, []);
    assert_eq!(cache.fill_many(namespace, &[]).await.unwrap(), []);
    cache.release_many(&[]).await.unwrap();
    assert_eq!(cache.invalidate_many(&[]).await.unwrap(), [false; 0]);
    cache.evict_many(&[]).await.unwrap();
}

pub async fn values_end_with_their_time(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    let filled = fill_with(fixture, 1, value(1), BRIEFLY).await;
    assert_eq!(filled, FillOutcome::Stored);
    fixture.advance(A_WHILE).await;
    assert_floor(fixture, 0).await;
}

pub async fn absences_end_with_their_time(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    let filled = fill_with(fixture, 1, Filling::Absent(NOTHING), BRIEFLY).await;
    assert_eq!(filled, FillOutcome::Stored);
    fixture.advance(A_WHILE).await;
    assert_floor(fixture, 0).await;
}

pub async fn a_key_that_was_lost_is_a_new_one(fixture: &dyn CacheFixture) {
    store(fixture, 4).await;
    fixture.flush().await;
    assert_granted(fixture, 1, 0).await;
    let filled = fill_with(fixture, 1, Filling::User(user(2), expiry()), TTL).await;
    assert_eq!(filled, FillOutcome::Stored);
    assert_served(fixture, 2).await;
}
