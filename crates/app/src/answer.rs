use std::sync::Arc;
use std::time::Duration;

use roster_domain::{User, UserVersion};

use crate::Rendition;

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// Reads the primary and refreshes the caches, whatever they hold.
    pub strong: bool,
    /// Never a version below this one; [`UserVersion::NONE`] takes any.
    pub min_version: UserVersion,
}

impl Freshness {
    /// Whatever the caches hold.
    pub const CACHED: Self = Self {
        strong: false,
        min_version: UserVersion::NONE,
    };
    /// The primary.
    pub const STRONG: Self = Self {
        strong: true,
        min_version: UserVersion::NONE,
    };
}

/// A user, and what can be said about how old the answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The row.
    pub user: Arc<User>,
    /// How old it may be at most.
    pub bound: StalenessBound,
    /// Where it came from.
    pub trace: ReadTrace,
    /// What was made of the row before, if it is kept in this process.
    pub rendition: Rendition,
}

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The user.
    User(Answer),
    /// That there is none, and how old that may be at most.
    Absent(StalenessBound),
}

impl Found {
    /// The user.
    pub fn user(self) -> Option<Answer> {
        match self {
            Self::User(answer) => Some(answer),
            Self::Absent(_) => None,
        }
    }
}

/// What this process can say of a user at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtHand {
    /// What a read would find.
    Found(Found),
    /// Nothing yet, but a load of the user is under way that another read would wait for.
    Loading,
    /// Nothing: a read would ask a cache or the store.
    Nothing,
}

/// How old an answer may be: no newer version was acknowledged longer ago than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StalenessBound {
    /// Shown by the protocol.
    Proven(Duration),
    /// Nothing shows it.
    Unproven,
}

/// What each tier did for one read; `None` where the tier is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadTrace {
    /// The cache in this process.
    pub l1: Option<TierStatus>,
    /// The shared cache.
    pub l2: Option<TierStatus>,
}

/// What one tier did for one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierStatus {
    /// It answered.
    Hit {
        /// How long the entry is still kept.
        ttl: Duration,
    },
    /// The read went on behind it.
    Forwarded {
        /// Why.
        reason: ForwardReason,
        /// Whether the tier holds the answer now.
        stored: bool,
        /// Whether the read joined one that was under way.
        collapsed: bool,
    },
}

/// Why a tier did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardReason {
    /// It held nothing that could be used.
    Miss,
    /// What it held was below the caller's minimum version.
    Stale,
    /// The caller asked for the primary.
    Request,
    /// It could not be asked.
    Bypass,
}
