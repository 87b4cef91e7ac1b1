//! Many pages at once.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::pagination::{
    ActiveFilter, Order, PageRequest, PageSize, RowOffset, Start, UserFilter,
};
use roster_domain::{NewUser, UserId};

use super::list;
use crate::StoreFixture;
use crate::samples::{moment, new_user, page, user_id};

pub async fn list_many_answers_in_the_order_asked(store: &dyn StoreFixture) {
    users(store, 12).await;
    assert_pages(store, &every_kind()).await;
    let mut turned = every_kind();
    turned.reverse();
    assert_pages(store, &turned).await;
}

pub async fn list_many_answers_a_repeated_page_again(store: &dyn StoreFixture) {
    users(store, 5).await;
    let asked = page(Start::First, Order::Descending, 2);
    let filter = UserFilter::default();
    let pages = store.users().list_many(&filter, &[asked; 3]).await.unwrap();
    assert_eq!(pages.len(), 3);
    for slice in pages {
        let ids: Vec<UserId> = slice.items.iter().map(|row| row.id).collect();
        assert_eq!(ids, [user_id(5), user_id(4)]);
        assert!(slice.more);
    }
}

pub async fn list_many_of_no_pages_answers_nothing(store: &dyn StoreFixture) {
    users(store, 1).await;
    let pages = store.users().list_many(&UserFilter::default(), &[]).await;
    assert_eq!(pages.unwrap(), []);
}

pub async fn list_many_takes_64_pages(store: &dyn StoreFixture) {
    users(store, 64).await;
    let asked: Vec<_> = (1..=64)
        .map(|number| page(after(number), Order::Ascending, 200))
        .collect();
    let filter = UserFilter {
        active: ActiveFilter::Any,
    };
    let pages = store.users().list_many(&filter, &asked).await.unwrap();
    let rows: Vec<_> = pages.iter().map(|slice| slice.items.len()).collect();
    let expected: Vec<_> = (0..64).rev().collect();
    assert_eq!(rows, expected);
}

/// Stores users 1 to `total`, the greater the younger, all of whom may act but every sixth.
async fn users(store: &dyn StoreFixture, total: u64) {
    for number in 1..=total {
        let new = NewUser {
            created_at: moment(number),
            is_active: number % 6 != 0,
            ..new_user(number)
        };
        store.users().insert(&new).await.unwrap();
    }
}

/// Pages that start wherever one may, in both orders and of many sizes.
fn every_kind() -> Vec<PageRequest> {
    let skipped = |number| {
        let size = PageSize::new(3).unwrap();
        Start::Offset(RowOffset::of_page(number, size).unwrap())
    };
    let starts = [
        Start::First,
        after(4),
        before(9),
        skipped(1),
        skipped(2),
        after(12),
        before(1),
        skipped(9),
        after(1),
    ];
    let sizes = (1..=5).cycle();
    [Order::Ascending, Order::Descending]
        .into_iter()
        .flat_map(|order| starts.map(|start| (order, start)))
        .zip(sizes)
        .map(|((order, start), size)| page(start, order, size))
        .collect()
}

fn after(number: u64) -> Start {
    Start::After(moment(number), user_id(number).get())
}

fn before(number: u64) -> Start {
    Start::Before(moment(number), user_id(number).get())
}

/// Each page is what it is when nobody asks for another, with every filter.
async fn assert_pages(store: &dyn StoreFixture, asked: &[PageRequest]) {
    for active in [
        ActiveFilter::Active,
        ActiveFilter::Inactive,
        ActiveFilter::Any,
    ] {
        let filter = UserFilter { active };
        let pages = store.users().list_many(&filter, asked).await.unwrap();
        assert_eq!(pages.len(), asked.len());
        for (slice, request) in pages.iter().zip(asked) {
            let alone = list(store, active, request).await;
            assert_eq!(*slice, alone, "{active:?}, {request:?}");
        }
    }
}
