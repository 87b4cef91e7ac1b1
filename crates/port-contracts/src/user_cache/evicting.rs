//! Taking keys away.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::FillOutcome;

use super::{
    ID, assert_floor, assert_granted, assert_served, fill, get, invalidate, store, store_absence,
};
use crate::CacheFixture;
use crate::samples::user_id;

pub async fn an_evicted_key_is_a_miss(fixture: &dyn CacheFixture) {
    store(fixture, 3).await;
    evict(fixture).await;
    let found = get(fixture, ID).await;
    assert_eq!(super::served(&found), None, "{found:?}");
}

pub async fn an_evicted_absence_is_a_miss(fixture: &dyn CacheFixture) {
    store_absence(fixture).await;
    evict(fixture).await;
    assert_floor(fixture, 0).await;
}

pub async fn an_evicted_key_is_granted_without_a_floor(fixture: &dyn CacheFixture) {
    invalidate(fixture, 5).await;
    evict(fixture).await;
    assert_granted(fixture, 1, 0).await;
}

pub async fn a_fill_after_the_eviction_is_refused(fixture: &dyn CacheFixture) {
    assert_granted(fixture, 1, 0).await;
    evict(fixture).await;
    assert_eq!(fill(fixture, 1, 3).await, FillOutcome::Refused);
}

pub async fn an_eviction_leaves_other_keys(fixture: &dyn CacheFixture) {
    store(fixture, 3).await;
    let others = [user_id(7), user_id(8)];
    fixture.cache().evict_many(&others).await.unwrap();
    assert_served(fixture, 3).await;
}

pub async fn an_eviction_of_nothing_is_done(fixture: &dyn CacheFixture) {
    evict(fixture).await;
    store(fixture, 3).await;
    evict(fixture).await;
    evict(fixture).await;
    assert_floor(fixture, 0).await;
}

async fn evict(fixture: &dyn CacheFixture) {
    let ids = [user_id(7), ID];
    fixture.cache().evict_many(&ids).await.unwrap();
}
