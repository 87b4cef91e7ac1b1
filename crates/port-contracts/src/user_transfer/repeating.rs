//! Batches whose rows meet each other.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::{OnConflict, RowResult};
use roster_domain::{NewUser, User};

use super::{find, import, insert, with_id, without_id};
use crate::StoreFixture;
use crate::samples::{as_inserted, email, later, name, new_user, user_id, version};

pub async fn skip_leaves_the_earlier_row_of_a_batch(store: &dyn StoreFixture) {
    let batch = [with_id(new_user(1)), with_id(renamed(1))];
    let results = import(store, &batch, OnConflict::Skip).await;
    let id = user_id(1);
    assert_eq!(results, [RowResult::Created(id), RowResult::Skipped(id)]);
    assert_eq!(find(store, &[id]).await, [as_inserted(&new_user(1))]);
}

pub async fn update_takes_the_later_row_of_a_batch(store: &dyn StoreFixture) {
    let batch = [new_user(1), renamed(1), renamed(1)].map(with_id);
    let results = import(store, &batch, OnConflict::Update).await;
    let id = user_id(1);
    let expected = [
        RowResult::Created(id),
        RowResult::Updated(id, version(2)),
        RowResult::Skipped(id),
    ];
    assert_eq!(results, expected);
    let expected = User {
        version: version(2),
        updated_at: later(50),
        ..as_inserted(&renamed(1))
    };
    assert_eq!(find(store, &[id]).await, [expected]);
}

pub async fn fail_refuses_a_batch_that_repeats_itself(store: &dyn StoreFixture) {
    let batch = [with_id(new_user(1)), with_id(renamed(1))];
    let results = import(store, &batch, OnConflict::Fail).await;
    let id = user_id(1);
    assert_eq!(results, [RowResult::NotStored, RowResult::Exists(id)]);
    assert_eq!(find(store, &[id]).await, []);
}

pub async fn an_address_is_taken_by_an_earlier_row_of_a_batch(store: &dyn StoreFixture) {
    let second = NewUser {
        email: email("USER-1@EXAMPLE.com"),
        ..new_user(2)
    };
    let batch = [with_id(new_user(1)), with_id(second)];
    let results = import(store, &batch, OnConflict::Skip).await;
    let expected = [RowResult::Created(user_id(1)), RowResult::EmailTaken];
    assert_eq!(results, expected);
    let found = find(store, &[user_id(1), user_id(2)]).await;
    assert_eq!(found, [as_inserted(&new_user(1))]);
}

pub async fn a_repeat_without_an_id_is_known_by_its_address(store: &dyn StoreFixture) {
    let second = NewUser {
        email: email("USER-1@EXAMPLE.com"),
        ..new_user(2)
    };
    let batch = [without_id(new_user(1)), without_id(second)];
    let results = import(store, &batch, OnConflict::Skip).await;
    let id = user_id(1);
    assert_eq!(results, [RowResult::Created(id), RowResult::Skipped(id)]);
}

pub async fn an_address_that_an_earlier_row_freed_can_be_taken(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let moved = NewUser {
        email: email("new@example.com"),
        ..new_user(1)
    };
    let taker = NewUser {
        email: one.email.clone(),
        ..new_user(2)
    };
    let batch = [with_id(moved), with_id(taker)];
    let results = import(store, &batch, OnConflict::Update).await;
    let expected = [
        RowResult::Updated(one.id, version(2)),
        RowResult::Created(user_id(2)),
    ];
    assert_eq!(results, expected);
    let owner = store.users().find_id_by_email(&one.email).await;
    assert_eq!(owner.unwrap(), Some(user_id(2)));
}

fn renamed(number: u64) -> NewUser {
    NewUser {
        name: name("Renamed"),
        ..new_user(number)
    }
}
