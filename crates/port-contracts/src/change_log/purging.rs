//! The namespace, and deleting old rows.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::time::Duration;

use super::{drain, insert, log};
use crate::StoreFixture;
use crate::samples::{later, rename};

pub async fn the_namespace_stays_the_same(store: &dyn StoreFixture) {
    let first = log(store).namespace().await.unwrap();
    insert(store, 1).await;
    drain(store).await;
    assert_eq!(log(store).namespace().await.unwrap(), first);
    assert_ne!((first.database, first.epoch), (0, 0), "it is random");
}

pub async fn purge_before_deletes_what_is_older_than_the_moment(store: &dyn StoreFixture) {
    changes_at(store, &[10, 20, 30]).await;
    let log = log(store);
    assert_eq!(log.purge_before(later(10), 100).await.unwrap(), 0);
    assert_eq!(log.purge_before(later(20), 100).await.unwrap(), 1);
    assert_eq!(log.purge_before(later(31), 100).await.unwrap(), 2);
    assert_eq!(drain(store).await, 0);
}

pub async fn purge_before_deletes_no_more_than_the_limit(store: &dyn StoreFixture) {
    changes_at(store, &[1, 2, 3, 4, 5]).await;
    for deleted in [2, 2, 1, 0] {
        assert_eq!(log(store).purge_before(later(9), 2).await.unwrap(), deleted);
    }
}

pub async fn purge_before_deletes_the_oldest_first(store: &dyn StoreFixture) {
    changes_at(store, &[1, 2, 3, 4]).await;
    let log = log(store);
    assert_eq!(log.purge_before(later(9), 2).await.unwrap(), 2);
    let between = |seconds| later(seconds).plus(Duration::from_millis(500));
    assert_eq!(log.purge_before(between(2), 9).await.unwrap(), 0);
    assert_eq!(log.purge_before(between(3), 9).await.unwrap(), 1);
}

pub async fn purge_before_of_an_empty_log_deletes_nothing(store: &dyn StoreFixture) {
    assert_eq!(log(store).purge_before(later(9), 9).await.unwrap(), 0);
}

/// Leaves one row of the log at each of these moments, and no other.
async fn changes_at(store: &dyn StoreFixture, seconds: &[u64]) {
    let one = insert(store, 1).await;
    drain(store).await;
    // Not in the order of time: rows are purged by their moment and not as they came.
    for at in seconds.iter().rev() {
        let patch = rename(&format!("At {at}"));
        let written = store.users().patch(one.id, &patch, None, later(*at)).await;
        assert!(written.unwrap().unwrap().changed);
    }
}
