//! Taking deletions back.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::User;
use roster_domain::pagination::{ActiveFilter, Order};
use roster_domain::ports::WriteError;

use super::{assert_refused, find, first_page, insert, summary};
use crate::StoreFixture;
use crate::samples::{activity, full_user, later, notification, rename, user_id, version};

pub async fn restore_answers_the_user_at_the_next_version(store: &dyn StoreFixture) {
    let before = store.users().insert(&full_user(1)).await.unwrap();
    delete(store, &before).await;
    let restored = store.users().restore(before.id, None, later(2)).await;
    let expected = User {
        version: version(3),
        updated_at: later(2),
        ..before
    };
    assert_eq!(restored.unwrap(), Some(expected));
}

pub async fn a_restored_user_is_there_again(store: &dyn StoreFixture) {
    let users = store.users();
    let one = insert(store, 1).await;
    delete(store, &one).await;
    let restored = users.restore(one.id, None, later(2)).await;
    let restored = restored.unwrap().unwrap();
    assert!(find(store, one.id).await.is_some());
    let owner = users.find_id_by_email(&one.email).await.unwrap();
    assert_eq!(owner, Some(one.id));
    let listed = first_page(store, ActiveFilter::Active, Order::Ascending).await;
    assert_eq!(listed, [summary(&restored)]);
    let patched = users.patch(one.id, &rename("B"), None, later(3)).await;
    assert!(patched.unwrap().is_some());
}

pub async fn a_restored_user_has_its_feeds_again(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let (notifications, activities) = (store.notifications(), store.activities());
    let created = notifications.create(one.id, &notification(1)).await;
    assert!(created.unwrap().is_some());
    let appended = activities.append(one.id, &[activity(1)]).await;
    assert!(appended.unwrap().is_some());
    let before = store.stats().find(one.id).await.unwrap();
    delete(store, &one).await;
    let restored = store.users().restore(one.id, None, later(2)).await;
    assert!(restored.unwrap().is_some());
    assert_eq!(store.stats().find(one.id).await.unwrap(), before);
    let unread = notifications.newest_unread(one.id, 10).await.unwrap();
    assert_eq!(unread.unwrap().items.len(), 1);
    let newest = activities.newest(one.id, 10).await.unwrap();
    assert_eq!(newest.unwrap().len(), 1);
}

pub async fn restore_expects_the_version_that_the_deletion_answered(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let deleted = store.users().soft_delete(one.id, None, later(1)).await;
    let expected = deleted.unwrap();
    assert!(expected.is_some());
    let restored = store.users().restore(one.id, expected, later(2)).await;
    assert!(restored.unwrap().is_some());
}

pub async fn restore_at_another_version_is_refused_with_the_current_one(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    delete(store, &one).await;
    for expected in [1, 3] {
        let expected = Some(version(expected));
        let refused = store.users().restore(one.id, expected, later(2)).await;
        assert_refused!(refused, WriteError::VersionMismatch { current } if current == version(2));
    }
    let again = store.users().soft_delete(one.id, None, later(3)).await;
    assert_refused!(again, WriteError::AlreadyDeleted);
}

pub async fn restore_of_a_user_that_is_not_deleted_is_refused(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    for expected in [None, Some(version(1))] {
        let refused = store.users().restore(one.id, expected, later(1)).await;
        assert_refused!(refused, WriteError::NotDeleted);
    }
    assert_eq!(find(store, one.id).await, Some(one));
}

pub async fn restore_of_nobody_is_none(store: &dyn StoreFixture) {
    insert(store, 1).await;
    for expected in [None, Some(version(1))] {
        let restored = store.users().restore(user_id(2), expected, later(1)).await;
        assert_eq!(restored.unwrap(), None);
    }
}

async fn delete(store: &dyn StoreFixture, user: &User) {
    let deleted = store.users().soft_delete(user.id, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
}
