use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// Chance that is the same on every machine and in every release: the cipher `ChaCha8`, whose stream is
/// fixed by its specification, and arithmetic of our own on top of it.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of one plan, before any user's.
    pub(super) fn new(seed: u64, users: u64, run: u32) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&users.to_le_bytes());
        key[16..20].copy_from_slice(&run.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// The same dice at the start of a user's own stream.
    pub(super) fn of_user(&self, index: u64) -> Self {
        let mut stream = self.0.clone();
        // Stream 0 is the one that the plan itself draws from.
        stream.set_stream(index + 1);
        stream.set_word_pos(0);
        Self(stream)
    }

    /// Any 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// One of `0..bound`, and 0 when `bound` is.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// One of `from..=to`.
    pub(super) fn between(&mut self, from: u32, to: u32) -> u32 {
        from + self.below(to - from + 1)
    }

    /// True so many times in a hundred.
    pub(super) fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < chance
    }

    /// One entry of a table that has some.
    pub(super) fn pick<'a, T>(&mut self, table: &'a [T]) -> &'a T {
        let entries = u32::try_from(table.len()).unwrap_or(u32::MAX);
        &table[self.below(entries) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_of_a_seed_is_frozen() {
        let dice = Dice::new(7, 100, 0);
        let mut user = dice.of_user(41);
        assert_eq!(
            [user.bits(), user.bits()],
            [3_410_488_887_855_874_544, 10_646_124_170_010_499_606]
        );
    }

    #[test]
    fn users_runs_and_seeds_have_streams_of_their_own() {
        let first = |seed, users, run, user| Dice::new(seed, users, run).of_user(user).bits();
        let streams = [
            first(1, 100, 0, 0),
            first(1, 100, 0, 1),
            first(1, 100, 1, 0),
            first(1, 101, 0, 0),
            first(2, 100, 0, 0),
        ];
        for (at, one) in streams.iter().enumerate() {
            assert!(!streams[at + 1..].contains(one), "{at}");
        }
    }
}
