use std::sync::atomic::{AtomicU32, Ordering};

/// How often the shared cache lately had nothing at all.
///
/// While it mostly has nothing, to ask for a lease at once saves a look-up, and what is there
/// after all is answered instead; while it mostly has something, a look-up is the cheaper question.
#[derive(Default)]
pub(in crate::caching) struct Guess {
    /// Of 65,536. Updates that get lost between two threads do not matter.
    absent: AtomicU32,
}

impl Guess {
    const ALL: u32 = 1 << 16;
    /// What one answer weighs.
    const WEIGHT: u32 = 32;

    /// Takes answers into account.
    pub(in crate::caching) fn learn(&self, answers: impl IntoIterator<Item = bool>) {
        let before = self.absent.load(Ordering::Relaxed);
        let after = answers.into_iter().fold(before, |absent, was_absent| {
            let share = if was_absent { Self::ALL } else { 0 };
            absent - absent / Self::WEIGHT + share / Self::WEIGHT
        });
        if after != before {
            self.absent.store(after, Ordering::Relaxed);
        }
    }

    /// Whether what nobody knows of is probably absent.
    pub(in crate::caching) fn is_absent(&self) -> bool {
        // Both ways are explored, whatever the cache has.
        #[cfg(feature = "explored")]
        return shuttle::rand::Rng::r#gen(&mut shuttle::rand::thread_rng());
        #[cfg(not(feature = "explored"))]
        return self.absent.load(Ordering::Relaxed) > Self::ALL / 4 * 3;
    }
}

#[cfg(all(test, not(feature = "explored")))]
mod tests {
    use super::*;

    #[test]
    fn changes_with_what_the_cache_answers() {
        let guess = Guess::default();
        assert!(!guess.is_absent());
        guess.learn([true; 40]);
        assert!(!guess.is_absent(), "two thirds");
        guess.learn([true; 60]);
        assert!(guess.is_absent());
        guess.learn([false; 12]);
        assert!(!guess.is_absent(), "hits count at once");
    }

    #[test]
    fn a_mixture_is_looked_up() {
        let guess = Guess::default();
        guess.learn((0..1_000).map(|turn| turn % 2 == 0));
        assert!(!guess.is_absent());
        for _ in 0..10_000 {
            guess.learn([true]);
        }
        assert!(guess.is_absent());
    }
}
