use std::str::FromStr;

use roster_domain::pagination::{ActiveFilter, Cursor, CursorError, FilterHash, Order, RowOffset};
use roster_domain::search::{SearchCursor, SearchFilter, SearchPrefix, SearchRequest, SearchStart};

use super::Parameters;
use crate::endpoints::paging;
use crate::extract::refused;
use crate::problem::Problem;

/// A cursor of the list or of a search: which one it is decides whether it fits.
#[derive(Clone, Copy)]
pub(super) enum AnyCursor {
    OfList(Cursor),
    OfSearch(SearchCursor),
}

impl FromStr for AnyCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        match text.parse() {
            Ok(cursor) => Ok(Self::OfList(cursor)),
            Err(CursorError) => text.parse().map(Self::OfSearch),
        }
    }
}

/// What is looked for, and how it was written.
pub(super) struct Searched {
    prefix: SearchPrefix,
    pub(super) text: String,
}

impl Searched {
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        let accepted = "the beginning of a name or an address, 2 characters or more and no NUL";
        let prefix = text.parse().map_err(|_| refused("q", accepted))?;
        let text = text.to_owned();
        Ok(Self { prefix, text })
    }

    pub(super) fn filter(&self, active: ActiveFilter) -> SearchFilter {
        SearchFilter {
            prefix: self.prefix,
            active,
        }
    }
}

impl Parameters {
    /// The page of a search.
    pub(super) fn search(&self, filter: &SearchFilter) -> Result<SearchRequest, Problem> {
        let size = self.size.or(self.limit).unwrap_or_default();
        let order = match self.order.word {
            Some(_) => self.order.value,
            None => Order::Ascending,
        };
        let start = if self.is_numbered() {
            SearchStart::Offset(
                RowOffset::of_page(self.page.unwrap_or(1), size).ok_or_else(|| self.too_deep())?,
            )
        } else {
            match self.cursor {
                None => SearchStart::First,
                Some(AnyCursor::OfSearch(cursor))
                    if cursor.order == order && cursor.filter == FilterHash::from(filter) =>
                {
                    cursor.start
                }
                Some(_) => return Err(paging::mismatch()),
            }
        };
        Ok(SearchRequest { start, order, size })
    }
}
