//! Replacing every member at once, and moving the claim of the address.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::WriteError;
use roster_domain::{User, UserReplacement};

use super::{assert_refused, find, insert};
use crate::StoreFixture;
use crate::samples::{
    as_inserted, email, full_user, later, new_user, replacement_of, user_id, version,
};

pub async fn replace_stores_every_member(store: &dyn StoreFixture) {
    let (plain, full) = (insert(store, 1).await, as_inserted(&full_user(2)));
    let wanted = UserReplacement {
        id: plain.id,
        expected: version(1),
        is_active: false,
        ..replacement_of(&full)
    };
    let written = store.users().replace(&wanted, later(1)).await;
    let written = written.unwrap().unwrap();
    assert!(written.changed);
    let expected = User {
        id: plain.id,
        is_active: false,
        version: version(2),
        created_at: plain.created_at,
        updated_at: later(1),
        ..full
    };
    assert_eq!(written.user, expected);
    assert_eq!(find(store, plain.id).await, Some(expected));
    // And back to nothing of what may be absent.
    let back = UserReplacement {
        expected: version(2),
        ..replacement_of(&plain)
    };
    let written = store.users().replace(&back, later(2)).await;
    let written = written.unwrap().unwrap();
    let expected = User {
        version: version(3),
        updated_at: later(2),
        ..plain
    };
    assert_eq!(written.user, expected);
}

pub async fn replace_keeps_created_at_and_the_id(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let written = store.users().replace(&renamed(&one), later(1)).await;
    let written = written.unwrap().unwrap().user;
    assert_eq!((written.id, written.created_at), (one.id, one.created_at));
}

pub async fn replace_moves_the_claim(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let moved = move_to(store, &one, "new@example.com").await;
    let users = store.users();
    assert_eq!(
        users.find_id_by_email(&moved.email).await.unwrap(),
        Some(one.id)
    );
    assert_eq!(users.find_id_by_email(&one.email).await.unwrap(), None);
    let other = roster_domain::NewUser {
        email: email("NEW@example.com"),
        ..new_user(2)
    };
    assert_refused!(users.insert(&other).await, WriteError::EmailTaken);
}

pub async fn replace_frees_the_old_address(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    move_to(store, &one, "new@example.com").await;
    let other = roster_domain::NewUser {
        email: one.email,
        ..new_user(2)
    };
    let stored = store.users().insert(&other).await.unwrap();
    assert_eq!(stored, as_inserted(&other));
}

pub async fn replace_changes_the_letter_case_of_an_address(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let moved = move_to(store, &one, "USER-1@Example.com").await;
    assert_eq!(moved.version, version(2));
    assert_eq!(moved.email.as_str(), "USER-1@Example.com");
    let users = store.users();
    assert_eq!(
        users.find_id_by_email(&one.email).await.unwrap(),
        Some(one.id)
    );
    let other = roster_domain::NewUser {
        email: one.email,
        ..new_user(2)
    };
    assert_refused!(users.insert(&other).await, WriteError::EmailTaken);
}

pub async fn replace_refuses_the_address_of_another_user(store: &dyn StoreFixture) {
    let (one, two) = (insert(store, 1).await, insert(store, 2).await);
    for text in ["user-2@example.com", "USER-2@example.com"] {
        let wanted = UserReplacement {
            email: email(text),
            ..renamed(&one)
        };
        let refused = store.users().replace(&wanted, later(1)).await;
        assert_refused!(refused, WriteError::EmailTaken);
    }
    assert_eq!(find(store, one.id).await, Some(one.clone()));
    assert_eq!(find(store, two.id).await, Some(two));
    let owner = store.users().find_id_by_email(&one.email).await;
    assert_eq!(owner.unwrap(), Some(one.id));
}

pub async fn replace_refuses_the_address_of_a_deleted_user(store: &dyn StoreFixture) {
    let (one, two) = (insert(store, 1).await, insert(store, 2).await);
    let deleted = store.users().soft_delete(two.id, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    let wanted = UserReplacement {
        email: two.email,
        ..replacement_of(&one)
    };
    let refused = store.users().replace(&wanted, later(2)).await;
    assert_refused!(refused, WriteError::EmailTaken);
}

pub async fn replace_by_the_same_members_keeps_the_version(store: &dyn StoreFixture) {
    let before = store.users().insert(&full_user(1)).await.unwrap();
    let written = store
        .users()
        .replace(&replacement_of(&before), later(1))
        .await;
    let written = written.unwrap().unwrap();
    assert!(!written.changed);
    assert_eq!(written.user, before);
    assert_eq!(find(store, before.id).await, Some(before));
}

pub async fn replace_at_another_version_is_refused_with_the_current_one(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let written = store.users().replace(&renamed(&one), later(1)).await;
    let current = written.unwrap().unwrap().user;
    for expected in [0, 1, 3] {
        let wanted = UserReplacement {
            expected: version(expected),
            email: email("new@example.com"),
            ..replacement_of(&current)
        };
        let refused = store.users().replace(&wanted, later(2)).await;
        assert_refused!(refused, WriteError::VersionMismatch { current } if current == version(2));
    }
    let claimed = store
        .users()
        .find_id_by_email(&email("new@example.com"))
        .await;
    assert_eq!(claimed.unwrap(), None);
    assert_eq!(find(store, one.id).await, Some(current));
}

pub async fn replace_of_nobody_is_none(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let wanted = UserReplacement {
        id: user_id(2),
        email: email("new@example.com"),
        ..replacement_of(&one)
    };
    assert_eq!(
        store.users().replace(&wanted, later(1)).await.unwrap(),
        None
    );
    let claimed = store.users().find_id_by_email(&wanted.email).await;
    assert_eq!(claimed.unwrap(), None);
}

pub async fn replace_of_a_deleted_user_is_none(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let deleted = store.users().soft_delete(one.id, None, later(1)).await;
    for expected in [version(1), deleted.unwrap().unwrap()] {
        let wanted = UserReplacement {
            expected,
            ..renamed(&one)
        };
        assert_eq!(
            store.users().replace(&wanted, later(2)).await.unwrap(),
            None
        );
    }
}

fn renamed(user: &User) -> UserReplacement {
    UserReplacement {
        name: crate::samples::name("Renamed"),
        ..replacement_of(user)
    }
}

async fn move_to(store: &dyn StoreFixture, user: &User, address: &str) -> User {
    let wanted = UserReplacement {
        email: email(address),
        ..replacement_of(user)
    };
    let written = store.users().replace(&wanted, later(1)).await;
    let written = written.unwrap().unwrap();
    assert!(written.changed);
    assert_eq!(written.user.email, wanted.email);
    written.user
}
