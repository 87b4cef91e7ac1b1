//! Feeds a parser with changed pieces of a kept corpus, on the stable compiler and in any test.
//!
//! A target is a function of octets that panics when a property does not hold, and answers what
//! became of them: which refusal, which shape of value. An input with an answer that was not
//! seen before is changed further, so that a run works its way into the parser without knowing
//! its code. In an ordinary test run it takes a moment; `cargo xtask fuzz` gives each target a
//! minute.

mod corpus;
mod mutation;

use std::collections::HashSet;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use corpus::Corpus;

/// How long each target runs, in seconds; without it a fixed number of inputs.
pub const SECONDS: &str = "ROSTER_FUZZ_SECONDS";
/// Where a run begins; without it the same in every run of the same length.
pub const SEED: &str = "ROSTER_FUZZ_SEED";

/// What an ordinary test run tries.
const INPUTS: u64 = 20_000;

/// Runs a target over a corpus, every file of the folder as it is and then changed.
///
/// # Panics
/// When the target does; the input is kept in the folder then, under a name that begins with
/// `crash-`, and fails every later run until it is mended.
pub fn run<T: Hash + Eq>(folder: &Path, dictionary: &[&[u8]], target: impl Fn(&[u8]) -> T) {
    let mut corpus = Corpus::read(folder);
    let mut seen = HashSet::new();
    for number in 0..corpus.len() {
        seen.insert(attempt(folder, corpus.get(number), &target));
    }
    let mut dice = ChaCha8Rng::seed_from_u64(number(SEED).unwrap_or_default());
    let end = End::of_this_run();
    let mut inputs = 0;
    while !end.is_reached(inputs) {
        inputs += 1;
        let input = mutation::mutated(&corpus, dictionary, &mut dice);
        if seen.insert(attempt(folder, &input, &target)) {
            corpus.add(input);
        }
    }
    report(folder, inputs, &corpus, seen.len());
}

/// Calls the target, and keeps what it does not survive.
fn attempt<T>(folder: &Path, input: &[u8], target: &impl Fn(&[u8]) -> T) -> T {
    match catch_unwind(AssertUnwindSafe(|| target(input))) {
        Ok(outcome) => outcome,
        Err(panic) => {
            corpus::keep(folder, input);
            resume_unwind(panic)
        }
    }
}

enum End {
    After(u64),
    At(Instant),
}

impl End {
    #[expect(
        clippy::disallowed_methods,
        reason = "a run is bounded by the time that its reader waits"
    )]
    fn of_this_run() -> Self {
        match number(SECONDS) {
            Some(seconds) => Self::At(Instant::now() + Duration::from_secs(seconds)),
            None => Self::After(INPUTS),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a run is bounded by the time that its reader waits"
    )]
    fn is_reached(&self, inputs: u64) -> bool {
        match self {
            Self::After(count) => inputs >= *count,
            // The clock is worth more than a parser takes.
            Self::At(end) => inputs.is_multiple_of(64) && Instant::now() >= *end,
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[expect(clippy::print_stderr, reason = "it is read by whoever runs the test")]
fn report(folder: &Path, inputs: u64, corpus: &Corpus, outcomes: usize) {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    eprintln!(
        "fuzzed {name}: {inputs} inputs, {} of them worth keeping, {outcomes} outcomes",
        corpus.len()
    );
}
