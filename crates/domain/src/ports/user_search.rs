use async_trait::async_trait;

use super::StoreError;
use crate::pagination::{Counting, Slice};
use crate::search::{FoundUser, SearchFilter, SearchRequest};

/// Users by the beginning of their names and addresses, in the form that
/// [`crate::search::SearchKey`] compares.
///
/// Every write to a user keeps its keys in the same transaction. Reads may be tried again.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait UserSearch: Send + Sync {
    /// One page of the users found, ordered by `(key, id)`. A user whose name and address both
    /// begin with the prefix is found once, by its name. One that is found and does not change
    /// while a search is walked by its positions appears exactly once. The cost of a page does
    /// not grow with the number of users, or of those found.
    async fn search(
        &self,
        filter: &SearchFilter,
        request: &SearchRequest,
    ) -> Result<Slice<FoundUser>, StoreError>;

    /// How many users are found. An estimate stops at [`ESTIMATED_AT_MOST`].
    async fn count_found(
        &self,
        filter: &SearchFilter,
        counting: Counting,
    ) -> Result<u64, StoreError>;

    /// Gives at most `limit` users their keys that have none, because a release that knows of
    /// none stored them; answers how many there were. Changes nothing else of them.
    async fn index_missing(&self, limit: u32) -> Result<u64, StoreError>;
}

/// Where an estimate of a search ends: a total of so many means so many or more.
pub const ESTIMATED_AT_MOST: u64 = 10_000;
