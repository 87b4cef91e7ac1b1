//! What is searched, and what has to come of it.
use crate::bound::Bound;
use crate::fill::Fill;
use crate::search::{Found, search};

/// One design or one switch, and the verdict that it has to get.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) expected: Verdict,
    /// Too large for every day.
    pub(crate) full: bool,
    pub(crate) subject: Subject,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every state was seen, and all are in order.
    Clean,
    /// All that were seen are in order; the search was cut before it had seen every one.
    CleanSoFar,
    /// The property that is broken.
    Violates(&'static str),
    /// The search was cut off, and was not to be.
    Unknown,
}

pub(crate) enum Subject {
    Fill(Fill),
    Bound(Bound),
}

impl Case {
    /// More states than this, counted as often as they are met, are a mistake in the bounds, and would fill the memory.
    const MOST: usize = 400_000_000;
    /// Where the search is cut, because its end was not found in minutes and gigabytes: the counterexamples of other designs are not as far away.
    const MANY: usize = 10_000_000;

    pub(crate) fn run(&self) -> Found {
        let most = if self.is_endless() {
            Self::MANY
        } else {
            Self::MOST
        };
        match &self.subject {
            Subject::Fill(fill) => search(fill, most),
            Subject::Bound(bound) => search(bound, most),
        }
    }

    /// What was found, in one word.
    pub(crate) fn verdict(&self, found: &Found) -> Verdict {
        match &found.violation {
            Some(violation) => Verdict::Violates(violation.property),
            None if found.exhausted => Verdict::Clean,
            None if self.is_endless() => Verdict::CleanSoFar,
            None => Verdict::Unknown,
        }
    }

    fn is_endless(&self) -> bool {
        self.expected == Verdict::CleanSoFar
    }
}
