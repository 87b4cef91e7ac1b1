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

    pub(crate) fn run(&self) -> Found {
        match &self.subject {
            Subject::Fill(fill) => search(fill, Self::MOST),
            Subject::Bound(bound) => search(bound, Self::MOST),
        }
    }
}

impl Verdict {
    /// What was found, in one word.
    pub(crate) fn of(found: &Found) -> Self {
        match &found.violation {
            Some(violation) => Self::Violates(violation.property),
            None if found.exhausted => Self::Clean,
            None => Self::Unknown,
        }
    }
}
