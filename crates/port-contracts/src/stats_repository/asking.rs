//! The counters of many users at once.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::{UserId, UserStats};

use crate::StoreFixture;
use crate::samples::{later, new_user, notification, user_id};
use crate::user_transfer::seed_users;

pub async fn find_many_answers_counters_in_the_order_asked(store: &dyn StoreFixture) {
    users_with(store, 3).await;
    assert_found(store, &[2, 3, 1], &[Some(2), Some(3), Some(1)]).await;
    assert_found(store, &[3, 1, 2], &[Some(3), Some(1), Some(2)]).await;
}

pub async fn find_many_answers_none_in_the_place_of_nobody(store: &dyn StoreFixture) {
    users_with(store, 3).await;
    let deleted = store.users().soft_delete(user_id(2), None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    assert_found(store, &[1, 2, 3, 9], &[Some(1), None, Some(3), None]).await;
    assert_found(store, &[2, 9], &[None, None]).await;
}

pub async fn find_many_answers_counters_of_a_repeated_user_again(store: &dyn StoreFixture) {
    users_with(store, 2).await;
    assert_found(store, &[1, 1, 1, 2], &[Some(1), Some(1), Some(1), Some(2)]).await;
}

pub async fn find_many_of_no_users_answers_nothing(store: &dyn StoreFixture) {
    users_with(store, 1).await;
    assert_found(store, &[], &[]).await;
}

pub async fn find_many_takes_256_users(store: &dyn StoreFixture) {
    seed_users(store, 256).await;
    let asked: Vec<u64> = (1..=256).collect();
    assert_found(store, &asked, &[Some(0); 256]).await;
}

/// Stores users 1 to `total`, each with as many notifications as its number.
async fn users_with(store: &dyn StoreFixture, total: u64) {
    for number in 1..=total {
        let user = store.users().insert(&new_user(number)).await.unwrap().id;
        for number in 1..=number {
            let new = notification(number);
            let created = store.notifications().create(user, &new).await;
            assert!(created.unwrap().is_some());
        }
    }
}

/// Asserts how many notifications each of these users is said to have.
async fn assert_found(store: &dyn StoreFixture, asked: &[u64], expected: &[Option<u64>]) {
    let users: Vec<UserId> = asked.iter().map(|number| user_id(*number)).collect();
    let found = store.stats().find_many(&users).await.unwrap();
    let expected: Vec<_> = expected
        .iter()
        .map(|number| {
            number.map(|number| UserStats {
                notifications: number,
                unread_notifications: number,
                ..UserStats::default()
            })
        })
        .collect();
    assert_eq!(found, expected, "{asked:?}");
}
