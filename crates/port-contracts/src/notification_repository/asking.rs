//! The newest unread notifications of many users at once.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::UnreadNotifications;
use roster_domain::ports::NewestOf;

use super::{created, user_with};
use crate::StoreFixture;
use crate::samples::{later, user_id};
use crate::user_transfer::seed_users;

pub async fn newest_unread_many_answers_in_the_order_asked(store: &dyn StoreFixture) {
    users_with(store, 3).await;
    let (one, two, three) = (Some((1, 1)), Some((2, 2)), Some((3, 3)));
    assert_newest(store, &[(2, 9), (3, 9), (1, 9)], &[two, three, one]).await;
    assert_newest(store, &[(3, 9), (1, 9), (2, 9)], &[three, one, two]).await;
}

pub async fn newest_unread_many_answers_none_in_the_place_of_nobody(store: &dyn StoreFixture) {
    users_with(store, 3).await;
    user_with(store, 4, 0).await;
    let deleted = store.users().soft_delete(user_id(2), None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    let asked = [(1, 9), (2, 9), (3, 9), (4, 9), (8, 9)];
    let expected = [Some((1, 1)), None, Some((3, 3)), Some((0, 0)), None];
    assert_newest(store, &asked, &expected).await;
    assert_newest(store, &[(2, 9), (8, 9)], &[None, None]).await;
}

pub async fn newest_unread_many_answers_a_repeated_user_again(store: &dyn StoreFixture) {
    users_with(store, 2).await;
    let (one, two) = (Some((1, 1)), Some((2, 2)));
    let asked = [(1, 9), (1, 9), (1, 9), (2, 9)];
    assert_newest(store, &asked, &[one, one, one, two]).await;
}

pub async fn newest_unread_many_keeps_to_each_limit(store: &dyn StoreFixture) {
    users_with(store, 4).await;
    let asked = [(1, 1), (2, 9), (3, 0), (4, 2)];
    let expected = [Some((1, 1)), Some((2, 2)), Some((3, 0)), Some((4, 2))];
    assert_newest(store, &asked, &expected).await;
}

pub async fn newest_unread_many_of_no_users_answers_nothing(store: &dyn StoreFixture) {
    users_with(store, 1).await;
    assert_newest(store, &[], &[]).await;
}

pub async fn newest_unread_many_takes_256_users(store: &dyn StoreFixture) {
    seed_users(store, 256).await;
    let asked: Vec<_> = (1..=256).map(|number| (number, 9)).collect();
    assert_newest(store, &asked, &[Some((0, 0)); 256]).await;
}

/// Stores users 1 to `total`, each with as many notifications as its number, all unread.
async fn users_with(store: &dyn StoreFixture, total: u64) {
    for number in 1..=total {
        user_with(store, number, number).await;
    }
}

/// Asks by numbers of users and limits; expected are how many are unread, and how many of
/// these, the newest first, are answered.
async fn assert_newest(
    store: &dyn StoreFixture,
    asked: &[(u64, u16)],
    expected: &[Option<(u64, u64)>],
) {
    let questions = asked.iter().map(|(number, limit)| NewestOf {
        user: user_id(*number),
        limit: *limit,
    });
    let questions: Vec<_> = questions.collect();
    let found = store.notifications().newest_unread_many(&questions).await;
    let expected: Vec<_> = expected
        .iter()
        .map(|expected| {
            expected.map(|(unread, shown)| UnreadNotifications {
                unread,
                items: (unread - shown + 1..=unread).rev().map(created).collect(),
            })
        })
        .collect();
    assert_eq!(found.unwrap(), expected, "{asked:?}");
}
