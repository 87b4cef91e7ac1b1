//! One page of users, and how many there are.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::pagination::{
    ActiveFilter, Counting, Order, PageSize, RowOffset, Start, UserFilter,
};
use roster_domain::{NewUser, Timestamp, UserId};

use super::{first_page, insert, list, summary};
use crate::StoreFixture;
use crate::samples::{as_inserted, full_user, later, moment, new_user, page, user_id};

pub async fn a_list_shows_the_projection(store: &dyn StoreFixture) {
    let full = full_user(1);
    store.users().insert(&full).await.unwrap();
    let shown = first_page(store, ActiveFilter::Active, Order::Descending).await;
    assert_eq!(shown, [summary(&as_inserted(&full))]);
    assert_eq!(shown[0].email.as_str(), full.email.as_str());
}

pub async fn a_list_is_ordered_by_created_at_then_id(store: &dyn StoreFixture) {
    let old = Timestamp::parse_rfc3339("1969-12-31T23:59:59.999999Z").unwrap();
    let ancient = Timestamp::parse_rfc3339("0001-01-01T00:00:00Z").unwrap();
    let future = Timestamp::parse_rfc3339("9999-12-31T23:59:59.999999Z").unwrap();
    // The ids fall while the times rise, but for the ties.
    let times = [
        (9, ancient),
        (8, old),
        (7, Timestamp::UNIX_EPOCH),
        (4, moment(0)),
        (5, moment(0)),
        (6, moment(0)),
        (3, moment(1)),
        (1, future),
    ];
    for (number, created_at) in times.iter().rev() {
        let new = NewUser {
            created_at: *created_at,
            ..new_user(*number)
        };
        store.users().insert(&new).await.unwrap();
    }
    let mut expected: Vec<UserId> = times.iter().map(|(number, _)| user_id(*number)).collect();
    assert_eq!(
        shown_ids(store, ActiveFilter::Any, Order::Ascending).await,
        expected
    );
    expected.reverse();
    assert_eq!(
        shown_ids(store, ActiveFilter::Any, Order::Descending).await,
        expected
    );
}

pub async fn a_filter_shows_whom_it_names(store: &dyn StoreFixture) {
    for number in 1..=4 {
        let new = NewUser {
            is_active: number % 2 == 0,
            ..new_user(number)
        };
        store.users().insert(&new).await.unwrap();
    }
    for (active, numbers) in [
        (ActiveFilter::Active, &[2, 4][..]),
        (ActiveFilter::Inactive, &[1, 3]),
        (ActiveFilter::Any, &[1, 2, 3, 4]),
    ] {
        let expected: Vec<UserId> = numbers.iter().copied().map(user_id).collect();
        assert_eq!(
            shown_ids(store, active, Order::Ascending).await,
            expected,
            "{active:?}"
        );
    }
}

pub async fn lists_leave_out_deleted_users(store: &dyn StoreFixture) {
    for number in 1..=6 {
        let new = NewUser {
            is_active: number % 2 == 0,
            ..new_user(number)
        };
        store.users().insert(&new).await.unwrap();
    }
    for number in [1, 2] {
        let deleted = store
            .users()
            .soft_delete(user_id(number), None, later(1))
            .await;
        assert!(deleted.unwrap().is_some());
    }
    for (active, numbers) in [
        (ActiveFilter::Active, &[4, 6][..]),
        (ActiveFilter::Inactive, &[3, 5]),
        (ActiveFilter::Any, &[3, 4, 5, 6]),
    ] {
        let expected: Vec<UserId> = numbers.iter().copied().map(user_id).collect();
        assert_eq!(
            shown_ids(store, active, Order::Ascending).await,
            expected,
            "{active:?}"
        );
    }
}

pub async fn an_empty_list_is_a_page_without_rows(store: &dyn StoreFixture) {
    let nowhere = (moment(5), user_id(5).get());
    for start in [
        Start::First,
        Start::After(nowhere.0, nowhere.1),
        Start::Before(nowhere.0, nowhere.1),
    ] {
        for order in [Order::Ascending, Order::Descending] {
            let request = page(start, order, 3);
            let slice = list(store, ActiveFilter::Active, &request).await;
            assert_eq!(slice.items, [], "{request:?}");
            assert!(!slice.more, "{request:?}");
        }
    }
}

pub async fn a_full_page_says_whether_there_is_more(store: &dyn StoreFixture) {
    for number in 1..=3 {
        insert(store, number).await;
    }
    for (size, more) in [(2, true), (3, false), (4, false), (200, false)] {
        let request = page(Start::First, Order::Descending, size);
        let slice = list(store, ActiveFilter::Active, &request).await;
        assert_eq!(slice.more, more, "{size} of 3");
    }
}

pub async fn an_offset_skips_rows(store: &dyn StoreFixture) {
    for number in 1..=7 {
        insert(store, number).await;
    }
    for (number, expected, more) in [
        (1, &[7, 6, 5][..], true),
        (2, &[4, 3, 2], true),
        (3, &[1], false),
    ] {
        let request = page(offset(number, 3), Order::Descending, 3);
        let slice = list(store, ActiveFilter::Active, &request).await;
        let shown: Vec<UserId> = slice.items.iter().map(|row| row.id).collect();
        let expected: Vec<UserId> = expected.iter().copied().map(user_id).collect();
        assert_eq!(shown, expected, "page {number}");
        assert_eq!(slice.more, more, "page {number}");
    }
}

pub async fn an_offset_beyond_the_end_is_an_empty_page(store: &dyn StoreFixture) {
    insert(store, 1).await;
    let request = page(offset(50, 200), Order::Ascending, 200);
    let slice = list(store, ActiveFilter::Active, &request).await;
    assert_eq!(slice.items, []);
    assert!(!slice.more);
}

pub async fn an_exact_count_is_what_the_list_shows(store: &dyn StoreFixture) {
    for number in 1..=9 {
        let new = NewUser {
            is_active: number > 3,
            ..new_user(number)
        };
        store.users().insert(&new).await.unwrap();
    }
    for number in [1, 4, 5] {
        let deleted = store
            .users()
            .soft_delete(user_id(number), None, later(1))
            .await;
        assert!(deleted.unwrap().is_some());
    }
    for (active, expected) in [
        (ActiveFilter::Active, 4),
        (ActiveFilter::Inactive, 2),
        (ActiveFilter::Any, 6),
    ] {
        let filter = UserFilter { active };
        let counted = store.users().count(&filter, Counting::Exact).await.unwrap();
        assert_eq!(counted, expected, "{active:?}");
    }
}

pub async fn an_estimate_is_answered(store: &dyn StoreFixture) {
    insert(store, 1).await;
    store.transfer().analyze().await.unwrap();
    for active in [
        ActiveFilter::Active,
        ActiveFilter::Inactive,
        ActiveFilter::Any,
    ] {
        let filter = UserFilter { active };
        let counted = store.users().count(&filter, Counting::Estimate).await;
        assert!(counted.unwrap() < 1_000, "{active:?}");
    }
}

async fn shown_ids(store: &dyn StoreFixture, active: ActiveFilter, order: Order) -> Vec<UserId> {
    let shown = first_page(store, active, order).await;
    shown.iter().map(|row| row.id).collect()
}

fn offset(number: u64, size: u64) -> Start {
    let size = PageSize::new(size).unwrap();
    Start::Offset(RowOffset::of_page(number, size).unwrap())
}
