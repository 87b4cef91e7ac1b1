use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::{SearchKey, SearchStart};
use crate::pagination::{CursorError, FilterHash, Order, Sealed};

/// A place in the result of one search; opaque, and no authority.
///
/// Layout, 26 to 122 octets in base64url: format (1), flags (1: bit 0 backwards, bit 1
/// ascending), id (16), filter hash (4), the key, CRC-32 of all before (4); big endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchCursor {
    /// Where the page starts: [`SearchStart::After`] or [`SearchStart::Before`].
    pub start: SearchStart,
    /// The order of the search it was made for.
    pub order: Order,
    /// What the search it was made for looks for.
    pub filter: FilterHash,
}

const FORMAT: u8 = 2;

impl fmt::Display for SearchCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, id, backwards) = match self.start {
            SearchStart::After(key, id) => (key, id, false),
            SearchStart::Before(key, id) => (key, id, true),
            SearchStart::First | SearchStart::Offset(_) => return Err(fmt::Error),
        };
        let mut content = id.as_bytes().to_vec();
        content.extend_from_slice(&self.filter.bits().to_be_bytes());
        content.extend_from_slice(key.as_str().as_bytes());
        let sealed = Sealed {
            backwards,
            order: self.order,
            content,
        };
        f.write_str(&sealed.seal(FORMAT))
    }
}

impl FromStr for SearchCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let sealed = Sealed::open(FORMAT, text)?;
        let (id, rest) = sealed.content.split_first_chunk().ok_or(CursorError)?;
        let (filter, key) = rest.split_first_chunk().ok_or(CursorError)?;
        let key = str::from_utf8(key).map_err(|_| CursorError)?;
        if key.len() > SearchKey::MAX_OCTETS || key.contains('\0') {
            return Err(CursorError);
        }
        let (key, id) = (SearchKey::stored(key), Uuid::from_bytes(*id));
        Ok(Self {
            start: if sealed.backwards {
                SearchStart::Before(key, id)
            } else {
                SearchStart::After(key, id)
            },
            order: sealed.order,
            filter: FilterHash::from_bits(u32::from_be_bytes(*filter)),
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;
    use crate::pagination::ActiveFilter;
    use crate::search::SearchFilter;

    fn sample() -> SearchCursor {
        let filter = SearchFilter {
            prefix: "zo".parse().unwrap(),
            active: ActiveFilter::Active,
        };
        SearchCursor {
            start: SearchStart::After(
                SearchKey::of("Zoë Müller"),
                Uuid::from_u128(0x0190_c2a8_7d3e_7c5b_9f1e_3a2b_1c0d_9e8f),
            ),
            order: Order::Ascending,
            filter: FilterHash::from(&filter),
        }
    }

    #[test]
    fn another_search_has_another_hash() {
        let hash = |prefix: &str, active| {
            let prefix = prefix.parse().unwrap();
            FilterHash::from(&SearchFilter { prefix, active })
        };
        let first = hash("zo", ActiveFilter::Active);
        assert_ne!(first, hash("zoe", ActiveFilter::Active));
        assert_ne!(first, hash("zo", ActiveFilter::Any));
        assert_eq!(first, hash("ZÖ", ActiveFilter::Active));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let octets = URL_SAFE_NO_PAD.decode(sample().to_string()).unwrap();
        for bit in 0..octets.len() * 8 {
            let mut flipped = octets.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let text = URL_SAFE_NO_PAD.encode(flipped);
            assert_eq!(text.parse::<SearchCursor>(), Err(CursorError), "bit {bit}");
        }
    }

    #[test]
    fn a_cursor_of_a_list_is_none_of_a_search() {
        let of_a_list = "AQAABkdIRiIiQAGQwqh9Pnxbnx46KxwNno9LCOyWHKBpVQ";
        assert_eq!(of_a_list.parse::<SearchCursor>(), Err(CursorError));
        let of_a_search = sample().to_string();
        assert!(of_a_search.parse::<crate::pagination::Cursor>().is_err());
    }

    proptest! {
        #[test]
        fn comes_back_as_it_went(key in "\\PC{0,40}", id: u128, backwards: bool, ascending: bool) {
            let (key, id) = (SearchKey::of(&key), Uuid::from_u128(id));
            let start = if backwards {
                SearchStart::Before(key, id)
            } else {
                SearchStart::After(key, id)
            };
            let order = if ascending { Order::Ascending } else { Order::Descending };
            let cursor = SearchCursor { start, order, ..sample() };
            let text = cursor.to_string();
            prop_assert!(text.len() <= 512);
            prop_assert_eq!(text.parse(), Ok(cursor));
        }

        #[test]
        fn anything_else_is_refused_without_a_panic(text in "\\PC{0,80}") {
            prop_assert_eq!(text.parse::<SearchCursor>(), Err(CursorError));
        }
    }
}
