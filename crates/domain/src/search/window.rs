use uuid::Uuid;

use super::{FoundUser, SearchFilter, SearchKeys, SearchPrefix, SearchRequest, SearchStart};
use crate::pagination::{Order, Slice};

/// What a store reads for a page of a search: the keys between two places, in one direction,
/// from each of its ranges so many rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchWindow {
    /// Whether the greatest keys are read first.
    pub descending: bool,
    /// Beyond which key and id reading begins; both are exclusive together.
    pub from: String,
    /// The id of that place.
    pub from_id: Uuid,
    /// Where reading ends: an exclusive end when ascending, an inclusive one when descending.
    pub to: String,
    /// The first key that begins with the prefix.
    pub first: String,
    /// What is greater than every key that begins with the prefix.
    pub end: String,
    /// How many rows of each range: one more than the page has, and those it skips.
    pub limit: i64,
    prefix: SearchPrefix,
    skipped: usize,
    size: usize,
    /// Whether the rows come in the opposite of the order of the search.
    reversed: bool,
}

impl SearchWindow {
    /// What a page reads.
    pub fn of(filter: &SearchFilter, request: &SearchRequest) -> Self {
        let reversed = matches!(request.start, SearchStart::Before(..));
        let descending = (request.order == Order::Descending) != reversed;
        let (first, end) = (filter.prefix.as_str().to_owned(), filter.prefix.end());
        let skipped = match request.start {
            SearchStart::Offset(offset) => offset.get(),
            _ => 0,
        };
        let (from, from_id) = match request.start {
            SearchStart::After(key, id) | SearchStart::Before(key, id) => {
                (key.as_str().to_owned(), id)
            }
            // No id is nil: the first key itself is beyond it, and no key is the end itself.
            _ if descending => (end.clone(), Uuid::nil()),
            _ => (first.clone(), Uuid::nil()),
        };
        Self {
            descending,
            from,
            from_id,
            to: if descending {
                first.clone()
            } else {
                end.clone()
            },
            first,
            end,
            limit: i64::from(skipped) + i64::from(request.size.get()) + 1,
            prefix: filter.prefix,
            skipped: usize::try_from(skipped).unwrap_or(usize::MAX),
            size: usize::from(request.size.get()),
            reversed,
        }
    }

    /// The ranges of addresses: by how many characters name and address share.
    pub fn shared(&self) -> impl Iterator<Item = u8> {
        self.prefix.shared()
    }

    /// The page, from the rows of all ranges in any order.
    pub fn slice(&self, mut rows: Vec<FoundUser>) -> Slice<FoundUser> {
        rows.sort_by_key(|found| (found.key, found.summary.id));
        if self.descending {
            rows.reverse();
        }
        rows.drain(..self.skipped.min(rows.len()));
        let more = rows.len() > self.size;
        rows.truncate(self.size);
        if self.reversed {
            rows.reverse();
        }
        Slice { items: rows, more }
    }
}

impl SearchPrefix {
    /// The numbers of shared characters with which an address can be found and the name not:
    /// fewer than the prefix has. The last number stands for all from it on.
    pub fn shared(&self) -> impl Iterator<Item = u8> + use<> {
        let chars = u8::try_from(self.chars()).unwrap_or(u8::MAX);
        0..=chars.saturating_sub(1).min(SearchKeys::MOST_SHARED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_share_the_prefix_with_the_name_are_not_read() {
        let shared = |prefix: &str| -> Vec<u8> {
            prefix.parse::<SearchPrefix>().unwrap().shared().collect()
        };
        assert_eq!(shared("an"), [0, 1]);
        assert_eq!(shared("anna"), [0, 1, 2, 3]);
        assert_eq!(shared("annabell"), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(shared("annabella and longer").last(), Some(&8));
    }
}
