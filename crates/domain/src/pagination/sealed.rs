//! What every cursor has in common: format, flags and a checksum around what it says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{CursorError, Order};

/// A cursor's format, flags and content; sealed, they are format (1), flags (1: bit 0 backwards,
/// bit 1 ascending), the content and the CRC-32 of all before (4, big endian), in base64url.
pub(crate) struct Sealed {
    pub(crate) backwards: bool,
    pub(crate) order: Order,
    pub(crate) content: Vec<u8>,
}

const BACKWARDS: u8 = 1;
const ASCENDING: u8 = 2;
/// More than the longest cursor: decoding allocates by the length of its input.
const LONGEST: usize = 512;

impl Sealed {
    pub(crate) fn seal(&self, format: u8) -> String {
        let backwards = if self.backwards { BACKWARDS } else { 0 };
        let ascending = match self.order {
            Order::Ascending => ASCENDING,
            Order::Descending => 0,
        };
        let mut octets = vec![format, backwards | ascending];
        octets.extend_from_slice(&self.content);
        octets.extend_from_slice(&crc32fast::hash(&octets).to_be_bytes());
        URL_SAFE_NO_PAD.encode(octets)
    }

    /// What was sealed in this format; one error whatever is wrong.
    pub(crate) fn open(format: u8, text: &str) -> Result<Self, CursorError> {
        if text.len() > LONGEST {
            return Err(CursorError);
        }
        let octets = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        let (body, checksum) = octets.split_last_chunk::<4>().ok_or(CursorError)?;
        if crc32fast::hash(body).to_be_bytes() != *checksum {
            return Err(CursorError);
        }
        match body {
            [found, flags, content @ ..]
                if *found == format && *flags <= (BACKWARDS | ASCENDING) =>
            {
                Ok(Self {
                    backwards: flags & BACKWARDS != 0,
                    order: if flags & ASCENDING == 0 {
                        Order::Descending
                    } else {
                        Order::Ascending
                    },
                    content: content.to_vec(),
                })
            }
            _ => Err(CursorError),
        }
    }
}
