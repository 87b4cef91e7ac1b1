//! Marking users as deleted.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::WriteError;

use super::{assert_refused, insert};
use crate::StoreFixture;
use crate::samples::{later, rename, user_id, version};

pub async fn soft_delete_answers_the_next_version(store: &dyn StoreFixture) {
    let users = store.users();
    let (one, two) = (insert(store, 1).await, insert(store, 2).await);
    let deleted = users.soft_delete(one.id, None, later(1)).await;
    assert_eq!(deleted.unwrap(), Some(version(2)));
    let written = users.patch(two.id, &rename("B"), None, later(1)).await;
    assert!(written.unwrap().is_some());
    let deleted = users.soft_delete(two.id, Some(version(2)), later(2)).await;
    assert_eq!(deleted.unwrap(), Some(version(3)));
}

pub async fn soft_delete_at_another_version_is_refused_with_the_current_one(
    store: &dyn StoreFixture,
) {
    let one = insert(store, 1).await;
    for expected in [0, 2] {
        let expected = Some(version(expected));
        let refused = store.users().soft_delete(one.id, expected, later(1)).await;
        assert_refused!(refused, WriteError::VersionMismatch { current } if current == version(1));
    }
    let found = store.users().find_many(&[one.id]).await.unwrap();
    assert_eq!(found, [one]);
}

pub async fn soft_delete_of_a_deleted_user_is_refused(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let deleted = store.users().soft_delete(one.id, None, later(1)).await;
    for expected in [None, deleted.unwrap()] {
        let refused = store.users().soft_delete(one.id, expected, later(2)).await;
        assert_refused!(refused, WriteError::AlreadyDeleted);
    }
}

pub async fn soft_delete_of_nobody_is_none(store: &dyn StoreFixture) {
    insert(store, 1).await;
    for expected in [None, Some(version(1))] {
        let deleted = store
            .users()
            .soft_delete(user_id(2), expected, later(1))
            .await;
        assert_eq!(deleted.unwrap(), None);
    }
}
