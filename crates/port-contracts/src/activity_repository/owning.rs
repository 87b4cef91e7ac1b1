//! Whose activities are whose.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::pagination::PageRequest;
use roster_domain::{ActivityFilter, UserId};

use super::{appended, counted, newest, user_with};
use crate::StoreFixture;
use crate::samples::{activity, later, user_id};

pub async fn an_activity_id_is_unique_within_its_user_only(store: &dyn StoreFixture) {
    let (one, two) = (user_with(store, 1, 1).await, user_with(store, 2, 0).await);
    let answer = store.activities().append(two, &[activity(1)]).await;
    assert_eq!(answer.unwrap(), Some(vec![true]));
    for user in [one, two] {
        assert_eq!(newest(store, user).await, [appended(1)]);
        assert_eq!(counted(store, user).await, 1);
    }
}

pub async fn the_activities_of_another_user_are_not_there(store: &dyn StoreFixture) {
    user_with(store, 1, 3).await;
    let two = user_with(store, 2, 0).await;
    assert_eq!(newest(store, two).await, []);
    let (all, first) = (ActivityFilter::default(), PageRequest::default());
    let listed = store.activities().list(two, &all, &first).await;
    assert_eq!(listed.unwrap().unwrap().items, []);
    assert_eq!(counted(store, two).await, 0);
}

pub async fn activities_of_nobody_are_none(store: &dyn StoreFixture) {
    user_with(store, 1, 1).await;
    assert_none(store, user_id(2)).await;
}

pub async fn activities_of_a_deleted_user_are_none(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 1).await;
    let deleted = store.users().soft_delete(user, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    assert_none(store, user).await;
}

pub async fn an_append_for_a_deleted_user_stores_nothing(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 1).await;
    let deleted = store.users().soft_delete(user, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    let refused = store.activities().append(user, &[activity(2)]).await;
    assert_eq!(refused.unwrap(), None);
    let restored = store.users().restore(user, None, later(2)).await;
    assert!(restored.unwrap().is_some());
    assert_eq!(newest(store, user).await, [appended(1)]);
    assert_eq!(counted(store, user).await, 1);
}

async fn assert_none(store: &dyn StoreFixture, user: UserId) {
    let activities = store.activities();
    let (all, first) = (ActivityFilter::default(), PageRequest::default());
    let listed = activities.list(user, &all, &first).await.unwrap();
    assert_eq!(listed, None);
    assert_eq!(activities.newest(user, 9).await.unwrap(), None);
    for new in [&[activity(1), activity(2)][..], &[]] {
        assert_eq!(activities.append(user, new).await.unwrap(), None);
    }
}
