//! Pages of notifications.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::pagination::{Order, PageRequest, Positioned as _, Slice, Start};
use roster_domain::{NewNotification, Notification, NotificationState, UserId};

use super::{archived, created, patch, read, user_with};
use crate::StoreFixture;
use crate::lists::{assert_walks_backwards, assert_walks_forwards, in_order};
use crate::samples::{as_created, moment, notification, page};

const STATES: [NotificationState; 4] = [
    NotificationState::Unread,
    NotificationState::Read,
    NotificationState::Archived,
    NotificationState::All,
];
const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

pub async fn notifications_come_back_as_they_were_given(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    let slice = list(store, user, NotificationState::All, first(Order::Ascending)).await;
    assert_eq!(slice.items, [created(1), created(2)]);
    assert!(!slice.more);
}

pub async fn notifications_are_ordered_by_created_at_then_id(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 0).await;
    let mut rows = Vec::new();
    for (number, seconds) in [(5, 1), (1, 2), (3, 2), (2, 2), (4, 0)] {
        let new = NewNotification {
            created_at: moment(seconds),
            ..notification(number)
        };
        let answer = store.notifications().create(user, &new).await;
        rows.push(answer.unwrap().unwrap().notification);
    }
    for order in ORDERS {
        let slice = list(store, user, NotificationState::All, first(order)).await;
        assert_eq!(slice.items, in_order(&rows, order), "{order:?}");
    }
}

pub async fn a_list_of_notifications_shows_the_state_that_it_names(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 4).await;
    patch(store, user, 2, read(true), 1).await;
    patch(store, user, 3, archived(true), 1).await;
    patch(store, user, 4, read(true), 1).await;
    patch(store, user, 4, archived(true), 1).await;
    for (state, expected) in [
        (NotificationState::Unread, &[1][..]),
        (NotificationState::Read, &[2]),
        (NotificationState::Archived, &[3, 4]),
        (NotificationState::All, &[1, 2, 3, 4]),
    ] {
        let slice = list(store, user, state, first(Order::Ascending)).await;
        let shown: Vec<_> = slice.items.iter().map(|row| row.id).collect();
        let expected: Vec<_> = expected.iter().map(|number| created(*number).id).collect();
        assert_eq!(shown, expected, "{state:?}");
    }
}

pub async fn a_walk_forwards_meets_each_notification_once(store: &dyn StoreFixture) {
    let (user, rows) = many(store).await;
    for state in STATES {
        let shown = matching(&rows, state);
        for order in ORDERS {
            for size in [1, 2, 3, 7] {
                assert_walks_forwards(&shown, order, size, |request| async move {
                    list(store, user, state, request).await
                })
                .await;
            }
        }
    }
}

pub async fn a_walk_backwards_meets_each_notification_once(store: &dyn StoreFixture) {
    let (user, rows) = many(store).await;
    for state in STATES {
        let shown = matching(&rows, state);
        for order in ORDERS {
            for size in [1, 2, 3, 7] {
                assert_walks_backwards(&shown, order, size, |request| async move {
                    list(store, user, state, request).await
                })
                .await;
            }
        }
    }
}

pub async fn a_walk_goes_on_from_a_notification_that_left_the_list(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 5).await;
    let gone = patch(store, user, 3, read(true), 1).await.0;
    let (at, id) = gone.position();
    for (start, order, number) in [
        (Start::After(at, id), Order::Ascending, 4),
        (Start::After(at, id), Order::Descending, 2),
        (Start::Before(at, id), Order::Ascending, 2),
        (Start::Before(at, id), Order::Descending, 4),
    ] {
        let request = page(start, order, 1);
        let slice = list(store, user, NotificationState::Unread, request).await;
        assert_eq!(slice.items, [created(number)], "{start:?} {order:?}");
        assert!(slice.more, "{start:?} {order:?}");
    }
}

pub async fn an_empty_list_of_notifications_is_a_page_without_rows(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 0).await;
    for state in STATES {
        let slice = list(store, user, state, first(Order::Descending)).await;
        assert_eq!(slice.items, [], "{state:?}");
        assert!(!slice.more, "{state:?}");
    }
}

pub async fn newest_unread_answers_the_newest_first_and_counts_all(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 5).await;
    patch(store, user, 4, read(true), 1).await;
    for (limit, expected) in [(2, &[5, 3][..]), (4, &[5, 3, 2, 1]), (50, &[5, 3, 2, 1])] {
        let newest = store.notifications().newest_unread(user, limit).await;
        let newest = newest.unwrap().unwrap();
        let expected: Vec<_> = expected.iter().map(|number| created(*number)).collect();
        assert_eq!(newest.items, expected, "{limit}");
        assert_eq!(newest.unread, 4, "{limit}");
    }
}

fn first(order: Order) -> PageRequest {
    page(Start::First, order, 50)
}

async fn list(
    store: &dyn StoreFixture,
    user: UserId,
    state: NotificationState,
    request: PageRequest,
) -> Slice<Notification> {
    let slice = store.notifications().list(user, state, &request).await;
    slice.unwrap().unwrap()
}

/// A user with 40 notifications in every state, with many ties.
async fn many(store: &dyn StoreFixture) -> (UserId, Vec<Notification>) {
    let user = user_with(store, 1, 0).await;
    let mut rows = Vec::new();
    for number in 1..=40 {
        let new = NewNotification {
            created_at: moment(number * 31 % 40 / 4),
            ..notification(number)
        };
        let answer = store.notifications().create(user, &new).await;
        assert!(answer.unwrap().unwrap().created);
        let mut row = as_created(&new);
        if number % 2 == 0 {
            row = patch(store, user, number, read(true), number).await.0;
        }
        if number % 3 == 0 {
            row = patch(store, user, number, archived(true), number).await.0;
        }
        rows.push(row);
    }
    (user, rows)
}

fn matching(rows: &[Notification], state: NotificationState) -> Vec<Notification> {
    rows.iter()
        .filter(|row| match state {
            NotificationState::Unread => row.is_unread(),
            NotificationState::Read => row.read_at.is_some() && row.archived_at.is_none(),
            NotificationState::Archived => row.archived_at.is_some(),
            NotificationState::All => true,
        })
        .cloned()
        .collect()
}
