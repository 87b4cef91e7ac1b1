//! Appending activities.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use futures::future::join_all;
use roster_domain::NewActivity;

use super::{appended, counted, newest, user_with};
use crate::StoreFixture;
use crate::samples::{activity, later};

pub async fn append_answers_in_order_which_are_new(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    let new = [4, 1, 3, 2].map(activity);
    let answer = store.activities().append(user, &new).await.unwrap();
    assert_eq!(answer, Some(vec![true, false, true, false]));
    let expected = [4, 3, 2, 1].map(appended);
    assert_eq!(newest(store, user).await, expected);
    assert_eq!(counted(store, user).await, 4);
}

pub async fn append_stores_a_repeat_within_the_call_once(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 0).await;
    let other = NewActivity {
        id: activity(1).id,
        ..activity(9)
    };
    let new = [activity(1), activity(2), other, activity(2)];
    let answer = store.activities().append(user, &new).await.unwrap();
    assert_eq!(answer, Some(vec![true, true, false, false]));
    assert_eq!(newest(store, user).await, [2, 1].map(appended));
    assert_eq!(counted(store, user).await, 2);
}

pub async fn append_of_a_known_id_keeps_the_stored_one(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 1).await;
    let other = NewActivity {
        id: activity(1).id,
        kind: "other".parse().unwrap(),
        occurred_at: later(1),
        ..activity(2)
    };
    let answer = store.activities().append(user, &[other]).await.unwrap();
    assert_eq!(answer, Some(vec![false]));
    assert_eq!(newest(store, user).await, [appended(1)]);
    let stats = store.stats().find(user).await.unwrap().unwrap();
    assert_eq!(stats.last_activity_at, Some(activity(1).occurred_at));
}

pub async fn append_of_nothing_answers_nothing(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 0).await;
    let answer = store.activities().append(user, &[]).await.unwrap();
    assert_eq!(answer, Some(vec![]));
    assert_eq!(newest(store, user).await, []);
}

pub async fn append_takes_100(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 100).await;
    let expected: Vec<_> = (51..=100).rev().map(appended).collect();
    assert_eq!(newest(store, user).await, expected);
    assert_eq!(counted(store, user).await, 100);
}

pub async fn concurrent_appends_are_all_counted(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 0).await;
    let activities = store.activities();
    // Each shares one activity with the next.
    let answers = join_all((1..=12).map(|number| {
        let activities = &activities;
        async move {
            let new = [activity(number), activity(number + 1)];
            activities.append(user, &new).await
        }
    }))
    .await;
    let new = answers
        .into_iter()
        .flat_map(|answer| answer.unwrap().unwrap())
        .filter(|new| *new)
        .count();
    assert_eq!(new, 13);
    assert_eq!(counted(store, user).await, 13);
    assert_eq!(newest(store, user).await.len(), 13);
}
