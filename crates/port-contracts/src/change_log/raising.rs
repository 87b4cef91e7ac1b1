//! The namespace, and raising its epoch.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::collections::HashSet;

use futures::future::join_all;
use roster_domain::ports::CacheNamespace;

use super::{drain, incarnation, insert, log};
use crate::StoreFixture;

pub async fn the_namespace_stays_the_same(store: &dyn StoreFixture) {
    let first = log(store).namespace().await.unwrap();
    insert(store, 1).await;
    drain(store).await;
    assert_eq!(log(store).namespace().await.unwrap(), first);
    assert_ne!((first.database, first.epoch), (0, 0), "it is random");
}

pub async fn raise_epoch_changes_the_epoch_alone(store: &dyn StoreFixture) {
    let log = log(store);
    let before = log.namespace().await.unwrap();
    let after = CacheNamespace {
        epoch: u128::MAX - 7,
        ..before
    };
    let raised = log.raise_epoch(before.epoch, after.epoch).await.unwrap();
    assert_eq!(raised, after);
    assert_eq!(log.namespace().await.unwrap(), after);
}

pub async fn raise_epoch_from_another_one_answers_what_it_is(store: &dyn StoreFixture) {
    let log = log(store);
    let before = log.namespace().await.unwrap();
    let other = before.epoch ^ 1;
    assert_eq!(log.raise_epoch(other, 7).await.unwrap(), before);
    assert_eq!(log.namespace().await.unwrap(), before);
    // As after an answer that was lost.
    let raised = log.raise_epoch(before.epoch, 7).await.unwrap();
    assert_eq!(log.raise_epoch(before.epoch, 7).await.unwrap(), raised);
    assert_eq!(raised.epoch, 7);
}

pub async fn of_concurrent_raises_one_is_stored(store: &dyn StoreFixture) {
    let log = log(store);
    let before = log.namespace().await.unwrap();
    let raises = (1..=16).map(|number| log.raise_epoch(before.epoch, before.epoch ^ number));
    let answers = join_all(raises).await.into_iter().map(Result::unwrap);
    let answers: HashSet<_> = answers.collect();
    let stored = log.namespace().await.unwrap();
    assert_ne!(stored, before);
    assert_eq!(answers, HashSet::from([stored]));
}

pub async fn pending_answers_the_raised_epoch(store: &dyn StoreFixture) {
    let (log, cache) = (log(store), incarnation("m", "1"));
    let before = log.pending(&cache, 10).await.unwrap().namespace;
    let raised = log.raise_epoch(before.epoch, before.epoch ^ 1).await;
    let after = log.pending(&cache, 10).await.unwrap().namespace;
    assert_eq!(after, raised.unwrap());
}
