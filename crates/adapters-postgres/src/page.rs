//! From a page request to the parameters of a statement, and from its rows to the slice.

use crate::moment::Moment;
use roster_domain::pagination::{Order, PageRequest, Slice, Start};
use roster_domain::ports::{NewestOf, StoreError};
use sqlx::types::Uuid;

/// Where a statement starts to read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum From {
    /// After so many rows.
    Row(i64),
    /// Beyond a place.
    Place((Moment, Uuid)),
}

impl From {
    pub(crate) fn of(page: &PageRequest) -> Self {
        match page.start {
            Start::First => Self::Row(0),
            Start::Offset(offset) => Self::Row(i64::from(offset.get())),
            Start::After(at, id) | Start::Before(at, id) => Self::Place((Moment(at), id)),
        }
    }
}

/// The rows to read: one more than the page has, which says whether the list goes on.
pub(crate) fn limit(page: &PageRequest) -> i64 {
    i64::from(page.size.get()) + 1
}

/// The direction of reading: a page that ends before a place is read away from that place.
pub(crate) fn direction(page: &PageRequest) -> Order {
    match (page.start, page.order) {
        (Start::Before(..), Order::Descending) => Order::Ascending,
        (Start::Before(..), Order::Ascending) => Order::Descending,
        (_, order) => order,
    }
}

/// The slice out of rows that were read up to [`limit`], in [`direction`].
pub(crate) fn slice<R, T>(mut rows: Vec<R>, page: &PageRequest) -> Result<Slice<T>, StoreError>
where
    T: TryFrom<R, Error = StoreError>,
{
    let size = usize::from(page.size.get());
    let more = rows.len() > size;
    rows.truncate(size);
    let mut items = rows
        .into_iter()
        .map(T::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    if matches!(page.start, Start::Before(..)) {
        items.reverse();
    }
    Ok(Slice { items, more })
}

/// Whose newest rows a statement reads, as the columns of its parameters.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) users: Vec<Uuid>,
    pub(crate) limits: Vec<i32>,
}

impl Asked {
    pub(crate) fn of(asked: &[NewestOf]) -> Self {
        Self {
            users: asked.iter().map(|asked| asked.user.get()).collect(),
            limits: asked.iter().map(|asked| i32::from(asked.limit)).collect(),
        }
    }
}

/// The rows of each question, by the number of its place, which the server counts from 1;
/// `None` where there are none. They must be in the order of the places.
pub(crate) fn by_place<R>(
    rows: Vec<R>,
    asked: usize,
    place: impl Fn(&R) -> i64,
) -> Vec<Option<Vec<R>>> {
    let mut rows = rows.into_iter().peekable();
    (1..)
        .take(asked)
        .map(|number| {
            let mine: Vec<R> =
                std::iter::from_fn(|| rows.next_if(|row| place(row) == number)).collect();
            (!mine.is_empty()).then_some(mine)
        })
        .collect()
}
