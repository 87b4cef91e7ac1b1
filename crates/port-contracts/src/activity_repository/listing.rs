//! Pages of activities.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::time::Duration;

use roster_domain::pagination::{Order, PageRequest, Slice, Start};
use roster_domain::{Activity, ActivityFilter, NewActivity, UserId};

use super::{appended, user_with};
use crate::StoreFixture;
use crate::lists::{assert_walks_backwards, assert_walks_forwards, in_order};
use crate::samples::{activity, as_appended, moment, page};

const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

pub async fn activities_come_back_as_they_were_given(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    let all = ActivityFilter::default();
    let slice = list(store, user, &all, first(Order::Ascending)).await;
    assert_eq!(slice.items, [appended(1), appended(2)]);
    assert!(!slice.more);
}

pub async fn activities_are_ordered_by_occurred_at_then_id(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 0).await;
    let new = [(5, 1), (1, 2), (3, 2), (2, 2), (4, 0)].map(|(number, seconds)| NewActivity {
        occurred_at: moment(seconds),
        ..activity(number)
    });
    append(store, user, &new).await;
    let rows: Vec<Activity> = new.iter().map(as_appended).collect();
    for order in ORDERS {
        let slice = list(store, user, &ActivityFilter::default(), first(order)).await;
        assert_eq!(slice.items, in_order(&rows, order), "{order:?}");
    }
}

pub async fn a_kind_filters_exactly(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 0).await;
    let kinds = ["a", "ab", "a.b", "a_b"];
    let new: Vec<NewActivity> = (1..)
        .zip(kinds)
        .map(|(number, kind)| NewActivity {
            kind: kind.parse().unwrap(),
            ..activity(number)
        })
        .collect();
    append(store, user, &new).await;
    for (kind, row) in kinds.iter().zip(&new) {
        let filter = ActivityFilter {
            kind: Some(kind.parse().unwrap()),
            ..ActivityFilter::default()
        };
        let slice = list(store, user, &filter, first(Order::Ascending)).await;
        assert_eq!(slice.items, [as_appended(row)], "{kind}");
    }
}

pub async fn since_includes_its_moment(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 4).await;
    let filter = ActivityFilter {
        since: Some(moment(3)),
        ..ActivityFilter::default()
    };
    let slice = list(store, user, &filter, first(Order::Ascending)).await;
    assert_eq!(slice.items, [appended(3), appended(4)]);
}

pub async fn until_excludes_its_moment(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 4).await;
    let filter = ActivityFilter {
        until: Some(moment(3)),
        ..ActivityFilter::default()
    };
    let slice = list(store, user, &filter, first(Order::Ascending)).await;
    assert_eq!(slice.items, [appended(1), appended(2)]);
}

pub async fn filters_apply_together(store: &dyn StoreFixture) {
    let (user, rows) = many(store).await;
    let filter = filters().pop().unwrap();
    for order in ORDERS {
        let slice = list(store, user, &filter, first(order)).await;
        let expected = in_order(&matching(&rows, &filter), order);
        assert!(!expected.is_empty());
        assert_eq!(slice.items, expected, "{order:?}");
    }
}

pub async fn a_walk_forwards_meets_each_activity_once(store: &dyn StoreFixture) {
    let (user, rows) = many(store).await;
    for filter in &filters() {
        let shown = matching(&rows, filter);
        for order in ORDERS {
            for size in [1, 2, 3, 7] {
                assert_walks_forwards(&shown, order, size, |request| async move {
                    list(store, user, filter, request).await
                })
                .await;
            }
        }
    }
}

pub async fn a_walk_backwards_meets_each_activity_once(store: &dyn StoreFixture) {
    let (user, rows) = many(store).await;
    for filter in &filters() {
        let shown = matching(&rows, filter);
        for order in ORDERS {
            for size in [1, 2, 3, 7] {
                assert_walks_backwards(&shown, order, size, |request| async move {
                    list(store, user, filter, request).await
                })
                .await;
            }
        }
    }
}

pub async fn a_page_starts_at_a_place_between_activities(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 5).await;
    let place = moment(3).plus(Duration::from_millis(500));
    let id = activity(9).id.get();
    let all = ActivityFilter::default();
    for (start, order, number) in [
        (Start::After(place, id), Order::Ascending, 4),
        (Start::After(place, id), Order::Descending, 3),
        (Start::Before(place, id), Order::Ascending, 3),
        (Start::Before(place, id), Order::Descending, 4),
    ] {
        let slice = list(store, user, &all, page(start, order, 1)).await;
        assert_eq!(slice.items, [appended(number)], "{start:?} {order:?}");
        assert!(slice.more, "{start:?} {order:?}");
    }
}

pub async fn an_empty_list_of_activities_is_a_page_without_rows(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 0).await;
    for filter in &filters() {
        let slice = list(store, user, filter, first(Order::Descending)).await;
        assert_eq!(slice.items, [], "{filter:?}");
        assert!(!slice.more, "{filter:?}");
    }
}

pub async fn newest_answers_the_newest_first(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 4).await;
    for (limit, expected) in [(1, &[4][..]), (3, &[4, 3, 2]), (9, &[4, 3, 2, 1])] {
        let newest = store.activities().newest(user, limit).await;
        let expected: Vec<_> = expected.iter().map(|number| appended(*number)).collect();
        assert_eq!(newest.unwrap().unwrap(), expected, "{limit}");
    }
}

fn first(order: Order) -> PageRequest {
    page(Start::First, order, 200)
}

/// From no filter to all of them.
fn filters() -> Vec<ActivityFilter> {
    let kind = ActivityFilter {
        kind: Some("odd".parse().unwrap()),
        ..ActivityFilter::default()
    };
    let window = ActivityFilter {
        // Between two rows: what happens at the moments themselves is said above.
        since: Some(moment(2).plus(Duration::from_millis(500))),
        until: Some(moment(7).plus(Duration::from_millis(500))),
        ..ActivityFilter::default()
    };
    let both = ActivityFilter {
        kind: kind.kind.clone(),
        ..window.clone()
    };
    vec![ActivityFilter::default(), kind, window, both]
}

async fn append(store: &dyn StoreFixture, user: UserId, new: &[NewActivity]) {
    let appended = store.activities().append(user, new).await.unwrap();
    assert!(appended.unwrap().into_iter().all(|new| new));
}

async fn list(
    store: &dyn StoreFixture,
    user: UserId,
    filter: &ActivityFilter,
    request: PageRequest,
) -> Slice<Activity> {
    let slice = store.activities().list(user, filter, &request).await;
    slice.unwrap().unwrap()
}

/// A user with 40 activities of two kinds, with many ties.
async fn many(store: &dyn StoreFixture) -> (UserId, Vec<Activity>) {
    let user = user_with(store, 1, 0).await;
    let new: Vec<NewActivity> = (1..=40)
        .map(|number| NewActivity {
            kind: if number % 2 == 0 { "even" } else { "odd" }
                .parse()
                .unwrap(),
            occurred_at: moment(number * 31 % 40 / 4),
            ..activity(number)
        })
        .collect();
    append(store, user, &new).await;
    (user, new.iter().map(as_appended).collect())
}

fn matching(rows: &[Activity], filter: &ActivityFilter) -> Vec<Activity> {
    let shows = |row: &&Activity| {
        filter.kind.as_ref().is_none_or(|kind| row.kind == *kind)
            && filter.since.is_none_or(|since| row.occurred_at >= since)
            && filter.until.is_none_or(|until| row.occurred_at < until)
    };
    rows.iter().filter(shows).cloned().collect()
}
