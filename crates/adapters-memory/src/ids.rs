use std::sync::atomic::{AtomicU64, Ordering};

use roster_domain::ports::IdSource;
use uuid::Uuid;

/// An [`IdSource`] that counts, so that a test knows every id beforehand.
#[derive(Debug, Default)]
pub struct SequentialIds {
    taken: AtomicU64,
}

impl SequentialIds {
    /// Counts from 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// The id that the `number`th call of [`IdSource::next_id`] answers.
    pub const fn id(number: u64) -> Uuid {
        // The bits of version 7 and of the RFC's variant; the number stays below both.
        const FRAME: u128 = 0x0190_0000_0000_7000_8000_0000_0000_0000;
        Uuid::from_u128(FRAME | (number as u128 & 0x3fff_ffff_ffff_ffff))
    }

    fn next(&self) -> u64 {
        self.taken.fetch_add(1, Ordering::SeqCst) + 1
    }
}

impl IdSource for SequentialIds {
    fn next_id(&self) -> Uuid {
        Self::id(self.next())
    }

    fn random_token(&self) -> [u8; 16] {
        u128::from(self.next()).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_7_and_grow() {
        let ids = SequentialIds::new();
        let (one, two) = (ids.next_id(), ids.next_id());
        assert_eq!(one, SequentialIds::id(1));
        assert!(one < two);
        assert_eq!(two.get_version_num(), 7);
        assert_eq!(two.get_variant(), uuid::Variant::RFC4122);
    }
}
