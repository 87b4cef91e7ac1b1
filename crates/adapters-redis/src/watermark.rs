//! The bytes of a watermark.
//!
//! Text of fixed places, which the script that stores one compares; numbers are lower-case hex
//! digits:
//!
//! | from | digits | what |
//! |---|---|---|
//! | 0 | 2 | `W1` |
//! | 2 | 16 | `at`: microseconds of the server's clock since 1970 |
//! | 18 | 16 | `snapshot_at`: microseconds of the database's clock since 1970, in two's complement |
//! | 34 | 32 | cache epoch |
//! | 66 | 8 | CRC-32 (IEEE) of the database id, big-endian, and of everything else, in order |
//! | 74 | … | whose clock `at` is: the server's `run_id` |
//!
//! This form is for ever. Another one would take another key: two releases that could not read
//! each other's watermark would raise the cache epoch in turns.

use roster_domain::Timestamp;
use roster_domain::ports::{CacheMoment, Watermark};

use crate::PayloadFault;

const FORM: &[u8] = b"W1";
const CRC: usize = 66;
const CLOCK: usize = 74;

/// The bytes of a watermark of this database.
pub(crate) fn encode(database: u128, watermark: &Watermark) -> Vec<u8> {
    let Watermark {
        clock,
        at: CacheMoment(at),
        snapshot_at,
        epoch,
    } = watermark;
    let snapshot_at = snapshot_at.unix_micros().cast_unsigned();
    let head = format!("W1{at:016x}{snapshot_at:016x}{epoch:032x}");
    let crc = checksum(database, head.as_bytes(), clock.as_bytes());
    format!("{head}{crc:08x}{clock}").into_bytes()
}

/// Reads what is stored as the watermark of this database.
pub(crate) fn decode(database: u128, bytes: &[u8]) -> Result<Watermark, PayloadFault> {
    if !bytes.starts_with(FORM) {
        return Err(PayloadFault::Foreign);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| PayloadFault::Torn)?;
    let part = |from, to| text.get(from..to).ok_or(PayloadFault::Torn);
    let (head, clock) = (part(0, CRC)?, part(CLOCK, text.len())?);
    let crc = checksum(database, head.as_bytes(), clock.as_bytes());
    if clock.is_empty() || part(CRC, CLOCK)? != format!("{crc:08x}") {
        return Err(PayloadFault::Torn);
    }
    let number = |from, to| {
        let digits = part(from, to)?;
        u128::from_str_radix(digits, 16).map_err(|_| PayloadFault::Unreadable)
    };
    let micros = |from, to| u64::try_from(number(from, to)?).map_err(|_| PayloadFault::Unreadable);
    let snapshot_at = Timestamp::from_unix_micros(micros(18, 34)?.cast_signed());
    Ok(Watermark {
        clock: clock.to_owned(),
        at: CacheMoment(micros(2, 18)?),
        snapshot_at: snapshot_at.map_err(|_| PayloadFault::Unreadable)?,
        epoch: number(34, CRC)?,
    })
}

fn checksum(database: u128, head: &[u8], clock: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&database.to_be_bytes());
    hasher.update(head);
    hasher.update(clock);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATABASE: u128 = 0x0d0d_0d0d_0d0d_0d0d_0d0d_0d0d_0d0d_0d0d;
    /// Stored once, for ever: a test that fails here is a form that changed.
    const FROZEN: &str = include_str!("../tests/frozen/watermark.txt");

    fn watermark() -> Watermark {
        Watermark {
            clock: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            at: CacheMoment(1_767_225_600_123_456),
            snapshot_at: Timestamp::from_unix_micros(1_767_225_599_999_999).unwrap(),
            epoch: 0x0e0e_0e0e_0e0e_0e0e_0e0e_0e0e_0e0e_0e0e,
        }
    }

    #[test]
    fn its_bytes_are_frozen() {
        let bytes = encode(DATABASE, &watermark());
        assert_eq!(String::from_utf8(bytes).unwrap(), FROZEN.trim_end());
        let read = decode(DATABASE, FROZEN.trim_end().as_bytes());
        assert_eq!(read, Ok(watermark()));
    }

    #[test]
    fn every_number_comes_back() {
        for (at, snapshot_at, epoch) in [
            (0, -62_167_219_200_000_000, 0),
            (u64::MAX, -1, u128::MAX),
            (1 << 53, 253_402_300_799_999_999, 1),
        ] {
            let watermark = Watermark {
                at: CacheMoment(at),
                snapshot_at: Timestamp::from_unix_micros(snapshot_at).unwrap(),
                epoch,
                ..watermark()
            };
            let bytes = encode(DATABASE, &watermark);
            assert_eq!(decode(DATABASE, &bytes), Ok(watermark));
        }
    }

    #[test]
    fn the_place_of_the_moment_is_the_one_that_the_script_compares() {
        let bytes = encode(DATABASE, &watermark());
        let script = include_str!("scripts/set_watermark.lua");
        assert!(script.contains("string.sub(c, 3, 18)") && script.contains("string.sub(c, 75)"));
        assert_eq!(&bytes[2..18], b"0006474846222240");
        assert_eq!(&bytes[74..], watermark().clock.as_bytes());
    }

    #[test]
    fn no_damage_is_read_as_another_watermark() {
        let bytes = encode(DATABASE, &watermark());
        for place in 0..bytes.len() {
            for change in [1, 0x20, 0x80] {
                let mut torn = bytes.clone();
                torn[place] ^= change;
                assert!(decode(DATABASE, &torn).is_err(), "{place} {change}");
            }
        }
        for length in 0..bytes.len() {
            assert!(decode(DATABASE, &bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn each_fault_has_its_name() {
        let bytes = encode(DATABASE, &watermark());
        assert_eq!(decode(DATABASE, b""), Err(PayloadFault::Foreign));
        assert_eq!(decode(DATABASE, b"hello"), Err(PayloadFault::Foreign));
        assert_eq!(decode(DATABASE, b"W2"), Err(PayloadFault::Foreign));
        assert_eq!(decode(DATABASE, b"W1"), Err(PayloadFault::Torn));
        assert_eq!(decode(DATABASE, b"W1\xff"), Err(PayloadFault::Torn));
        assert_eq!(decode(1, &bytes), Err(PayloadFault::Torn));
        let beyond = Watermark {
            clock: "x".to_owned(),
            ..watermark()
        };
        let whole = String::from_utf8(encode(DATABASE, &beyond)).unwrap();
        let head = format!("W1{}{}", &whole[2..18], "7fffffffffffffff") + &whole[34..66];
        let crc = checksum(DATABASE, head.as_bytes(), b"x");
        let unreadable = format!("{head}{crc:08x}x");
        let read = decode(DATABASE, unreadable.as_bytes());
        assert_eq!(read, Err(PayloadFault::Unreadable));
    }
}
