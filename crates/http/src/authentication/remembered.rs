use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use roster_app::Principal;
use sha2::{Digest as _, Sha256};

/// A token's SHA-256. The tokens themselves are not kept: a picture of the memory would have
/// them all.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// Tokens that were verified, until they expire or their issuer's keys change.
pub(super) struct Remembered(Cache<Digest, Entry>);

#[derive(Clone)]
struct Entry {
    principal: Arc<Principal>,
    /// On the monotonic clock.
    until: Duration,
    issuer: usize,
    /// Which of the issuer's key sets verified it.
    generation: u64,
}

impl Remembered {
    /// Some two megabytes when it is full. A token that is pushed out is verified again.
    const MOST: usize = 10_000;

    pub(super) fn new() -> Self {
        Self(Cache::new(Self::MOST))
    }

    /// Whom a token speaks of, if it was verified by keys that still count.
    pub(super) fn get(
        &self,
        digest: &Digest,
        now: Duration,
        generation: impl Fn(usize) -> Option<u64>,
    ) -> Option<Arc<Principal>> {
        let entry = self.0.get(digest)?;
        if now < entry.until && generation(entry.issuer) == Some(entry.generation) {
            return Some(entry.principal);
        }
        self.0.remove(digest);
        None
    }

    pub(super) fn insert(
        &self,
        digest: Digest,
        principal: Arc<Principal>,
        until: Duration,
        issuer: usize,
        generation: u64,
    ) {
        let entry = Entry {
            principal,
            until,
            issuer,
            generation,
        };
        self.0.insert(digest, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_token_is_remembered_until_it_expires_or_its_keys_change() {
        let remembered = Remembered::new();
        let digest = Digest::of("a.b.c");
        let principal = Arc::new(Principal::anybody());
        let insert = || remembered.insert(digest, Arc::clone(&principal), seconds(10), 0, 1);
        insert();
        assert!(remembered.get(&digest, seconds(9), |_| Some(1)).is_some());
        assert!(
            remembered
                .get(&Digest::of("a.b.d"), seconds(9), |_| Some(1))
                .is_none()
        );
        assert!(remembered.get(&digest, seconds(10), |_| Some(1)).is_none());
        insert();
        assert!(remembered.get(&digest, seconds(9), |_| Some(2)).is_none());
        // Forgotten for good, not passed over for once.
        assert!(remembered.get(&digest, seconds(9), |_| Some(1)).is_none());
    }

    #[test]
    fn any_number_of_tokens_takes_bounded_room() {
        let remembered = Remembered::new();
        let principal = Arc::new(Principal::anybody());
        for number in 0..50_000 {
            let digest = Digest::of(&number.to_string());
            remembered.insert(digest, Arc::clone(&principal), seconds(10), 0, 1);
        }
        assert!(
            remembered.0.len() <= Remembered::MOST,
            "{}",
            remembered.0.len()
        );
        // Each entry has the principal once.
        assert!(Arc::strong_count(&principal) <= Remembered::MOST + 1);
    }
}
