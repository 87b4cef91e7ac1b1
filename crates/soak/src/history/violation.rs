use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// One answer that the guarantee does not allow.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which sentence it breaks.
    pub kind: Kind,
    /// Which user.
    pub key: usize,
    /// The answer, as an index of the reads; none where a row is wrong.
    pub read: Option<usize>,
    /// The write that it overlooked, as an index of the writes.
    pub write: Option<usize>,
    /// By how much, where that is a time: to find the shortest.
    pub late_by: Duration,
    /// In words.
    pub text: String,
}

/// Which sentence of the guarantee is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A newer version was acknowledged longer ago than the answer's bound.
    StaleBeyondBound,
    /// A version below the one that was presented.
    BelowMinimum,
    /// A client that presents what it saw was answered less.
    WentBack,
    /// Less than what the process itself had acknowledged, and Redis forgot nothing.
    BelowOwnWrite,
    /// A version that no write made.
    NeverWritten,
    /// An answer from before the write of its version was sent.
    TooEarly,
    /// A version with the content of another.
    WrongContent,
    /// An existing user was answered as absent, or as older than what was presented.
    Denied,
    /// An acknowledged write is not in the row, has two effects, or came before an earlier one.
    LostWrite,
    /// After quiet, something other than the last version was answered.
    NotConverged,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StaleBeyondBound => "stale beyond its bound",
            Self::BelowMinimum => "below the version presented",
            Self::WentBack => "went back for one client",
            Self::BelowOwnWrite => "below the process's own write",
            Self::NeverWritten => "never written",
            Self::TooEarly => "answered before it was written",
            Self::WrongContent => "content of another version",
            Self::Denied => "existing user denied",
            Self::LostWrite => "acknowledged write lost or doubled",
            Self::NotConverged => "not the last version after quiet",
        })
    }
}

/// What the check came to.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// What is not allowed, the shortest first.
    pub violations: Vec<Violation>,
}

impl Verdict {
    /// So many of each kind, the shortest first.
    pub fn first_of_each(&self, most: usize) -> Vec<&Violation> {
        let mut shown = BTreeMap::<Kind, usize>::new();
        let mut first: Vec<&Violation> = self.violations.iter().collect();
        first.retain(|violation| {
            let shown = shown.entry(violation.kind).or_default();
            *shown += 1;
            *shown <= most
        });
        first
    }

    /// How many there are of each kind.
    pub fn counts(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        for violation in &self.violations {
            *counts.entry(violation.kind).or_default() += 1;
        }
        counts
    }
}
