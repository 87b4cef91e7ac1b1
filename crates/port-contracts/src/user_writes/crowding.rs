//! More answers that speak of one user than are kept.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::{KeptAnswer, Performed, Write, WriteRefusal};
use roster_domain::{Timestamp, UserId};

use super::{done, insert, insertion, once, perform, perform_at, replayed, user_of};
use crate::StoreFixture;
use crate::samples::{later, new_user, notification};

const MOST: u8 = KeptAnswer::MOST;

pub async fn of_one_user_the_newest_answers_are_kept(store: &dyn StoreFixture) {
    let id = insert(store, &new_user(1)).await.id;
    // Their slots have the order that their times do not have.
    let last = MOST + 3;
    for age in 0..last {
        let at = later(u64::from(age));
        done(notify(store, id, last - age, at).await);
    }
    for slot in 1..=MOST {
        replayed(notify(store, id, slot, later(500)).await);
    }
    // The oldest is gone: its key takes another request.
    let free = Write::Notify {
        user: id,
        notification: notification(200),
    };
    done(perform_at(store, &free, later(500), Some(once(last, 2))).await);
    let kept = store.writes().forget_answers(later(501), 1_000).await;
    assert_eq!(kept.unwrap(), u64::from(MOST));
}

/// As when the clock stepped back, or is another process's.
pub async fn an_answer_is_kept_though_it_is_the_oldest(store: &dyn StoreFixture) {
    let id = insert(store, &new_user(1)).await.id;
    for slot in 1..=MOST {
        done(notify(store, id, slot, later(100 + u64::from(slot))).await);
    }
    done(notify(store, id, MOST + 1, later(1)).await);
    replayed(notify(store, id, MOST + 1, later(1)).await);
    for slot in 2..=MOST {
        replayed(notify(store, id, slot, later(1)).await);
    }
    let kept = store.writes().forget_answers(later(999), 1_000).await;
    assert_eq!(kept.unwrap(), u64::from(MOST));
}

pub async fn the_answers_of_a_user_crowd_out_nobody_elses(store: &dyn StoreFixture) {
    let one = insert(store, &new_user(1)).await.id;
    user_of(perform(store, &insertion(2), Some(once(200, 1))).await);
    for slot in 1..=MOST {
        done(notify(store, one, slot, later(10 + u64::from(slot))).await);
    }
    replayed(perform(store, &insertion(2), Some(once(200, 1))).await);
    replayed(notify(store, one, 1, later(99)).await);
}

/// Tells a user something under the key of this number.
async fn notify(
    store: &dyn StoreFixture,
    user: UserId,
    slot: u8,
    at: Timestamp,
) -> Result<Performed, WriteRefusal> {
    let notification = notification(u64::from(slot));
    let write = Write::Notify { user, notification };
    perform_at(store, &write, at, Some(once(slot, 1))).await
}
