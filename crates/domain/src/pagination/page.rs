use uuid::Uuid;

use super::{Cursor, FilterHash};
use crate::{Activity, Invalid, Notification, Timestamp, UserSummary};

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Newest first.
    #[default]
    Descending,
    /// Oldest first.
    Ascending,
}

/// How many rows a page has: 1 to 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u16);

impl PageSize {
    /// The most rows a page has.
    pub const MAX: Self = Self(200);

    /// So many rows; more than [`Self::MAX`] become it, and 0 is refused.
    pub fn new(rows: u64) -> Result<Self, Invalid> {
        match u16::try_from(rows.min(u64::from(Self::MAX.0))) {
            Ok(rows) if rows > 0 => Ok(Self(rows)),
            _ => Err(Invalid::new("out_of_range", "A page has at least 1 row.")),
        }
    }

    /// The number of rows.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl Default for PageSize {
    /// 50 rows.
    fn default() -> Self {
        Self(50)
    }
}

/// How many rows a numbered page skips: shallow only, because a store reads every one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowOffset(u32);

impl RowOffset {
    /// The last row that a numbered page may show.
    pub const DEEPEST_ROW: u32 = 10_000;

    /// The rows before page `page` (the first is 1); `None` when the page ends beyond [`Self::DEEPEST_ROW`].
    pub fn of_page(page: u64, size: PageSize) -> Option<Self> {
        let size = u64::from(size.get());
        let end = page.checked_mul(size)?;
        let skipped = end.checked_sub(size)?;
        (page > 0 && end <= u64::from(Self::DEEPEST_ROW))
            .then(|| u32::try_from(skipped).ok().map(Self))
            .flatten()
    }

    /// The number of rows.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The place of a row in its list: a moment, and the id that breaks ties.
pub trait Positioned {
    /// The moment and the id.
    fn position(&self) -> (Timestamp, Uuid);
}

impl Positioned for UserSummary {
    fn position(&self) -> (Timestamp, Uuid) {
        (self.created_at, self.id.get())
    }
}

impl Positioned for Notification {
    fn position(&self) -> (Timestamp, Uuid) {
        (self.created_at, self.id.get())
    }
}

impl Positioned for Activity {
    fn position(&self) -> (Timestamp, Uuid) {
        (self.occurred_at, self.id.get())
    }
}

/// Where a page starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// At the first row of the list.
    #[default]
    First,
    /// With the row that follows this place in the list's order.
    After(Timestamp, Uuid),
    /// With the page that ends just before this place in the list's order.
    Before(Timestamp, Uuid),
    /// So many rows down.
    Offset(RowOffset),
}

/// One page of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Where it starts.
    pub start: Start,
    /// Which end of the list comes first.
    pub order: Order,
    /// How many rows at the most.
    pub size: PageSize,
}

/// What a repository found for a [`PageRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice<T> {
    /// The rows in the list's order, also when the page was read backwards.
    pub items: Vec<T>,
    /// Whether the list goes on beyond these rows in the direction they were read: after the
    /// last one, or before the first one when the start was [`Start::Before`].
    pub more: bool,
}

/// One page and the ways on from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows in the list's order.
    pub items: Vec<T>,
    /// The page after this one; `None` at the end.
    pub next: Option<Cursor>,
    /// The page before this one; `None` at the beginning.
    pub prev: Option<Cursor>,
}

impl<T: Positioned> Page<T> {
    /// The page that `slice` is the answer of, with cursors bound to `filter`.
    pub fn new(request: &PageRequest, filter: FilterHash, slice: Slice<T>) -> Self {
        let backwards = matches!(request.start, Start::Before(..));
        let follows = !matches!(request.start, Start::First);
        let skips = !matches!(request.start, Start::Offset(offset) if offset.get() == 0);
        let (before, after) = if backwards {
            (slice.more, true)
        } else {
            (follows && skips, slice.more)
        };
        let cursor = |start| Cursor {
            start,
            order: request.order,
            filter,
        };
        let next = slice.items.last().filter(|_| after).map(|row| {
            let (at, id) = row.position();
            cursor(Start::After(at, id))
        });
        let prev = slice.items.first().filter(|_| before).map(|row| {
            let (at, id) = row.position();
            cursor(Start::Before(at, id))
        });
        // Nothing is left on this side of the place: the way back starts at the place itself.
        let (next, prev) = match (slice.items.is_empty(), request.start) {
            (true, Start::After(at, id)) => (None, Some(cursor(Start::Before(at, id)))),
            (true, Start::Before(at, id)) => (Some(cursor(Start::After(at, id))), None),
            _ => (next, prev),
        };
        Self {
            items: slice.items,
            next,
            prev,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_never_has_more_than_200_rows() {
        assert_eq!(PageSize::new(u64::MAX).map(PageSize::get), Ok(200));
        assert_eq!(PageSize::new(1).map(PageSize::get), Ok(1));
        assert!(PageSize::new(0).is_err());
    }

    #[test]
    fn numbered_pages_end_at_row_10_000() {
        let size = PageSize::new(50).unwrap();
        assert_eq!(RowOffset::of_page(1, size).map(RowOffset::get), Some(0));
        assert_eq!(
            RowOffset::of_page(200, size).map(RowOffset::get),
            Some(9_950)
        );
        assert_eq!(RowOffset::of_page(201, size), None);
        assert_eq!(RowOffset::of_page(0, size), None);
        assert_eq!(RowOffset::of_page(u64::MAX, size), None);
    }
}
