//! Walking through what a search finds.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::collections::BTreeSet;

use roster_domain::pagination::{ActiveFilter, Order, PageSize, RowOffset};
use roster_domain::search::{FoundUser, SearchKey, SearchStart};
use roster_domain::{NewUser, UserId};

use super::{filter, find, found_ids, ids, insert, named, request};
use crate::StoreFixture;
use crate::samples::{later, rename, user_id};

pub async fn found_users_are_ordered_by_key_then_id(store: &dyn StoreFixture) {
    crowd(store).await;
    let found = find(store, "an").await;
    let places: Vec<(SearchKey, UserId)> = found
        .iter()
        .map(|found| (found.key, found.summary.id))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(found.len(), 30);
}

pub async fn the_order_can_be_turned_round(store: &dyn StoreFixture) {
    crowd(store).await;
    let mut ascending = found_ids(store, "an").await;
    let first = request(SearchStart::First, Order::Descending, 200);
    let filter = filter("an", ActiveFilter::Active);
    let descending = store.search().search(&filter, &first).await.unwrap();
    ascending.reverse();
    assert_eq!(ids(&descending.items), ascending);
}

pub async fn a_search_is_walked_forwards_meeting_each_once(store: &dyn StoreFixture) {
    crowd(store).await;
    for order in [Order::Ascending, Order::Descending] {
        for active in [ActiveFilter::Active, ActiveFilter::Any] {
            let walked = walk(store, active, order, SearchStart::First).await;
            let mut expected = all(store, active).await;
            if order == Order::Descending {
                expected.reverse();
            }
            assert_eq!(walked, expected, "{order:?} {active:?}");
        }
    }
}

pub async fn a_search_is_walked_backwards_meeting_each_once(store: &dyn StoreFixture) {
    crowd(store).await;
    let expected = all(store, ActiveFilter::Any).await;
    let filter = filter("an", ActiveFilter::Any);
    let last = SearchStart::Before(SearchKey::stored("ao"), user_id(0).get());
    let (mut walked, mut start) = (Vec::new(), last);
    for _ in 0..MOST_PAGES {
        let request = request(start, Order::Ascending, 7);
        let page = store.search().search(&filter, &request).await.unwrap();
        let Some(first) = page.items.first() else {
            break;
        };
        start = SearchStart::Before(first.key, first.summary.id.get());
        let (more, mut page) = (page.more, ids(&page.items));
        page.append(&mut walked);
        walked = page;
        if !more {
            break;
        }
    }
    assert_eq!(walked, expected);
}

pub async fn a_search_is_paged_by_numbers_meeting_each_once(store: &dyn StoreFixture) {
    crowd(store).await;
    let filter = filter("an", ActiveFilter::Active);
    let size = PageSize::new(7).unwrap();
    let mut paged = Vec::new();
    for number in 1..MOST_PAGES {
        let start = SearchStart::Offset(RowOffset::of_page(number, size).unwrap());
        let request = request(start, Order::Ascending, 7);
        let page = store.search().search(&filter, &request).await.unwrap();
        paged.append(&mut ids(&page.items));
        if !page.more {
            break;
        }
    }
    assert_eq!(paged, found_ids(store, "an").await);
}

pub async fn a_search_goes_on_from_a_user_that_is_gone(store: &dyn StoreFixture) {
    crowd(store).await;
    let found = find(store, "an").await;
    let gone = &found[9];
    let deleted = store.users();
    let deleted = deleted.soft_delete(gone.summary.id, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    let start = SearchStart::After(gone.key, gone.summary.id.get());
    let rest = walk(store, ActiveFilter::Active, Order::Ascending, start).await;
    assert_eq!(rest, ids(&found[10..]));
}

pub async fn a_search_meets_untouched_users_once_while_others_are_renamed(
    store: &dyn StoreFixture,
) {
    crowd(store).await;
    let restless: BTreeSet<UserId> = (1..=30).filter(|n| n % 3 == 0).map(user_id).collect();
    let all = found_ids(store, "an").await;
    let expected: Vec<_> = all
        .into_iter()
        .filter(|id| !restless.contains(id))
        .collect();
    let filter = filter("an", ActiveFilter::Active);
    let (mut walked, mut start) = (Vec::new(), SearchStart::First);
    let mut turn = 0_u64;
    for _ in 0..MOST_PAGES {
        let request = request(start, Order::Ascending, 4);
        let page = store.search().search(&filter, &request).await.unwrap();
        walked.append(&mut ids(&page.items));
        let Some(last) = page.items.last().filter(|_| page.more) else {
            break;
        };
        start = SearchStart::After(last.key, last.summary.id.get());
        for (id, far) in restless.iter().zip([true, false].into_iter().cycle()) {
            turn += 1;
            let called = if far { "Anz" } else { "An" };
            let renamed = rename(&format!("{called} {turn}"));
            let patched = store.users().patch(*id, &renamed, None, later(turn)).await;
            assert!(patched.unwrap().is_some());
        }
    }
    walked.retain(|id| !restless.contains(id));
    assert_eq!(walked, expected);
}

/// More pages than any walk here has: one that does not end is a failure.
const MOST_PAGES: u64 = 200;

/// Thirty users that "an" finds, by name, by address and by both, some with one name, and as
/// many others; every fifth may not act.
async fn crowd(store: &dyn StoreFixture) {
    for number in 1..=30 {
        let new = match number % 4 {
            0 => named(number, "Ann", &format!("ann.{number}@example.com")),
            1 => named(
                number,
                &format!("Anna {number}"),
                &format!("x{number}@example.com"),
            ),
            2 => named(number, "Bob", &format!("an{number}@example.com")),
            _ => named(number, "Änne", &format!("ann-{number}@example.com")),
        };
        insert(store, &new).await;
        let other = named(100 + number, "Bob", &format!("bob{number}@example.com"));
        insert(store, &other).await;
        let passive = NewUser {
            is_active: false,
            ..named(200 + number, "Ann", &format!("annie{number}@example.com"))
        };
        insert(store, &passive).await;
    }
}

async fn all(store: &dyn StoreFixture, active: ActiveFilter) -> Vec<UserId> {
    let first = request(SearchStart::First, Order::Ascending, 200);
    let found = store.search().search(&filter("an", active), &first).await;
    let found = found.unwrap();
    assert!(!found.more);
    ids(&found.items)
}

async fn walk(
    store: &dyn StoreFixture,
    active: ActiveFilter,
    order: Order,
    mut start: SearchStart,
) -> Vec<UserId> {
    let filter = filter("an", active);
    let mut walked = Vec::new();
    for _ in 0..MOST_PAGES {
        let request = request(start, order, 7);
        let page = store.search().search(&filter, &request).await.unwrap();
        walked.append(&mut ids(&page.items));
        match page.items.last() {
            Some(FoundUser { key, summary }) if page.more => {
                start = SearchStart::After(*key, summary.id.get());
            }
            _ => return walked,
        }
    }
    panic!("the walk does not end");
}
