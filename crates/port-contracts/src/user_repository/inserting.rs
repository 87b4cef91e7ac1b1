//! Inserting users, and the claim of the address.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::{SeedBatch, SeedUser, WriteError};
use roster_domain::{NewUser, UserStats};

use super::{assert_refused, insert};
use crate::StoreFixture;
use crate::samples::{as_inserted, email, full_user, later, new_user, user_id};

pub async fn insert_stores_the_first_version(store: &dyn StoreFixture) {
    let new = full_user(1);
    let stored = store.users().insert(&new).await.unwrap();
    assert_eq!(stored, as_inserted(&new));
}

pub async fn insert_keeps_whether_the_user_may_act(store: &dyn StoreFixture) {
    for (number, is_active) in [(1, true), (2, false)] {
        let new = NewUser {
            is_active,
            ..new_user(number)
        };
        let stored = store.users().insert(&new).await.unwrap();
        assert_eq!(stored.is_active, is_active);
    }
}

pub async fn insert_starts_with_counters_at_zero(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let stats = store.stats().find(one.id).await.unwrap();
    assert_eq!(stats, Some(UserStats::default()));
}

pub async fn insert_claims_the_address(store: &dyn StoreFixture) {
    let first = NewUser {
        email: email("Ann.Müller@example.com"),
        ..new_user(1)
    };
    store.users().insert(&first).await.unwrap();
    for (number, text) in [(2, "Ann.Müller@example.com"), (3, "aNN.mÜLLER@EXAMPLE.com")] {
        let second = NewUser {
            email: email(text),
            ..new_user(number)
        };
        let refused = store.users().insert(&second).await;
        assert_refused!(refused, WriteError::EmailTaken);
    }
}

pub async fn a_deleted_owner_keeps_the_address(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let deleted = store.users().soft_delete(one.id, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    let second = NewUser {
        email: one.email,
        ..new_user(2)
    };
    let refused = store.users().insert(&second).await;
    assert_refused!(refused, WriteError::EmailTaken);
}

pub async fn insert_refuses_the_id_of_a_user(store: &dyn StoreFixture) {
    insert(store, 1).await;
    let second = NewUser {
        id: user_id(1),
        ..new_user(2)
    };
    let refused = store.users().insert(&second).await;
    assert_refused!(refused, WriteError::IdTaken);
}

pub async fn insert_refuses_the_id_of_a_deleted_user(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let deleted = store.users().soft_delete(one.id, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    let second = NewUser {
        id: one.id,
        ..new_user(2)
    };
    let refused = store.users().insert(&second).await;
    assert_refused!(refused, WriteError::IdTaken);
}

pub async fn an_insert_refused_for_its_address_leaves_the_id_free(store: &dyn StoreFixture) {
    // Taken by a seed: whether inserts claim their address is said above.
    let owner = SeedUser {
        user: new_user(1),
        notifications: Vec::new(),
        activities: Vec::new(),
    };
    let users = vec![owner];
    store.transfer().seed(&SeedBatch { users }).await.unwrap();
    let refused = NewUser {
        email: new_user(1).email,
        ..new_user(2)
    };
    let written = store.users().insert(&refused).await;
    assert_refused!(written, WriteError::EmailTaken);
    let stored = store.users().insert(&new_user(2)).await.unwrap();
    assert_eq!(stored, as_inserted(&new_user(2)));
}

pub async fn an_insert_refused_for_its_id_leaves_the_address_free(store: &dyn StoreFixture) {
    insert(store, 1).await;
    let refused = NewUser {
        id: user_id(1),
        ..new_user(2)
    };
    let written = store.users().insert(&refused).await;
    assert_refused!(written, WriteError::IdTaken);
    let found = store.users().find_id_by_email(&refused.email).await;
    assert_eq!(found.unwrap(), None);
    let stored = store.users().insert(&new_user(2)).await.unwrap();
    assert_eq!(stored, as_inserted(&new_user(2)));
}
