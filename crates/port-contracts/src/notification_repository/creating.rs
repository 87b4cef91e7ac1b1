//! Storing notifications.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use futures::future::join_all;
use roster_domain::NewNotification;
use roster_domain::ports::CreatedNotification;

use super::{assert_unread, created, patch, read, user_with};
use crate::StoreFixture;
use crate::samples::{later, notification};

pub async fn create_stores_an_unread_notification(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 0).await;
    for number in 1..=2 {
        let answer = store
            .notifications()
            .create(user, &notification(number))
            .await;
        let expected = CreatedNotification {
            notification: created(number),
            created: true,
            unread: number,
        };
        assert_eq!(answer.unwrap(), Some(expected));
    }
}

pub async fn create_counts_each_notification_once(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 3).await;
    for number in [1, 3, 3] {
        let repeated = store
            .notifications()
            .create(user, &notification(number))
            .await;
        assert_eq!(repeated.unwrap().unwrap().unread, 3);
    }
    assert_unread(store, user, 3).await;
    let stats = store.stats().find(user).await.unwrap().unwrap();
    assert_eq!(stats.notifications, 3);
}

pub async fn create_with_a_known_id_answers_the_stored_one_unchanged(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    let (stored, _) = patch(store, user, 1, read(true), 1).await;
    let other = NewNotification {
        id: notification(1).id,
        created_at: later(9),
        ..notification(2)
    };
    let answer = store.notifications().create(user, &other).await.unwrap();
    let expected = CreatedNotification {
        notification: stored,
        created: false,
        unread: 1,
    };
    assert_eq!(answer, Some(expected));
}

pub async fn concurrent_creates_are_all_counted(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 0).await;
    let notifications = store.notifications();
    let answers = join_all((1..=16).map(|number| {
        let notifications = &notifications;
        async move { notifications.create(user, &notification(number)).await }
    }))
    .await;
    let mut counts: Vec<u64> = answers
        .into_iter()
        .map(|answer| answer.unwrap().unwrap().unread)
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=16).collect::<Vec<_>>());
    assert_unread(store, user, 16).await;
}

pub async fn of_concurrent_creates_of_one_id_one_is_stored(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 0).await;
    let notifications = store.notifications();
    let answers = join_all((1..=16).map(|_| {
        let notifications = &notifications;
        async move { notifications.create(user, &notification(1)).await }
    }))
    .await;
    let mut stored = 0;
    for answer in answers {
        let answer = answer.unwrap().unwrap();
        assert_eq!((answer.notification, answer.unread), (created(1), 1));
        stored += u64::from(answer.created);
    }
    assert_eq!(stored, 1);
    assert_unread(store, user, 1).await;
}
