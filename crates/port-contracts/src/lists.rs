//! What the lists of users, notifications and activities have in common.

use std::fmt::Debug;
use std::future::Future;

use roster_domain::pagination::{Order, PageRequest, Positioned, Slice, Start};

use crate::samples::page;

/// `rows` as a list in this order shows them.
pub(crate) fn in_order<T: Positioned + Clone>(rows: &[T], order: Order) -> Vec<T> {
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(Positioned::position);
    if order == Order::Descending {
        sorted.reverse();
    }
    sorted
}

/// Walks from the first row to the last and asserts that the list is exactly `rows`.
pub(crate) async fn assert_walks_forwards<T, A, F>(rows: &[T], order: Order, size: u64, ask: A)
where
    T: Positioned + Clone + PartialEq + Debug + Send + Sync,
    A: Fn(PageRequest) -> F + Send,
    F: Future<Output = Slice<T>> + Send,
{
    let expected = in_order(rows, order);
    let mut met: Vec<T> = Vec::new();
    let mut start = Start::First;
    loop {
        let slice = ask(page(start, order, size)).await;
        assert!(slice.items.len() <= usize::try_from(size).unwrap());
        met.extend(slice.items);
        assert!(met.len() <= expected.len(), "a row came twice: {met:?}");
        let more = met.len() < expected.len();
        assert_eq!(slice.more, more, "{} of {}", met.len(), expected.len());
        match met.last() {
            Some(last) if more => {
                let (at, id) = last.position();
                start = Start::After(at, id);
            }
            _ => break,
        }
    }
    assert_eq!(met, expected);
}

/// Walks from the last row to the first and asserts that the list is exactly `rows`.
pub(crate) async fn assert_walks_backwards<T, A, F>(rows: &[T], order: Order, size: u64, ask: A)
where
    T: Positioned + Clone + PartialEq + Debug + Send + Sync,
    A: Fn(PageRequest) -> F + Send,
    F: Future<Output = Slice<T>> + Send,
{
    let expected = in_order(rows, order);
    // The last row is known: the walk begins just before it.
    let Some((last, mut before)) = expected.split_last() else {
        return;
    };
    let mut place = last.position();
    while !before.is_empty() {
        let slice = ask(page(Start::Before(place.0, place.1), order, size)).await;
        let taken = before.len().min(usize::try_from(size).unwrap());
        let (rest, wanted) = before.split_at(before.len() - taken);
        assert_eq!(slice.items, wanted, "before {place:?}");
        assert_eq!(slice.more, !rest.is_empty(), "before {place:?}");
        place = wanted.first().unwrap().position();
        before = rest;
    }
    let slice = ask(page(Start::Before(place.0, place.1), order, size)).await;
    assert_eq!(slice.items, [], "before the first row");
    assert!(!slice.more, "before the first row");
}
