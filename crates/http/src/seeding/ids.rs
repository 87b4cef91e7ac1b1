use roster_domain::Timestamp;
use uuid::Uuid;

use super::dice::Dice;

/// A UUID of version 7 whose first 60 bits are the moment, with the microseconds in the
/// field that RFC 9562, 6.2, method 3 has for them: ids sort as their moments do.
pub(super) fn id_at(moment: Timestamp, dice: &mut Dice) -> Uuid {
    let micros = u64::try_from(moment.unix_micros()).unwrap_or(0);
    let (millis, rest) = (micros / 1_000, micros % 1_000);
    let fraction = rest * 4_096 / 1_000;
    let high = (millis << 16) | 0x7000 | fraction;
    let low = (dice.bits() & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    Uuid::from_u64_pair(high, low)
}

/// A short text of `0-9 a-z` that no other user of the run has: the number, multiplied and
/// masked within 40 bits, which is one to one.
pub(super) fn token(index: u64, mask: u64) -> String {
    const BITS: u64 = (1 << 40) - 1;
    // Odd, so that it has an inverse modulo 2^40.
    const FACTOR: u64 = 0x9e_3779_b97f_4a7d;
    let mut rest = (index.wrapping_mul(FACTOR) ^ mask) & BITS;
    let mut digits = Vec::with_capacity(8);
    while rest > 0 || digits.is_empty() {
        let digit = u32::try_from(rest % 36).unwrap_or(0);
        digits.push(char::from_digit(digit, 36).unwrap_or('0'));
        rest /= 36;
    }
    digits.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    #[test]
    fn ids_are_of_version_7_and_sort_by_the_microsecond() {
        let mut dice = Dice::new(1, 100, 0);
        let start = Timestamp::parse_rfc3339("2025-05-05T05:05:05.999Z").unwrap();
        let ids: Vec<_> = (0..5_000)
            .map(|micros| id_at(start.plus(Duration::from_micros(micros)), &mut dice))
            .collect();
        assert!(ids.is_sorted());
        assert_eq!(ids[0].get_version_num(), 7);
        assert_eq!(ids[0].get_variant(), uuid::Variant::RFC4122);
        let (seconds, nanos) = ids[0].get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos / 1_000_000), (1_746_421_505, 999));
    }

    #[test]
    fn no_two_users_share_a_token() {
        let tokens: HashSet<_> = (0..200_000)
            .map(|index| token(index, 0x00ab_cdef))
            .collect();
        assert_eq!(tokens.len(), 200_000);
    }
}
