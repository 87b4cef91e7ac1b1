//! What an incarnation has not acknowledged.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::time::Duration;

use futures::future::join_all;

use super::{change, incarnation, insert, log, pending, sorted};
use crate::StoreFixture;
use crate::samples::{later, rename, replacement_of, user_id};

pub async fn a_change_is_pending_for_every_incarnation(store: &dyn StoreFixture) {
    insert(store, 1).await;
    for name in ["", "0", "m", "z"] {
        let somebody = incarnation(name, name);
        assert_eq!(pending(store, &somebody).await, [change(1, 1)], "{name}");
    }
}

pub async fn pending_answers_the_version_after_each_change(store: &dyn StoreFixture) {
    let (users, id) = (store.users(), insert(store, 1).await.id);
    let patched = users.patch(id, &rename("Renamed"), None, later(1)).await;
    let mut replacement = replacement_of(&patched.unwrap().unwrap().user);
    replacement.is_active = false;
    let replaced = users.replace(&replacement, later(2)).await;
    assert!(replaced.unwrap().is_some());
    let deleted = users.soft_delete(id, None, later(3)).await;
    assert!(deleted.unwrap().is_some());
    let restored = users.restore(id, None, later(4)).await;
    assert!(restored.unwrap().is_some());
    let purged = users.purge(id, None, later(5)).await;
    assert!(purged.unwrap().is_some());
    let expected: Vec<_> = (1..=6).map(|reached| change(1, reached)).collect();
    assert_eq!(pending(store, &incarnation("a", "a")).await, expected);
}

pub async fn pending_answers_no_more_than_the_limit(store: &dyn StoreFixture) {
    for number in 1..=5 {
        insert(store, number).await;
    }
    // Some of each kind: new, and acknowledged by others.
    for (name, number) in [("a", 1), ("z", 2)] {
        let other = incarnation(name, "1");
        let acknowledged = log(store).acknowledge(&other, &[change(number, 1)]).await;
        acknowledged.unwrap();
    }
    let cache = incarnation("m", "1");
    for (limit, expected) in [(0, 0), (1, 1), (4, 4)] {
        let some = log(store).pending(&cache, limit).await.unwrap();
        let mut ids: Vec<_> = some.changes.iter().map(|change| change.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((some.changes.len(), ids.len()), (expected, expected));
    }
}

pub async fn pending_answers_everything_within_the_limit(store: &dyn StoreFixture) {
    for number in 1..=5 {
        insert(store, number).await;
    }
    let expected: Vec<_> = (1..=5).map(|number| change(number, 1)).collect();
    for limit in [5, 6, u32::MAX] {
        let cache = incarnation("a", &limit.to_string());
        let all = log(store).pending(&cache, limit).await.unwrap();
        assert_eq!(sorted(all.changes), expected, "{limit}");
    }
}

pub async fn pending_takes_nothing_away(store: &dyn StoreFixture) {
    insert(store, 1).await;
    let cache = incarnation("a", "1");
    for _ in 0..3 {
        assert_eq!(pending(store, &cache).await, [change(1, 1)]);
    }
}

pub async fn pending_shows_every_caller_the_same(store: &dyn StoreFixture) {
    for number in 1..=3 {
        insert(store, number).await;
    }
    let cache = incarnation("a", "1");
    let expected: Vec<_> = (1..=3).map(|number| change(number, 1)).collect();
    for changes in join_all((0..8).map(|_| pending(store, &cache))).await {
        assert_eq!(changes, expected);
    }
}

pub async fn pending_answers_the_namespace(store: &dyn StoreFixture) {
    let (log, cache) = (log(store), incarnation("a", "1"));
    let namespace = log.namespace().await.unwrap();
    let nothing = log.pending(&cache, 10).await.unwrap();
    assert_eq!((nothing.changes, nothing.namespace), (vec![], namespace));
    insert(store, 1).await;
    let pending = log.pending(&cache, 10).await.unwrap();
    assert_eq!(pending.namespace, namespace);
}

pub async fn pending_answers_a_time_that_does_not_go_back(store: &dyn StoreFixture) {
    let cache = incarnation("a", "1");
    let mut last = log(store).pending(&cache, 10).await.unwrap().at;
    for number in 1..=5 {
        insert(store, number).await;
        let now = log(store).pending(&cache, 10).await.unwrap().at;
        assert!(last <= now, "{now} after {last}");
        last = now;
    }
}

pub async fn pending_answers_when_the_oldest_of_its_changes_was_made(store: &dyn StoreFixture) {
    let (log, cache) = (log(store), incarnation("a", "1"));
    let nothing = log.pending(&cache, 10).await.unwrap();
    assert_eq!((nothing.oldest, nothing.lag()), (None, Duration::ZERO));
    // Their ids have another order.
    let mut looks = vec![nothing.at];
    for number in [2, 3, 1] {
        insert(store, number).await;
        looks.push(log.pending(&cache, 10).await.unwrap().at);
    }
    for (place, number) in [2, 3, 1].into_iter().enumerate() {
        let look = log.pending(&cache, 10).await.unwrap();
        let oldest = look.oldest.unwrap();
        let (before, after) = (looks[place], looks[place + 1]);
        assert!(
            before <= oldest && oldest <= after,
            "{before}, {oldest}, {after}"
        );
        assert!(look.lag() >= looks[3].since(after));
        let acknowledged = log.acknowledge(&cache, &[change(number, 1)]).await;
        acknowledged.unwrap();
    }
    assert_eq!(log.pending(&cache, 10).await.unwrap().oldest, None);
}

pub async fn pending_sees_what_was_acknowledged_to_its_writer(store: &dyn StoreFixture) {
    let seen = join_all((1..=16).map(|number| async move {
        insert(store, number).await;
        let changes = pending(store, &incarnation("a", "1")).await;
        changes.iter().any(|change| change.id == user_id(number))
    }))
    .await;
    assert_eq!(seen, [true; 16]);
}
