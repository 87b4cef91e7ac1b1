//! Batches with rows that cannot be stored.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::{ImportRow, OnConflict, RowResult};
use roster_domain::{NewUser, UserId};

use super::{delete, find, import, insert, purge, with_id, without_id};
use crate::StoreFixture;
use crate::samples::{as_inserted, email, new_user, user_id};

pub async fn a_row_with_the_address_of_another_user_is_refused(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let row = NewUser {
        email: email("USER-1@example.com"),
        ..new_user(2)
    };
    for on_conflict in [OnConflict::Skip, OnConflict::Update, OnConflict::Fail] {
        let results = import(store, &[with_id(row.clone())], on_conflict).await;
        assert_eq!(results, [RowResult::EmailTaken], "{on_conflict:?}");
    }
    assert_eq!(find(store, &[one.id, user_id(2)]).await, [one]);
}

pub async fn a_row_with_the_address_of_a_deleted_user_is_refused(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    delete(store, one.id).await;
    let row = NewUser {
        email: one.email,
        ..new_user(2)
    };
    for row in [with_id(row.clone()), without_id(row)] {
        for on_conflict in [OnConflict::Skip, OnConflict::Update, OnConflict::Fail] {
            let results = import(store, std::slice::from_ref(&row), on_conflict).await;
            assert_eq!(results, [RowResult::EmailTaken], "{on_conflict:?}");
        }
    }
    assert_eq!(find(store, &[user_id(2)]).await, []);
}

pub async fn an_update_to_the_address_of_another_user_is_refused(store: &dyn StoreFixture) {
    let (one, two) = (insert(store, 1).await, insert(store, 2).await);
    let three = insert(store, 3).await;
    delete(store, three.id).await;
    for taken in [&two.email, &three.email] {
        let row = NewUser {
            email: taken.clone(),
            ..new_user(1)
        };
        let results = import(store, &[with_id(row)], OnConflict::Update).await;
        assert_eq!(results, [RowResult::EmailTaken]);
    }
    assert_eq!(find(store, &[one.id, two.id]).await, [one, two]);
}

pub async fn a_row_with_the_id_of_a_deleted_user_is_refused(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    delete(store, one.id).await;
    assert_id_taken(store, one.id).await;
}

pub async fn a_row_with_the_id_of_a_purged_user_is_refused(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    purge(store, one.id).await;
    assert_id_taken(store, one.id).await;
}

pub async fn a_refused_row_does_not_stop_the_others(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let taken = NewUser {
        email: one.email,
        ..new_user(3)
    };
    let batch = [
        with_id(new_user(2)),
        with_id(taken),
        without_id(new_user(4)),
    ];
    let results = import(store, &batch, OnConflict::Skip).await;
    let expected = [
        RowResult::Created(user_id(2)),
        RowResult::EmailTaken,
        RowResult::Created(user_id(4)),
    ];
    assert_eq!(results, expected);
    let found = find(store, &[user_id(2), user_id(3), user_id(4)]).await;
    assert_eq!(found, [2, 4].map(|number| as_inserted(&new_user(number))));
}

pub async fn fail_stores_nothing_when_a_user_is_there(store: &dyn StoreFixture) {
    let (two, four) = (insert(store, 2).await, insert(store, 4).await);
    let by_address = NewUser {
        email: four.email.clone(),
        ..new_user(5)
    };
    let batch = [
        with_id(new_user(1)),
        with_id(new_user(2)),
        without_id(new_user(3)),
        without_id(by_address),
    ];
    let expected = [
        RowResult::NotStored,
        RowResult::Exists(two.id),
        RowResult::NotStored,
        RowResult::Exists(four.id),
    ];
    assert_fails_whole(store, &batch, &expected).await;
    let ids = [1, 2, 3, 4, 5].map(user_id);
    assert_eq!(find(store, &ids).await, [two, four]);
}

pub async fn fail_stores_nothing_when_an_address_is_taken(store: &dyn StoreFixture) {
    let two = insert(store, 2).await;
    let taken = NewUser {
        email: two.email,
        ..new_user(3)
    };
    let batch = [with_id(new_user(1)), with_id(taken)];
    let expected = [RowResult::NotStored, RowResult::EmailTaken];
    assert_fails_whole(store, &batch, &expected).await;
    assert_eq!(find(store, &[user_id(1), user_id(3)]).await, []);
}

pub async fn fail_stores_nothing_when_an_id_was_purged(store: &dyn StoreFixture) {
    let two = insert(store, 2).await;
    purge(store, two.id).await;
    let batch = [with_id(new_user(1)), with_id(new_user(2))];
    let expected = [RowResult::NotStored, RowResult::IdTaken];
    assert_fails_whole(store, &batch, &expected).await;
    assert_eq!(find(store, &[user_id(1), user_id(2)]).await, []);
}

pub async fn fail_stores_everything_when_nothing_conflicts(store: &dyn StoreFixture) {
    let three = insert(store, 3).await;
    let batch = [with_id(new_user(1)), without_id(new_user(2))];
    let results = import(store, &batch, OnConflict::Fail).await;
    let expected = [1, 2].map(|number| RowResult::Created(user_id(number)));
    assert_eq!(results, expected);
    let found = find(store, &[1, 2, 3].map(user_id)).await;
    let [one, two] = [1, 2].map(|number| as_inserted(&new_user(number)));
    assert_eq!(found, [one, two, three]);
}

async fn assert_id_taken(store: &dyn StoreFixture, id: UserId) {
    let row = NewUser { id, ..new_user(2) };
    for on_conflict in [OnConflict::Skip, OnConflict::Update, OnConflict::Fail] {
        let results = import(store, &[with_id(row.clone())], on_conflict).await;
        assert_eq!(results, [RowResult::IdTaken], "{on_conflict:?}");
    }
    let claimed = store.users().find_id_by_email(&row.email).await;
    assert_eq!(claimed.unwrap(), None);
}

async fn assert_fails_whole(store: &dyn StoreFixture, batch: &[ImportRow], expected: &[RowResult]) {
    let results = import(store, batch, OnConflict::Fail).await;
    assert_eq!(results, expected);
    // The addresses of what was not stored are nobody's.
    for (row, result) in batch.iter().zip(expected) {
        if *result == RowResult::NotStored {
            let claimed = store.users().find_id_by_email(&row.user.email).await;
            assert_eq!(claimed.unwrap(), None);
        }
    }
}
