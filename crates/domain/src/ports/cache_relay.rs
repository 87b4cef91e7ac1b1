use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::{CacheError, Invalidation, LeaseToken, Stamped};
use crate::Timestamp;

/// What carries the change log's invalidations to a shared cache, and shows how far they got.
///
/// Next to the values the cache keeps one [`Watermark`] for each database, so that losing a
/// part of its data takes both back together.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait CacheRelay: Send + Sync {
    /// Begins a round for this database; `None` when somebody else holds the claim. Without a
    /// claim it always begins: rounds side by side cost work and harm nothing.
    async fn begin_round(
        &self,
        database: u128,
        claim: Option<RelayClaim>,
    ) -> Result<Option<Box<dyn RelayRound>>, CacheError>;

    /// Reads the watermark of this database and the cache's time as one step, on the connection
    /// that values are read by and pushes arrive on.
    async fn probe(&self, database: u128) -> Result<Stamped<Probe>, CacheError>;
}

/// One round, on one connection from its beginning to its end: when that connection is lost,
/// every further call fails.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait RelayRound: Send + Sync {
    /// What the cache said when the round began.
    fn begun(&self) -> &RoundStart;

    /// Says that versions are stale, as [`super::UserCache::invalidate_many`] does.
    async fn invalidate_many(&self, invalidations: &[Invalidation]) -> Result<(), CacheError>;

    /// Says that every change acknowledged before the round began is invalidated in the
    /// cache's data, for values of this epoch. False, and nothing is stored, when the history
    /// of the data is no longer that of the beginning, or when a watermark of the same clock
    /// and epoch is there that is not older.
    async fn set_watermark(&self, snapshot_at: Timestamp, epoch: u128) -> Result<bool, CacheError>;
}

/// A wish to be the only one who relays for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayClaim {
    /// Who asks; a holder who asks again goes on holding.
    pub holder: LeaseToken,
    /// How long the claim holds from now on.
    pub hold_for: Duration,
}

/// What a cache says at the beginning of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundStart {
    /// Whose data it is.
    pub incarnation: Incarnation,
    /// The watermark of the database, if there is one that can be read.
    pub watermark: Option<Watermark>,
    /// The cache's time: what the next watermark speaks of.
    pub now: CacheMoment,
}

/// One life of the cache's data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Incarnation {
    /// Names the process, and so the clock.
    pub clock: String,
    /// Names the history of the data; changes with every promotion, which `clock` may not.
    pub history: String,
}

impl fmt::Display for Incarnation {
    /// `clock:history`, as the change log keeps it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.clock, self.history)
    }
}

/// Every change of the database that was acknowledged before `at` is invalidated in the data
/// that this was read from, as far as values of the epoch are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// Whose clock `at` was read from: [`Incarnation::clock`].
    pub clock: String,
    /// By the cache's clock.
    pub at: CacheMoment,
    /// When the database was asked which changes are pending, by the database's clock.
    pub snapshot_at: Timestamp,
    /// The cache epoch of the values it speaks for.
    pub epoch: u128,
}

/// The watermark and the time beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Whose clock `now` was read from: [`Incarnation::clock`].
    pub clock: String,
    /// The cache's time.
    pub now: CacheMoment,
    /// The watermark, if there is one that can be read.
    pub watermark: Option<Watermark>,
}

/// A moment on the cache's clock, in microseconds since 1970. Compare it with no other clock's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheMoment(pub u64);

impl CacheMoment {
    /// How long ago `earlier` was; `None` when it lies ahead, because the clock stepped.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_micros)
    }
}
