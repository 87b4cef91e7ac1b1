//! What was asked and answered, and whether the guarantee allows it.

mod check;
mod excerpt;
mod ledger;
#[cfg(test)]
mod tests;
mod violation;

use std::time::Duration;

pub use check::check;
pub use violation::{Kind, Verdict, Violation};

use crate::{Answer, Bound, FaultKind};

/// Which tier answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// The cache in the process.
    L1,
    /// The shared cache.
    L2,
    /// The database.
    Database,
}

/// One read.
#[derive(Clone, Debug)]
pub struct Read {
    /// When it was sent.
    pub sent: Duration,
    /// When its answer was there.
    pub answered: Duration,
    /// Which process was asked.
    pub node: usize,
    /// How often that process had been started anew.
    pub life: u32,
    /// Who asked. One client has one request under way at a time.
    pub client: usize,
    /// Which user.
    pub key: usize,
    /// The version that the client presented; 0 for none.
    pub min_version: u64,
    /// Whether it was asked of the primary.
    pub strong: bool,
    /// What came of it.
    pub outcome: ReadOutcome,
}

/// What came of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// A user.
    Found {
        /// Its version.
        version: u64,
        /// Its value.
        value: Option<u64>,
        /// How old it may be; `None` for `unproven`.
        bound: Option<Duration>,
        /// Which tier answered.
        tier: Tier,
    },
    /// 404: there is none.
    Absent,
    /// 409: the primary holds less than what was presented.
    Ahead,
    /// Any other status.
    Refused(u16),
    /// The connection ended without an answer.
    Lost,
}

impl ReadOutcome {
    /// What an answer says.
    pub fn of(answer: &std::io::Result<Answer>) -> Self {
        let Ok(answer) = answer else {
            return Self::Lost;
        };
        match (answer.status, answer.version) {
            (200, Some(version)) => Self::Found {
                version,
                value: answer.value,
                bound: match answer.bound {
                    Bound::Proven(bound) => Some(bound),
                    Bound::Unproven => None,
                    // Who says nothing of an age is held to none.
                    Bound::Missing => Some(Duration::ZERO),
                },
                tier: if answer.is_l1_hit() {
                    Tier::L1
                } else if answer.is_l2_hit() {
                    Tier::L2
                } else {
                    Tier::Database
                },
            },
            (404, _) => Self::Absent,
            (409, _) => Self::Ahead,
            (status, _) => Self::Refused(status),
        }
    }
}

/// One write.
#[derive(Clone, Debug)]
pub struct Write {
    /// When it was sent.
    pub sent: Duration,
    /// When its answer was there.
    pub answered: Duration,
    /// Which process was asked.
    pub node: usize,
    /// How often that process had been started anew.
    pub life: u32,
    /// Which user.
    pub key: usize,
    /// What was written; every write of a key has a value of its own.
    pub value: u64,
    /// What came of it.
    pub outcome: WriteOutcome,
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It is acknowledged at this version.
    Done(u64),
    /// It was refused. It may have happened all the same, as after a deadline.
    Refused(u16),
    /// The connection ended without an answer.
    Lost,
}

impl WriteOutcome {
    /// What an answer says.
    pub fn of(answer: &std::io::Result<Answer>) -> Self {
        match answer {
            Ok(answer) => match (answer.status, answer.version) {
                (200, Some(version)) => Self::Done(version),
                (status, _) => Self::Refused(status),
            },
            Err(_) => Self::Lost,
        }
    }
}

/// Version and value that the row of each key holds in the end; version 0 where there is none.
#[derive(Clone, Debug, Default)]
pub struct Finals(pub Vec<(u64, Option<u64>)>);

/// A time in which nobody writes and everything works.
#[derive(Clone, Debug)]
pub struct Quiet {
    /// From when on every answer must be the last version.
    pub from: Duration,
    /// The first request of after it may be sent now.
    pub until: Duration,
    /// The version of each user's row.
    pub versions: Vec<u64>,
}

/// Something that was broken for a while.
#[derive(Clone, Debug)]
pub struct Broken {
    /// When it was broken.
    pub from: Duration,
    /// When it was mended.
    pub until: Duration,
    /// What it was.
    pub kind: FaultKind,
    /// Which process, where it was only one.
    pub node: Option<usize>,
}

/// All that was asked, in any order. Every key begins at version 1 with value 0.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Reads; those of one client in the order that it made them.
    pub reads: Vec<Read>,
    /// Writes.
    pub writes: Vec<Write>,
    /// When everything had to agree.
    pub quiets: Vec<Quiet>,
    /// What broke.
    pub faults: Vec<Broken>,
    /// Whether Redis kept what it acknowledged, or lost whole keys. A failover may lose more;
    /// only where there was none is each process held to its own acknowledged writes.
    pub redis_keeps: bool,
}

impl History {
    /// Adds what another client recorded.
    pub fn extend(&mut self, other: Self) {
        self.reads.extend(other.reads);
        self.writes.extend(other.writes);
        self.quiets.extend(other.quiets);
        self.faults.extend(other.faults);
        self.redis_keeps &= other.redis_keeps;
    }

    /// How many operations these are.
    pub const fn len(&self) -> usize {
        self.reads.len() + self.writes.len()
    }

    /// Whether nothing was recorded.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Few lines that show one violation: the write that was overlooked and what the reader's
    /// process answered for the same user around it.
    pub fn excerpt(&self, violation: &Violation) -> Vec<String> {
        excerpt::lines(self, violation)
    }

    /// The answer of a cache with the longest bound, and what was broken within it.
    pub fn longest_bound(&self) -> Vec<String> {
        excerpt::longest_bound(self)
    }
}
