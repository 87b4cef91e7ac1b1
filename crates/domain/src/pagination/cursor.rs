use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::sealed::Sealed;
use super::{Order, Start};
use crate::Timestamp;

/// A place in one list that a client keeps and hands back; opaque, and no authority.
///
/// Layout, 34 octets in base64url: format (1), flags (1: bit 0 backwards, bit 1 ascending),
/// microseconds (8), id (16), filter hash (4), CRC-32 of all before (4); big endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Where the page starts: [`Start::After`] or [`Start::Before`].
    pub start: Start,
    /// The order of the list it was made for.
    pub order: Order,
    /// The filters of the list it was made for.
    pub filter: FilterHash,
}

/// The filters of a list as 32 bits, so that a cursor of one list is refused by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterHash(u32);

impl FilterHash {
    /// The hash with these bits.
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Its bits.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// The hash of a filter's parts.
    pub(crate) fn of(parts: &[&str]) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        for part in parts {
            hasher.update(part.as_bytes());
            // No part contains this octet, so that parts cannot run into each other.
            hasher.update(&[0xff]);
        }
        Self(hasher.finalize())
    }
}

/// A text that is not a cursor of this format, whatever is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct CursorError;

const FORMAT: u8 = 1;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, id, backwards) = match self.start {
            Start::After(at, id) => (at, id, false),
            Start::Before(at, id) => (at, id, true),
            Start::First | Start::Offset(_) => return Err(fmt::Error),
        };
        let mut content = Vec::with_capacity(28);
        content.extend_from_slice(&at.unix_micros().to_be_bytes());
        content.extend_from_slice(id.as_bytes());
        content.extend_from_slice(&self.filter.0.to_be_bytes());
        let sealed = Sealed {
            backwards,
            order: self.order,
            content,
        };
        f.write_str(&sealed.seal(FORMAT))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let sealed = Sealed::open(FORMAT, text)?;
        let (at, rest) = sealed.content.split_first_chunk().ok_or(CursorError)?;
        let (id, filter) = rest.split_first_chunk().ok_or(CursorError)?;
        let at = Timestamp::from_unix_micros(i64::from_be_bytes(*at)).map_err(|_| CursorError)?;
        let id = Uuid::from_bytes(*id);
        let filter = filter.try_into().map_err(|_| CursorError)?;
        Ok(Self {
            start: if sealed.backwards {
                Start::Before(at, id)
            } else {
                Start::After(at, id)
            },
            order: sealed.order,
            filter: FilterHash(u32::from_be_bytes(filter)),
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;
    use crate::pagination::{ActiveFilter, UserFilter};

    fn sample() -> Cursor {
        let at = Timestamp::from_unix_micros(1_767_225_600_123_456).unwrap();
        let start = Start::After(
            at,
            Uuid::from_u128(0x0190_c2a8_7d3e_7c5b_9f1e_3a2b_1c0d_9e8f),
        );
        Cursor {
            start,
            order: Order::Descending,
            filter: FilterHash::from(&UserFilter::default()),
        }
    }

    #[test]
    fn the_format_of_a_release_is_read_by_the_next() {
        let frozen = "AQAABkdIRiIiQAGQwqh9Pnxbnx46KxwNno9LCOyWHKBpVQ";
        assert_eq!(sample().to_string(), frozen);
        assert_eq!(frozen.parse(), Ok(sample()));
    }

    #[test]
    fn another_filter_has_another_hash() {
        let hash = |active| FilterHash::from(&UserFilter { active });
        assert_ne!(hash(ActiveFilter::Active), hash(ActiveFilter::Any));
        assert_ne!(hash(ActiveFilter::Inactive), hash(ActiveFilter::Any));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let octets = URL_SAFE_NO_PAD.decode(sample().to_string()).unwrap();
        for bit in 0..octets.len() * 8 {
            let mut flipped = octets.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let text = URL_SAFE_NO_PAD.encode(flipped);
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn comes_back_as_it_went(micros in -62_167_219_200_000_000i64..253_402_300_800_000_000, id: u128, backwards: bool, ascending: bool) {
            let (at, id) = (Timestamp::from_unix_micros(micros).unwrap(), Uuid::from_u128(id));
            let start = if backwards { Start::Before(at, id) } else { Start::After(at, id) };
            let order = if ascending { Order::Ascending } else { Order::Descending };
            let cursor = Cursor { start, order, ..sample() };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn anything_else_is_refused_without_a_panic(text in "\\PC{0,80}") {
            prop_assert_eq!(text.parse::<Cursor>(), Err(CursorError));
        }
    }
}
