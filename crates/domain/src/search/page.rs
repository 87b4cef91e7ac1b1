use uuid::Uuid;

use super::{SearchCursor, SearchKey, SearchPrefix};
use crate::UserSummary;
use crate::pagination::{ActiveFilter, FilterHash, Order, PageSize, RowOffset, Slice};

/// Which users a search finds. Deleted ones are found by none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SearchFilter {
    /// What the name or the address begins with.
    pub prefix: SearchPrefix,
    /// By whether they may act.
    pub active: ActiveFilter,
}

impl From<&SearchFilter> for FilterHash {
    fn from(filter: &SearchFilter) -> Self {
        Self::of(&[
            "search",
            filter.prefix.as_str(),
            match filter.active {
                ActiveFilter::Active => "active",
                ActiveFilter::Inactive => "inactive",
                ActiveFilter::Any => "any",
            },
        ])
    }
}

/// Where a page of a search starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SearchStart {
    /// At the first user found.
    #[default]
    First,
    /// With the user that follows this place in the order of the search.
    After(SearchKey, Uuid),
    /// With the page that ends just before this place in the order of the search.
    Before(SearchKey, Uuid),
    /// So many users down.
    Offset(RowOffset),
}

/// One page of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchRequest {
    /// Where it starts.
    pub start: SearchStart,
    /// Which end comes first.
    pub order: Order,
    /// How many users at the most.
    pub size: PageSize,
}

/// A user that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundUser {
    /// What lists show.
    pub summary: UserSummary,
    /// By which key it was found: that of the name where both begin with what was looked for.
    pub key: SearchKey,
}

/// One page of a search and the ways on from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPage {
    /// The users in the order of the search.
    pub items: Vec<UserSummary>,
    /// The page after this one; `None` at the end.
    pub next: Option<SearchCursor>,
    /// The page before this one; `None` at the beginning.
    pub prev: Option<SearchCursor>,
}

impl FoundPage {
    /// The page that `slice` is the answer of.
    pub fn new(filter: &SearchFilter, request: &SearchRequest, slice: Slice<FoundUser>) -> Self {
        use SearchStart::{After, Before, First, Offset};
        let (before, after) = match request.start {
            Before(..) => (slice.more, true),
            First => (false, slice.more),
            Offset(offset) => (offset.get() > 0, slice.more),
            After(..) => (true, slice.more),
        };
        let cursor = |start| SearchCursor {
            start,
            order: request.order,
            filter: FilterHash::from(filter),
        };
        let place = |found: &FoundUser| (found.key, found.summary.id.get());
        let last = slice.items.last().map(place).filter(|_| after);
        let first = slice.items.first().map(place).filter(|_| before);
        // Nothing is left on this side of the place: the way back starts at the place itself.
        let (next, prev) = match (slice.items.is_empty(), request.start) {
            (true, After(key, id)) => (None, Some(Before(key, id))),
            (true, Before(key, id)) => (Some(After(key, id)), None),
            _ => (
                last.map(|(key, id)| After(key, id)),
                first.map(|(key, id)| Before(key, id)),
            ),
        };
        Self {
            items: slice.items.into_iter().map(|found| found.summary).collect(),
            next: next.map(cursor),
            prev: prev.map(cursor),
        }
    }
}
