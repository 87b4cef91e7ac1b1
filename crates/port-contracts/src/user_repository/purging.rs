//! Erasing users.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::pagination::{ActiveFilter, Order, PageRequest};
use roster_domain::ports::WriteError;
use roster_domain::{
    ActivityFilter, MarkRead, NewUser, NotificationPatch, NotificationState, UserId,
};

use super::{assert_refused, find, first_page, insert};
use crate::StoreFixture;
use crate::samples::{
    activity, as_inserted, later, new_user, notification, notification_id, rename, user_id, version,
};

pub async fn purge_answers_the_version_after_the_last(store: &dyn StoreFixture) {
    let users = store.users();
    let one = insert(store, 1).await;
    let written = users.patch(one.id, &rename("B"), None, later(1)).await;
    assert!(written.unwrap().is_some());
    let purged = users.purge(one.id, Some(version(2)), later(2)).await;
    assert_eq!(purged.unwrap(), Some(version(3)));
}

pub async fn purge_takes_deleted_users_too(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let deleted = store.users().soft_delete(one.id, None, later(1)).await;
    let deleted = deleted.unwrap();
    let purged = store.users().purge(one.id, deleted, later(2)).await;
    assert_eq!(purged.unwrap(), Some(version(3)));
}

pub async fn purge_at_another_version_is_refused_with_the_current_one(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    for expected in [0, 2] {
        let expected = Some(version(expected));
        let refused = store.users().purge(one.id, expected, later(1)).await;
        assert_refused!(refused, WriteError::VersionMismatch { current } if current == version(1));
    }
    assert_eq!(find(store, one.id).await, Some(one));
}

pub async fn purge_of_nobody_is_none(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    purge(store, one.id).await;
    for id in [one.id, user_id(2)] {
        for expected in [None, Some(version(1))] {
            let purged = store.users().purge(id, expected, later(2)).await;
            assert_eq!(purged.unwrap(), None);
        }
    }
}

pub async fn a_purged_user_is_absent_everywhere(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let id = one.id;
    let (users, notifications) = (store.users(), store.notifications());
    let activities = store.activities();
    let created = notifications.create(id, &notification(1)).await;
    assert!(created.unwrap().is_some());
    let appended = activities.append(id, &[activity(1)]).await;
    assert!(appended.unwrap().is_some());
    purge(store, id).await;

    assert_eq!(find(store, id).await, None);
    let owner = users.find_id_by_email(&one.email).await.unwrap();
    assert_eq!(owner, None);
    let listed = first_page(store, ActiveFilter::Any, Order::Ascending).await;
    assert_eq!(listed, []);
    let patched = users.patch(id, &rename("B"), None, later(2)).await;
    assert_eq!(patched.unwrap(), None);
    let deleted = users.soft_delete(id, None, later(2)).await;
    assert_eq!(deleted.unwrap(), None);
    let restored = users.restore(id, None, later(2)).await;
    assert_eq!(restored.unwrap(), None);

    assert_eq!(store.stats().find(id).await.unwrap(), None);
    let first = PageRequest::default();
    let all = NotificationState::All;
    assert_eq!(notifications.list(id, all, &first).await.unwrap(), None);
    assert_eq!(notifications.unread(id).await.unwrap(), None);
    assert_eq!(notifications.newest_unread(id, 1).await.unwrap(), None);
    let read = NotificationPatch {
        read: Some(true),
        archived: None,
    };
    let patched = notifications
        .patch(id, notification_id(1), read, later(2))
        .await;
    assert_eq!(patched.unwrap(), None);
    let marked = notifications.mark_read(id, &MarkRead::All, later(2)).await;
    assert_eq!(marked.unwrap(), None);
    let created = notifications.create(id, &notification(2)).await;
    assert_eq!(created.unwrap(), None);
    let every = ActivityFilter::default();
    assert_eq!(activities.list(id, &every, &first).await.unwrap(), None);
    assert_eq!(activities.newest(id, 1).await.unwrap(), None);
    let appended = activities.append(id, &[activity(2)]).await;
    assert_eq!(appended.unwrap(), None);
}

pub async fn purge_frees_the_address(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    purge(store, one.id).await;
    let second = NewUser {
        email: one.email,
        ..new_user(2)
    };
    let stored = store.users().insert(&second).await.unwrap();
    assert_eq!(stored, as_inserted(&second));
}

pub async fn purge_keeps_the_id_taken(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    purge(store, one.id).await;
    let second = NewUser {
        id: one.id,
        ..new_user(2)
    };
    let refused = store.users().insert(&second).await;
    assert_refused!(refused, WriteError::IdTaken);
}

pub async fn purge_spares_the_feeds_of_others(store: &dyn StoreFixture) {
    let (one, two) = (insert(store, 1).await, insert(store, 2).await);
    for id in [one.id, two.id] {
        let created = store.notifications().create(id, &notification(1)).await;
        assert!(created.unwrap().is_some());
        let appended = store.activities().append(id, &[activity(1)]).await;
        assert!(appended.unwrap().is_some());
    }
    purge(store, one.id).await;
    let unread = store.notifications().newest_unread(two.id, 9).await;
    assert_eq!(unread.unwrap().unwrap().items.len(), 1);
    let newest = store.activities().newest(two.id, 9).await.unwrap();
    assert_eq!(newest.unwrap().len(), 1);
}

async fn purge(store: &dyn StoreFixture, id: UserId) {
    let purged = store.users().purge(id, None, later(1)).await;
    assert!(purged.unwrap().is_some());
}
