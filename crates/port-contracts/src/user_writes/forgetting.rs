//! Answers that are not kept any longer.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::Timestamp;
use roster_domain::ports::Write;

use super::{
    assert_refused, done, find, insert, insertion, once, perform, perform_at, renaming, replayed,
    user_of,
};
use crate::StoreFixture;
use crate::samples::{later, new_user, notification, user_id, version};

pub async fn a_forgotten_key_writes_again(store: &dyn StoreFixture) {
    let id = insert(store, &new_user(1)).await.id;
    user_of(perform_at(store, &renaming(id, "First"), later(1), Some(once(1, 1))).await);
    assert_eq!(forget(store, later(2), 10).await, 1);
    assert_eq!(forget(store, later(2), 10).await, 0);
    // Of another request, which would be refused if the answer were there.
    let user = user_of(perform(store, &renaming(id, "Second"), Some(once(1, 2))).await);
    assert_eq!(user.version, version(3));
}

pub async fn younger_answers_are_not_forgotten(store: &dyn StoreFixture) {
    user_of(perform_at(store, &insertion(1), later(1), Some(once(1, 1))).await);
    assert_eq!(forget(store, later(1), 10).await, 0);
    replayed(perform(store, &insertion(1), Some(once(1, 1))).await);
}

pub async fn the_oldest_answers_are_forgotten_first(store: &dyn StoreFixture) {
    // Their slots and their users have another order.
    for (number, slot) in [(3_u64, 2_u8), (1, 4), (2, 1), (4, 3)] {
        let at = later(number);
        user_of(perform_at(store, &insertion(10 - number), at, Some(once(slot, 1))).await);
    }
    assert_eq!(forget(store, later(9), 2).await, 2);
    for (number, slot) in [(3, 2), (4, 3)] {
        replayed(perform(store, &insertion(10 - number), Some(once(slot, 1))).await);
    }
    assert_eq!(forget(store, later(9), 10).await, 2);
}

pub async fn a_purge_deletes_the_answers_that_speak_of_the_user(store: &dyn StoreFixture) {
    let id = user_of(perform(store, &insertion(1), Some(once(1, 1))).await).id;
    let sent = Write::Notify {
        user: id,
        notification: notification(1),
    };
    done(perform(store, &sent, Some(once(2, 1))).await);
    let purged = store.users().purge(id, None, later(2)).await;
    assert!(purged.unwrap().is_some());
    assert_eq!(forget(store, later(9), 10).await, 0);
    // The key is free; the id is not.
    assert_refused!(
        perform(store, &insertion(1), Some(once(1, 1))).await,
        roster_domain::ports::WriteRefusal::Write(roster_domain::ports::WriteError::IdTaken)
    );
}

pub async fn a_purge_spares_the_answers_of_others(store: &dyn StoreFixture) {
    user_of(perform(store, &insertion(1), Some(once(1, 1))).await);
    user_of(perform(store, &insertion(2), Some(once(2, 1))).await);
    let purged = store.users().purge(user_id(1), None, later(2)).await;
    assert!(purged.unwrap().is_some());
    replayed(perform(store, &insertion(2), Some(once(2, 1))).await);
    assert!(find(store, user_id(2)).await.is_some());
}

async fn forget(store: &dyn StoreFixture, before: Timestamp, limit: u32) -> u64 {
    store.writes().forget_answers(before, limit).await.unwrap()
}
