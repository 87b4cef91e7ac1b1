//! Batches whose rows are stored, or repeat what is there.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::{OnConflict, RowResult};
use roster_domain::{NewUser, User};

use super::{find, import, insert, with_id, without_id};
use crate::StoreFixture;
use crate::samples::{as_inserted, email, full_user, later, name, new_user, user_id, version};

pub async fn import_creates_users(store: &dyn StoreFixture) {
    for (number, on_conflict) in [
        (10, OnConflict::Skip),
        (20, OnConflict::Update),
        (30, OnConflict::Fail),
    ] {
        let inactive = NewUser {
            is_active: false,
            ..new_user(number + 2)
        };
        let batch = [
            with_id(new_user(number)),
            without_id(full_user(number + 1)),
            with_id(inactive),
        ];
        let results = import(store, &batch, on_conflict).await;
        let ids: Vec<_> = batch.iter().map(|row| row.user.id).collect();
        let expected: Vec<_> = ids.iter().copied().map(RowResult::Created).collect();
        assert_eq!(results, expected, "{on_conflict:?}");
        let expected: Vec<_> = batch.iter().map(|row| as_inserted(&row.user)).collect();
        assert_eq!(find(store, &ids).await, expected, "{on_conflict:?}");
    }
}

pub async fn import_answers_in_the_order_of_the_rows(store: &dyn StoreFixture) {
    let two = insert(store, 2).await;
    let batch = [5, 2, 4, 1].map(|number| with_id(new_user(number)));
    let results = import(store, &batch, OnConflict::Skip).await;
    let expected = [
        RowResult::Created(user_id(5)),
        RowResult::Skipped(two.id),
        RowResult::Created(user_id(4)),
        RowResult::Created(user_id(1)),
    ];
    assert_eq!(results, expected);
}

pub async fn import_of_no_rows_answers_none(store: &dyn StoreFixture) {
    for on_conflict in [OnConflict::Skip, OnConflict::Update, OnConflict::Fail] {
        assert_eq!(import(store, &[], on_conflict).await, []);
    }
}

pub async fn import_takes_1000_rows(store: &dyn StoreFixture) {
    let batch: Vec<_> = (1..=1_000).map(|n| without_id(new_user(n))).collect();
    let results = import(store, &batch, OnConflict::Skip).await;
    let expected: Vec<_> = (1..=1_000)
        .map(|n| RowResult::Created(user_id(n)))
        .collect();
    assert_eq!(results, expected);
    let last = store.transfer().export(Some(user_id(999)), 10).await;
    assert_eq!(last.unwrap(), [as_inserted(&new_user(1_000))]);
}

pub async fn skip_leaves_the_stored_user_as_it_is(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let batch = [with_id(renamed(1)), with_id(full_user(1))];
    let results = import(store, &batch, OnConflict::Skip).await;
    assert_eq!(results, [RowResult::Skipped(one.id); 2]);
    assert_eq!(find(store, &[one.id]).await, [one]);
}

pub async fn skip_knows_a_user_by_the_address_when_no_id_is_given(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let row = NewUser {
        email: email("USER-1@example.com"),
        ..renamed(2)
    };
    let results = import(store, &[without_id(row)], OnConflict::Skip).await;
    assert_eq!(results, [RowResult::Skipped(one.id)]);
    assert_eq!(find(store, &[one.id, user_id(2)]).await, [one]);
}

pub async fn update_gives_the_stored_user_the_members_of_the_row(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let row = NewUser {
        is_active: false,
        created_at: one.created_at,
        ..full_user(1)
    };
    let results = import(store, &[with_id(row.clone())], OnConflict::Update).await;
    assert_eq!(results, [RowResult::Updated(one.id, version(2))]);
    let expected = User {
        version: version(2),
        updated_at: later(50),
        ..as_inserted(&row)
    };
    assert_eq!(find(store, &[one.id]).await, [expected]);
}

pub async fn update_keeps_created_at(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let row = NewUser {
        created_at: later(9),
        ..renamed(1)
    };
    let results = import(store, &[with_id(row)], OnConflict::Update).await;
    assert_eq!(results, [RowResult::Updated(one.id, version(2))]);
    let found = find(store, &[one.id]).await;
    assert_eq!(found[0].created_at, one.created_at);
}

pub async fn update_knows_a_user_by_the_address_when_no_id_is_given(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let row = NewUser {
        email: email("USER-1@example.com"),
        created_at: one.created_at,
        ..renamed(2)
    };
    let results = import(store, &[without_id(row)], OnConflict::Update).await;
    assert_eq!(results, [RowResult::Updated(one.id, version(2))]);
    let expected = User {
        email: email("USER-1@example.com"),
        name: name("Renamed"),
        version: version(2),
        updated_at: later(50),
        ..one
    };
    assert_eq!(find(store, &[expected.id, user_id(2)]).await, [expected]);
}

pub async fn update_by_the_same_members_keeps_the_version(store: &dyn StoreFixture) {
    let before = store.users().insert(&full_user(1)).await.unwrap();
    let row = NewUser {
        created_at: later(9),
        ..full_user(1)
    };
    let results = import(store, &[with_id(row)], OnConflict::Update).await;
    assert_eq!(results, [RowResult::Skipped(before.id)]);
    assert_eq!(find(store, &[before.id]).await, [before]);
}

pub async fn update_moves_the_claim(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let row = NewUser {
        email: email("new@example.com"),
        ..new_user(1)
    };
    let results = import(store, &[with_id(row)], OnConflict::Update).await;
    assert_eq!(results, [RowResult::Updated(one.id, version(2))]);
    let users = store.users();
    let moved = users.find_id_by_email(&email("new@example.com")).await;
    assert_eq!(moved.unwrap(), Some(one.id));
    let freed = NewUser {
        email: one.email,
        ..new_user(2)
    };
    let stored = users.insert(&freed).await.unwrap();
    assert_eq!(stored, as_inserted(&freed));
}

fn renamed(number: u64) -> NewUser {
    NewUser {
        name: name("Renamed"),
        ..new_user(number)
    }
}
