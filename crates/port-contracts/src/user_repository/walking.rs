//! Whole lists, walked page by page.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::pagination::{ActiveFilter, Order, PageSize, RowOffset, Start};
use roster_domain::ports::{ImportRow, OnConflict, RowResult};
use roster_domain::{NewUser, UserId, UserSummary};

use super::{insert, list, summary};
use crate::StoreFixture;
use crate::lists::{assert_walks_backwards, assert_walks_forwards, in_order};
use crate::samples::{as_inserted, later, moment, new_user, page, rename, user_id};

const FILTERS: [ActiveFilter; 3] = [
    ActiveFilter::Active,
    ActiveFilter::Inactive,
    ActiveFilter::Any,
];
const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

pub async fn a_walk_forwards_meets_each_row_once(store: &dyn StoreFixture) {
    let rows = many(store, 60).await;
    for active in FILTERS {
        let shown = matching(&rows, active);
        for order in ORDERS {
            for size in 1..=7 {
                assert_walks_forwards(&shown, order, size, |request| async move {
                    list(store, active, &request).await
                })
                .await;
            }
        }
    }
}

pub async fn a_walk_backwards_meets_each_row_once(store: &dyn StoreFixture) {
    let rows = many(store, 60).await;
    for active in FILTERS {
        let shown = matching(&rows, active);
        for order in ORDERS {
            for size in 1..=7 {
                assert_walks_backwards(&shown, order, size, |request| async move {
                    list(store, active, &request).await
                })
                .await;
            }
        }
    }
}

pub async fn a_long_walk_meets_each_row_once(store: &dyn StoreFixture) {
    let rows = many(store, 700).await;
    let active = ActiveFilter::Active;
    let shown = matching(&rows, active);
    let ask = |request| async move { list(store, active, &request).await };
    assert_walks_forwards(&shown, Order::Ascending, 31, ask).await;
    assert_walks_backwards(&shown, Order::Ascending, 31, ask).await;
}

pub async fn numbered_pages_meet_each_row_once(store: &dyn StoreFixture) {
    let rows = many(store, 700).await;
    let shown = matching(&rows, ActiveFilter::Active);
    let size = PageSize::new(150).unwrap();
    let mut met = Vec::new();
    for number in 1.. {
        let skipped = Start::Offset(RowOffset::of_page(number, size).unwrap());
        let request = page(skipped, Order::Ascending, 150);
        let slice = list(store, ActiveFilter::Active, &request).await;
        met.extend(slice.items);
        if !slice.more {
            break;
        }
    }
    assert_eq!(met, in_order(&shown, Order::Ascending));
}

pub async fn a_walk_goes_on_from_a_row_that_is_gone(store: &dyn StoreFixture) {
    for number in 1..=5 {
        insert(store, number).await;
    }
    let gone = store.users().soft_delete(user_id(3), None, later(1)).await;
    assert!(gone.unwrap().is_some());
    let place = Start::After(moment(3), user_id(3).get());
    for (order, number) in [(Order::Ascending, 4), (Order::Descending, 2)] {
        let slice = list(store, ActiveFilter::Active, &page(place, order, 1)).await;
        assert_eq!(slice.items[0].id, user_id(number), "{order:?}");
    }
}

pub async fn a_walk_back_goes_on_from_a_row_that_is_gone(store: &dyn StoreFixture) {
    for number in 1..=5 {
        insert(store, number).await;
    }
    let gone = store.users().soft_delete(user_id(3), None, later(1)).await;
    assert!(gone.unwrap().is_some());
    let place = Start::Before(moment(3), user_id(3).get());
    for (order, number) in [(Order::Ascending, 2), (Order::Descending, 4)] {
        let slice = list(store, ActiveFilter::Active, &page(place, order, 1)).await;
        assert_eq!(slice.items[0].id, user_id(number), "{order:?}");
    }
}

pub async fn a_walk_meets_untouched_rows_once_while_others_come_and_go(store: &dyn StoreFixture) {
    // Between two untouched rows (even numbers) stands one that changes during the walk.
    for number in 1..=40 {
        insert(store, number).await;
    }
    let mut met = Vec::new();
    let mut start = Start::First;
    for step in 0.. {
        let slice = list(
            store,
            ActiveFilter::Active,
            &page(start, Order::Ascending, 3),
        )
        .await;
        met.extend(slice.items.iter().map(|row| row.id));
        let (Some(last), true) = (slice.items.last(), slice.more) else {
            break;
        };
        start = Start::After(last.created_at, last.id.get());
        let touched = user_id(2 * step + 1);
        let gone = store.users().soft_delete(touched, None, later(step)).await;
        assert!(gone.unwrap().is_some());
        let renamed = user_id(39 - 2 * (step % 4));
        let patch = rename(&format!("Step {step}"));
        let written = store
            .users()
            .patch(renamed, &patch, None, later(step))
            .await;
        written.unwrap();
        let late = NewUser {
            created_at: moment(20),
            ..new_user(100 + step)
        };
        store.users().insert(&late).await.unwrap();
    }
    let untouched: Vec<UserId> = (1..=20).map(|half| user_id(2 * half)).collect();
    met.retain(|id| untouched.contains(id));
    assert_eq!(met, untouched);
}

/// Stores users with many ties on `created_at`, every third inactive.
async fn many(store: &dyn StoreFixture, total: u64) -> Vec<NewUser> {
    let rows: Vec<NewUser> = (1..=total)
        .map(|number| NewUser {
            created_at: moment(number * 7_919 % total / 4),
            is_active: number % 3 != 0,
            ..new_user(number)
        })
        .collect();
    let batch: Vec<ImportRow> = rows
        .iter()
        .map(|user| ImportRow {
            user: user.clone(),
            id_given: true,
        })
        .collect();
    let transfer = store.transfer();
    let results = transfer.import(&batch, OnConflict::Skip, later(0)).await;
    let created = |result: &RowResult| matches!(result, RowResult::Created(_));
    assert!(results.unwrap().iter().all(created));
    rows
}

fn matching(rows: &[NewUser], active: ActiveFilter) -> Vec<UserSummary> {
    rows.iter()
        .filter(|row| match active {
            ActiveFilter::Active => row.is_active,
            ActiveFilter::Inactive => !row.is_active,
            ActiveFilter::Any => true,
        })
        .map(|row| summary(&as_inserted(row)))
        .collect()
}
