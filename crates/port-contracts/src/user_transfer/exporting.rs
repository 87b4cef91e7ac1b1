//! Reading every user, and whether there is one.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::User;

use super::{delete, insert, purge};
use crate::StoreFixture;
use crate::samples::{as_inserted, full_user, user_id};

pub async fn an_export_walks_all_users_by_id(store: &dyn StoreFixture) {
    let mut expected = Vec::new();
    for number in [4, 1, 7, 2, 6, 3, 5] {
        expected.push(insert(store, number).await);
    }
    expected.sort_by_key(|user| user.id);
    for limit in 1..=8 {
        assert_eq!(walk(store, limit).await, expected, "{limit} at a time");
    }
}

pub async fn an_export_leaves_out_deleted_users(store: &dyn StoreFixture) {
    for number in 1..=5 {
        insert(store, number).await;
    }
    delete(store, user_id(1)).await;
    delete(store, user_id(3)).await;
    let exported = walk(store, 2).await;
    let ids: Vec<_> = exported.iter().map(|user| user.id).collect();
    assert_eq!(ids, [2, 4, 5].map(user_id));
}

pub async fn an_export_answers_full_rows(store: &dyn StoreFixture) {
    store.users().insert(&full_user(1)).await.unwrap();
    let exported = store.transfer().export(None, 5).await.unwrap();
    assert_eq!(exported, [as_inserted(&full_user(1))]);
}

pub async fn fewer_rows_than_asked_are_the_end(store: &dyn StoreFixture) {
    for number in 1..=3 {
        insert(store, number).await;
    }
    let transfer = store.transfer();
    for (after, limit, rows) in [
        (None, 3, 3),
        (None, 4, 3),
        (Some(user_id(1)), 5, 2),
        (Some(user_id(3)), 5, 0),
        (Some(user_id(2)), 1, 1),
    ] {
        let exported = transfer.export(after, limit).await.unwrap();
        assert_eq!(exported.len(), rows, "{limit} after {after:?}");
    }
}

pub async fn a_store_without_users_is_empty(store: &dyn StoreFixture) {
    assert!(store.transfer().is_empty().await.unwrap());
}

pub async fn a_store_with_a_user_is_not_empty(store: &dyn StoreFixture) {
    insert(store, 1).await;
    assert!(!store.transfer().is_empty().await.unwrap());
}

pub async fn a_store_with_a_deleted_user_is_not_empty(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    delete(store, one.id).await;
    assert!(!store.transfer().is_empty().await.unwrap());
}

pub async fn a_store_with_a_purged_user_is_not_empty(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    purge(store, one.id).await;
    assert!(!store.transfer().is_empty().await.unwrap());
}

async fn walk(store: &dyn StoreFixture, limit: u32) -> Vec<User> {
    let transfer = store.transfer();
    let mut met: Vec<User> = Vec::new();
    loop {
        let after = met.last().map(|user| user.id);
        let rows = transfer.export(after, limit).await.unwrap();
        let end = rows.len() < usize::try_from(limit).unwrap();
        met.extend(rows);
        assert!(met.len() < 100, "the export does not end");
        if end {
            return met;
        }
    }
}
