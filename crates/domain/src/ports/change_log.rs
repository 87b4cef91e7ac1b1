use std::time::Duration;

use async_trait::async_trait;

use super::{Incarnation, Invalidation, StoreError};
use crate::Timestamp;

/// What a shared cache needs from the database: whose values it holds, and which rows changed.
///
/// Every write of [`super::UserRepository`] leaves one row of the log, atomic with it. A row is
/// pending for every incarnation of the cache but the last that acknowledged it, so that a
/// cache that lost a part of its data is told again by itself. Rows are stamped with the time
/// at which their transaction began, by the database's clock: those of the processes may differ.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait ChangeLog: Send + Sync {
    /// The database's identity and cache epoch, made by its first migration.
    async fn namespace(&self) -> Result<CacheNamespace, StoreError>;

    /// Replaces the cache epoch when it still is `from`, and answers what it is now: `to`, or
    /// what somebody else made it.
    async fn raise_epoch(&self, from: u128, to: u128) -> Result<CacheNamespace, StoreError>;

    /// Up to `limit` changes that this incarnation has not acknowledged, and every one of them
    /// when there are fewer, from one statement on the primary that begins after the call: a
    /// change that was acknowledged to its writer before is in its snapshot. It locks no row
    /// and passes none over.
    async fn pending(
        &self,
        incarnation: &Incarnation,
        limit: u32,
    ) -> Result<PendingChanges, StoreError>;

    /// Notes that this incarnation holds these invalidations. Rows that are gone are passed over.
    async fn acknowledge(
        &self,
        incarnation: &Incarnation,
        changes: &[Invalidation],
    ) -> Result<(), StoreError>;

    /// Deletes up to `limit` rows that are older than `age`, acknowledged or not, oldest first,
    /// and answers how many: fewer than `limit` when none is left.
    async fn purge_older_than(&self, age: Duration, limit: u32) -> Result<u64, StoreError>;
}

/// What a cache has not acknowledged, all of one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingChanges {
    /// Each change as the invalidation that it calls for: its floor is the row's version after
    /// the change.
    pub changes: Vec<Invalidation>,
    /// When the transaction of the oldest of them began, by the database's clock; `None` when
    /// there are none.
    pub oldest: Option<Timestamp>,
    /// When the statement began, by the database's clock.
    pub at: Timestamp,
    /// The namespace of the same snapshot.
    pub namespace: CacheNamespace,
}

impl PendingChanges {
    /// How old the oldest of the changes was when the statement began; zero when there are none.
    pub fn lag(&self) -> Duration {
        self.oldest
            .map_or(Duration::ZERO, |oldest| self.at.since(oldest))
    }
}

/// Which values of a shared cache belong to this database, as it is now.
///
/// Both are random, because a counter would come back after a restore and revive old entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheNamespace {
    /// Tells two databases on one cache apart.
    pub database: u128,
    /// Changed to make every stored value a miss.
    pub epoch: u128,
}
