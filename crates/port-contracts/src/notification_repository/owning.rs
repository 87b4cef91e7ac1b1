//! Whose notifications are whose.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::pagination::PageRequest;
use roster_domain::{MarkRead, NotificationState, UserId};

use super::{assert_unread, created, read, user_with};
use crate::StoreFixture;
use crate::samples::{later, notification, notification_id, user_id};

pub async fn an_id_is_unique_within_its_user_only(store: &dyn StoreFixture) {
    let (one, two) = (user_with(store, 1, 1).await, user_with(store, 2, 0).await);
    let answer = store.notifications().create(two, &notification(1)).await;
    let answer = answer.unwrap().unwrap();
    assert_eq!((answer.created, answer.unread), (true, 1));
    let marked = store
        .notifications()
        .mark_read(one, &MarkRead::All, later(1))
        .await;
    assert_eq!(marked.unwrap().unwrap().changed, 1);
    assert_unread(store, two, 1).await;
}

pub async fn the_notifications_of_another_user_are_not_there(store: &dyn StoreFixture) {
    let (one, two) = (user_with(store, 1, 1).await, user_with(store, 2, 0).await);
    let notifications = store.notifications();
    let id = notification_id(1);
    let patched = notifications.patch(two, id, read(true), later(1)).await;
    assert_eq!(patched.unwrap(), None);
    for which in [MarkRead::Ids(vec![id]), MarkRead::All] {
        let marked = notifications.mark_read(two, &which, later(1)).await;
        assert_eq!(marked.unwrap().unwrap().changed, 0);
    }
    let (all, first) = (NotificationState::All, PageRequest::default());
    let listed = notifications.list(two, all, &first).await.unwrap();
    assert_eq!(listed.unwrap().items, []);
    let newest = notifications.newest_unread(two, 9).await.unwrap();
    assert_eq!(newest.unwrap().items, []);
    let listed = notifications.list(one, all, &first).await.unwrap();
    assert_eq!(listed.unwrap().items, [created(1)]);
}

pub async fn notifications_of_nobody_are_none(store: &dyn StoreFixture) {
    user_with(store, 1, 1).await;
    assert_none(store, user_id(2)).await;
}

pub async fn notifications_of_a_deleted_user_are_none(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 1).await;
    let deleted = store.users().soft_delete(user, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    assert_none(store, user).await;
}

pub async fn a_create_for_a_deleted_user_stores_nothing(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 1).await;
    let deleted = store.users().soft_delete(user, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    let refused = store.notifications().create(user, &notification(2)).await;
    assert_eq!(refused.unwrap(), None);
    let restored = store.users().restore(user, None, later(2)).await;
    assert!(restored.unwrap().is_some());
    assert_unread(store, user, 1).await;
    let newest = store.notifications().newest_unread(user, 9).await.unwrap();
    assert_eq!(newest.unwrap().items, [created(1)]);
}

async fn assert_none(store: &dyn StoreFixture, user: UserId) {
    let notifications = store.notifications();
    let (all, first) = (NotificationState::All, PageRequest::default());
    let listed = notifications.list(user, all, &first).await.unwrap();
    assert_eq!(listed, None);
    assert_eq!(notifications.unread(user).await.unwrap(), None);
    let newest = notifications.newest_unread(user, 9).await.unwrap();
    assert_eq!(newest, None);
    let id = notification_id(1);
    let patched = notifications.patch(user, id, read(true), later(1)).await;
    assert_eq!(patched.unwrap(), None);
    for which in [
        MarkRead::Ids(vec![id]),
        MarkRead::UpTo(later(1)),
        MarkRead::All,
    ] {
        let marked = notifications.mark_read(user, &which, later(1)).await;
        assert_eq!(marked.unwrap(), None, "{which:?}");
    }
    for number in [1, 2] {
        let created = notifications.create(user, &notification(number)).await;
        assert_eq!(created.unwrap(), None);
    }
}
