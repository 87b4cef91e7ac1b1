//! Reading users by id and by address.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::collections::BTreeMap;

use roster_domain::{NewUser, Timestamp, User, UserId};

use super::{find, insert};
use crate::StoreFixture;
use crate::samples::{as_inserted, email, full_user, later, name, new_user, user_id};

pub async fn find_many_answers_each_user_once(store: &dyn StoreFixture) {
    let (one, two) = (insert(store, 1).await, insert(store, 2).await);
    let ids = [two.id, one.id, two.id, two.id];
    let found = by_id(store.users().find_many(&ids).await.unwrap());
    assert_eq!(found, [one, two]);
}

pub async fn find_many_leaves_out_ids_without_a_user(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let ids = [user_id(7), one.id, user_id(8)];
    assert_eq!(store.users().find_many(&ids).await.unwrap(), [one]);
}

pub async fn find_many_leaves_out_deleted_users(store: &dyn StoreFixture) {
    let (one, two) = (insert(store, 1).await, insert(store, 2).await);
    let deleted = store.users().soft_delete(one.id, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    let found = store.users().find_many(&[one.id, two.id]).await.unwrap();
    assert_eq!(found, [two]);
}

pub async fn find_many_of_no_ids_is_empty(store: &dyn StoreFixture) {
    insert(store, 1).await;
    assert_eq!(store.users().find_many(&[]).await.unwrap(), []);
}

pub async fn find_many_takes_256_ids(store: &dyn StoreFixture) {
    let (first, last) = (insert(store, 1).await, insert(store, 256).await);
    let ids: Vec<UserId> = (1..=256).map(user_id).collect();
    let found = by_id(store.users().find_many(&ids).await.unwrap());
    assert_eq!(found, [first, last]);
}

pub async fn every_member_comes_back_as_it_was_given(store: &dyn StoreFixture) {
    let longest = NewUser {
        name: name(&"語".repeat(200)),
        locale: Some("pt-BR".parse().unwrap()),
        ..new_user(3)
    };
    let inactive = NewUser {
        is_active: false,
        ..new_user(4)
    };
    for new in [new_user(1), full_user(2), longest, inactive] {
        store.users().insert(&new).await.unwrap();
        let found = find(store, new.id).await.unwrap();
        assert_eq!(found, as_inserted(&new));
        assert_eq!(found.email.as_str(), new.email.as_str());
    }
}

pub async fn metadata_comes_back_octet_for_octet(store: &dyn StoreFixture) {
    let long = format!(r#"{{"long":"{}"}}"#, "x".repeat(16_000));
    for (number, text) in (1..).zip([
        r"{}",
        r#"{"":{"":[]}}"#,
        r#"{"a":1.10e+3,"b":1E400,"c":-0.0,"d":0.1e-7,"e":100}"#,
        r#"{"digits":123456789012345678901234567890,"fraction":0.123456789012345678901234567890}"#,
        r#"{"B":1,"a":2,"ü":3,"\u0001":"\u001f\"\\/<é😀\u2028"}"#,
        r#"{"null":null,"nested":[[[{"x":[true,false,null]}]]]}"#,
        &long,
    ]) {
        let metadata = text.parse().unwrap();
        let new = NewUser {
            metadata,
            ..new_user(number)
        };
        let stored = store.users().insert(&new).await.unwrap();
        assert_eq!(stored.metadata.as_str(), new.metadata.as_str());
        let found = find(store, new.id).await.unwrap();
        assert_eq!(found.metadata.as_str(), new.metadata.as_str());
    }
}

pub async fn times_come_back_to_the_microsecond(store: &dyn StoreFixture) {
    for (number, text) in (1..).zip([
        "0000-01-01T00:00:00Z",
        "1582-10-15T00:00:00.000001Z",
        "1969-12-31T23:59:59.999999Z",
        "2024-02-29T12:34:56.789012Z",
        "9999-12-31T23:59:59.999999Z",
    ]) {
        let created_at = Timestamp::parse_rfc3339(text).unwrap();
        let new = NewUser {
            created_at,
            ..new_user(number)
        };
        store.users().insert(&new).await.unwrap();
        let found = find(store, new.id).await.unwrap();
        assert_eq!(found.created_at.to_string(), created_at.to_string());
    }
}

pub async fn an_address_finds_its_user_in_the_normalised_form(store: &dyn StoreFixture) {
    let new = NewUser {
        email: email("Zoë.Müller@Bücher.Example"),
        ..new_user(1)
    };
    store.users().insert(&new).await.unwrap();
    insert(store, 2).await;
    for text in [
        "Zoë.Müller@Bücher.Example",
        "zoë.müller@bücher.example",
        "ZOË.MÜLLER@XN--BCHER-KVA.EXAMPLE",
    ] {
        let found = store.users().find_id_by_email(&email(text)).await;
        assert_eq!(found.unwrap(), Some(new.id), "{text}");
    }
}

pub async fn an_unknown_address_finds_nobody(store: &dyn StoreFixture) {
    insert(store, 1).await;
    for text in [
        "user-2@example.com",
        "user-%@example.com",
        "ser-1@example.com",
    ] {
        let found = store.users().find_id_by_email(&email(text)).await;
        assert_eq!(found.unwrap(), None, "{text}");
    }
}

pub async fn the_address_of_a_deleted_user_finds_nobody(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let deleted = store.users().soft_delete(one.id, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    let found = store.users().find_id_by_email(&one.email).await;
    assert_eq!(found.unwrap(), None);
}

fn by_id(users: Vec<User>) -> Vec<User> {
    let total = users.len();
    let sorted: BTreeMap<UserId, User> = users.into_iter().map(|user| (user.id, user)).collect();
    assert_eq!(sorted.len(), total, "a user was answered twice");
    sorted.into_values().collect()
}
