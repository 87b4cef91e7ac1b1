//! Deleting old rows.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::time::Duration;

use roster_domain::ports::{ImportRow, OnConflict};
use roster_domain::{NewUser, Timestamp};

use super::{change, incarnation, insert, log, pending};
use crate::StoreFixture;
use crate::samples::{new_user, rename, replacement_of};

/// No case takes so long.
const LONG: Duration = Duration::from_hours(24);

pub async fn purge_older_than_leaves_younger_rows(store: &dyn StoreFixture) {
    insert(store, 1).await;
    assert_eq!(purge(store, LONG, 10).await, 0);
    assert_eq!(purge(store, Duration::ZERO, 10).await, 1);
    assert_eq!(pending(store, &incarnation("m", "1")).await, []);
}

pub async fn purge_older_than_deletes_no_more_than_the_limit(store: &dyn StoreFixture) {
    for number in 1..=5 {
        insert(store, number).await;
    }
    for deleted in [2, 2, 1, 0] {
        assert_eq!(purge(store, Duration::ZERO, 2).await, deleted);
    }
}

pub async fn purge_older_than_deletes_the_oldest_first(store: &dyn StoreFixture) {
    // Their ids have another order, and so has what the writers say.
    for number in [3, 1, 4, 2] {
        insert(store, number).await;
    }
    assert_eq!(purge(store, Duration::ZERO, 2).await, 2);
    let left = pending(store, &incarnation("m", "1")).await;
    assert_eq!(left, [change(2, 1), change(4, 1)]);
}

pub async fn purge_older_than_deletes_acknowledged_rows_and_pending_ones(store: &dyn StoreFixture) {
    for number in 1..=3 {
        insert(store, number).await;
    }
    let cache = incarnation("m", "1");
    let acknowledged = log(store).acknowledge(&cache, &[change(2, 1)]).await;
    acknowledged.unwrap();
    assert_eq!(purge(store, Duration::ZERO, 10).await, 3);
    assert_eq!(pending(store, &incarnation("n", "1")).await, []);
}

pub async fn purge_older_than_of_an_empty_log_deletes_nothing(store: &dyn StoreFixture) {
    assert_eq!(purge(store, Duration::ZERO, 10).await, 0);
}

pub async fn no_row_is_older_than_all_of_time(store: &dyn StoreFixture) {
    insert(store, 1).await;
    assert_eq!(purge(store, Duration::MAX, 10).await, 0);
}

pub async fn a_writer_whose_clock_is_slow_leaves_young_rows(store: &dyn StoreFixture) {
    let long_ago = Timestamp::UNIX_EPOCH;
    let rows = write_at(store, long_ago).await;
    assert_eq!(purge(store, LONG, 100).await, 0);
    assert_eq!(purge(store, Duration::ZERO, 100).await, rows);
}

pub async fn a_writer_whose_clock_is_fast_leaves_rows_that_age(store: &dyn StoreFixture) {
    let far_ahead = Timestamp::parse_rfc3339("9999-12-31T23:59:59Z").unwrap();
    let rows = write_at(store, far_ahead).await;
    assert_eq!(purge(store, Duration::ZERO, 100).await, rows);
}

async fn purge(store: &dyn StoreFixture, age: Duration, limit: u32) -> u64 {
    log(store).purge_older_than(age, limit).await.unwrap()
}

/// Writes in every way by a clock that shows this; answers how many rows that leaves.
async fn write_at(store: &dyn StoreFixture, at: Timestamp) -> u64 {
    let users = store.users();
    let made = |number| NewUser {
        created_at: at,
        ..new_user(number)
    };
    let id = users.insert(&made(1)).await.unwrap().id;
    let patched = users.patch(id, &rename("Renamed"), None, at).await;
    let user = patched.unwrap().unwrap().user;
    let mut replacement = replacement_of(&user);
    replacement.is_active = false;
    let kept = users.replace(&replacement, at).await.unwrap().unwrap();
    let mut replacement = replacement_of(&kept.user);
    replacement.email = new_user(7).email;
    users.replace(&replacement, at).await.unwrap().unwrap();
    users.soft_delete(id, None, at).await.unwrap().unwrap();
    users.restore(id, None, at).await.unwrap().unwrap();
    users.purge(id, None, at).await.unwrap().unwrap();
    let row = ImportRow {
        user: made(2),
        id_given: true,
    };
    let transfer = store.transfer();
    let imported = transfer.import(&[row], OnConflict::Fail, at).await;
    assert_eq!(imported.unwrap().len(), 1);
    8
}
