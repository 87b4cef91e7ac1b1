//! What is pending after somebody acknowledged it.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::time::Duration;

use roster_domain::ports::{ImportRow, Incarnation, Invalidation, OnConflict};

use super::{change, incarnation, insert, log, pending};
use crate::StoreFixture;
use crate::samples::{later, new_user, rename};

pub async fn an_acknowledged_change_is_not_pending(store: &dyn StoreFixture) {
    insert(store, 1).await;
    insert(store, 2).await;
    let cache = incarnation("m", "1");
    acknowledge(store, &cache, &[]).await;
    acknowledge(store, &cache, &[change(1, 1)]).await;
    assert_eq!(pending(store, &cache).await, [change(2, 1)]);
    acknowledge(store, &cache, &[change(2, 1)]).await;
    assert_eq!(pending(store, &cache).await, []);
}

pub async fn an_acknowledged_version_leaves_the_others_pending(store: &dyn StoreFixture) {
    let one = insert(store, 1).await.id;
    for step in 1..=2 {
        let patch = rename(&format!("Step {step}"));
        let written = store.users().patch(one, &patch, None, later(step)).await;
        assert!(written.unwrap().unwrap().changed);
    }
    let cache = incarnation("m", "1");
    acknowledge(store, &cache, &[change(1, 2)]).await;
    let expected = [change(1, 1), change(1, 3)];
    assert_eq!(pending(store, &cache).await, expected);
}

pub async fn an_acknowledged_change_is_pending_for_one_that_sorts_before(store: &dyn StoreFixture) {
    insert(store, 1).await;
    acknowledge(store, &incarnation("m", "1"), &[change(1, 1)]).await;
    assert_eq!(pending(store, &incarnation("a", "1")).await, [change(1, 1)]);
}

pub async fn an_acknowledged_change_is_pending_for_one_that_sorts_after(store: &dyn StoreFixture) {
    insert(store, 1).await;
    acknowledge(store, &incarnation("m", "1"), &[change(1, 1)]).await;
    assert_eq!(pending(store, &incarnation("z", "1")).await, [change(1, 1)]);
}

/// A promotion changes the history and may keep the clock.
pub async fn an_acknowledged_change_is_pending_for_another_history(store: &dyn StoreFixture) {
    insert(store, 1).await;
    acknowledge(store, &incarnation("m", "5"), &[change(1, 1)]).await;
    let mut seen = Vec::new();
    for history in ["1", "9"] {
        seen.extend(pending(store, &incarnation("m", history)).await);
    }
    assert!(seen.contains(&change(1, 1)));
}

pub async fn the_last_acknowledgement_is_the_one_that_counts(store: &dyn StoreFixture) {
    insert(store, 1).await;
    let (before, after) = (incarnation("a", "1"), incarnation("b", "1"));
    acknowledge(store, &before, &[change(1, 1)]).await;
    acknowledge(store, &after, &[change(1, 1)]).await;
    assert_eq!(pending(store, &after).await, []);
    assert_eq!(pending(store, &before).await, [change(1, 1)]);
}

pub async fn an_acknowledgement_may_be_repeated(store: &dyn StoreFixture) {
    insert(store, 1).await;
    insert(store, 2).await;
    let cache = incarnation("m", "1");
    for _ in 0..2 {
        let twice = [change(1, 1), change(1, 1)];
        acknowledge(store, &cache, &twice).await;
    }
    assert_eq!(pending(store, &cache).await, [change(2, 1)]);
}

pub async fn a_change_that_is_gone_is_passed_over(store: &dyn StoreFixture) {
    insert(store, 1).await;
    let purged = log(store).purge_older_than(Duration::ZERO, 10).await;
    assert_eq!(purged.unwrap(), 1);
    insert(store, 2).await;
    let gone = [change(1, 1), change(2, 1), change(2, 7), change(9, 1)];
    acknowledge(store, &incarnation("a", "1"), &gone).await;
    let left = pending(store, &incarnation("b", "1")).await;
    assert!(left.iter().all(|left| *left == change(2, 1)), "{left:?}");
}

pub async fn thousands_are_acknowledged_at_once(store: &dyn StoreFixture) {
    const USERS: u64 = 2_000;
    let rows: Vec<_> = (1..=USERS)
        .map(|number| ImportRow {
            user: new_user(number),
            id_given: true,
        })
        .collect();
    let transfer = store.transfer();
    let results = transfer.import(&rows, OnConflict::Fail, later(1)).await;
    assert_eq!(results.unwrap().len(), rows.len());
    let cache = incarnation("m", "1");
    let changes = pending(store, &cache).await;
    assert_eq!(changes.len(), rows.len());
    acknowledge(store, &cache, &changes).await;
    assert_eq!(pending(store, &cache).await, []);
}

async fn acknowledge(store: &dyn StoreFixture, by: &Incarnation, changes: &[Invalidation]) {
    log(store).acknowledge(by, changes).await.unwrap();
}
