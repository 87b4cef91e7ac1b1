//! A user's counters.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::{NewActivity, NotificationPatch, UserId, UserStats};

use crate::StoreFixture;
use crate::samples::{activity, later, moment, new_user, notification, notification_id, user_id};

pub async fn counters_count_notifications_of_every_state(store: &dyn StoreFixture) {
    let user = insert(store, 1).await;
    let notifications = store.notifications();
    for number in 1..=4 {
        let created = notifications.create(user, &notification(number)).await;
        assert!(created.unwrap().is_some());
    }
    for (number, archived) in [(1, None), (2, Some(true))] {
        let patch = NotificationPatch {
            read: Some(true),
            archived,
        };
        let id = notification_id(number);
        let patched = notifications.patch(user, id, patch, later(1)).await;
        assert!(patched.unwrap().is_some());
    }
    let expected = UserStats {
        notifications: 4,
        unread_notifications: 2,
        ..UserStats::default()
    };
    assert_eq!(store.stats().find(user).await.unwrap(), Some(expected));
}

pub async fn the_last_activity_is_the_latest_and_not_the_last_appended(store: &dyn StoreFixture) {
    let user = insert(store, 1).await;
    for (total, latest, seconds) in [
        (2, 20, &[20, 10][..]),
        (3, 20, &[5]),
        (5, 30, &[7, 30]),
        (5, 30, &[]),
    ] {
        let new: Vec<NewActivity> = seconds.iter().copied().map(activity).collect();
        let appended = store.activities().append(user, &new).await;
        assert!(appended.unwrap().is_some());
        let expected = UserStats {
            activities: total,
            last_activity_at: Some(moment(latest)),
            ..UserStats::default()
        };
        assert_eq!(store.stats().find(user).await.unwrap(), Some(expected));
    }
}

pub async fn counters_are_of_one_user(store: &dyn StoreFixture) {
    let (one, two) = (insert(store, 1).await, insert(store, 2).await);
    let created = store.notifications().create(one, &notification(1)).await;
    assert!(created.unwrap().is_some());
    let appended = store.activities().append(one, &[activity(1)]).await;
    assert!(appended.unwrap().is_some());
    let stats = store.stats().find(two).await.unwrap();
    assert_eq!(stats, Some(UserStats::default()));
}

pub async fn stats_of_nobody_are_none(store: &dyn StoreFixture) {
    insert(store, 1).await;
    assert_eq!(store.stats().find(user_id(2)).await.unwrap(), None);
}

pub async fn stats_of_a_deleted_user_are_none(store: &dyn StoreFixture) {
    let user = insert(store, 1).await;
    let deleted = store.users().soft_delete(user, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    assert_eq!(store.stats().find(user).await.unwrap(), None);
}

async fn insert(store: &dyn StoreFixture, number: u64) -> UserId {
    store.users().insert(&new_user(number)).await.unwrap().id
}
