use async_trait::async_trait;

use super::StoreError;
use crate::Timestamp;

/// What a shared cache needs from the database: whose values it holds, and which rows changed.
///
/// Every write of [`super::UserRepository`] leaves one row of the log, atomic with it.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait ChangeLog: Send + Sync {
    /// The database's identity and cache epoch, made by its first migration.
    async fn namespace(&self) -> Result<CacheNamespace, StoreError>;

    /// Deletes up to `limit` rows of changes before a moment, oldest first, and answers how
    /// many: fewer than `limit` when none is left.
    async fn purge_before(&self, cutoff: Timestamp, limit: u32) -> Result<u64, StoreError>;
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
