use async_trait::async_trait;

use super::{StoreError, WriteError};
use crate::pagination::{Counting, PageRequest, Slice, UserFilter};
use crate::{
    Email, NewUser, ProfilePatch, Timestamp, User, UserId, UserReplacement, UserSummary,
    UserVersion,
};

/// Users in their system of record.
///
/// For every method: a deleted user is absent except where a method says otherwise; a purged
/// one is absent everywhere and its id stays taken. Every read sees every write that was
/// acknowledged before the read began. Each write is atomic with the address claim it moves
/// and, where there is a shared cache, with its row of the change log. Reads may be tried
/// again; a write that ended in [`StoreError::Unavailable`] may have happened.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait UserRepository: Send + Sync {
    /// The users with these ids, each once, in any order; ids without a user are left out.
    /// Full rows. At most 256 ids, repeated ones allowed; none is answered without a query.
    async fn find_many(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError>;

    /// Pages of the users that match, one for each request and in their order, as the projection
    /// that lists show, ordered by `(created_at, id)`. A row that matches and does not change
    /// while a list is walked by its positions appears exactly once. At most 64 requests,
    /// repeated ones allowed; none is answered without a query.
    async fn list_many(
        &self,
        filter: &UserFilter,
        pages: &[PageRequest],
    ) -> Result<Vec<Slice<UserSummary>>, StoreError>;

    /// How many users match. An estimate may be off; where a store has no statistics it is exact.
    async fn count(&self, filter: &UserFilter, counting: Counting) -> Result<u64, StoreError>;

    /// The user who has this address in its normalised form, from the claims.
    async fn find_id_by_email(&self, email: &Email) -> Result<Option<UserId>, StoreError>;

    /// Stores a user at [`UserVersion::FIRST`] with counters at zero, and claims the address.
    /// [`WriteError::EmailTaken`] also when the owner is deleted; [`WriteError::IdTaken`]
    /// also when that user is deleted or purged. When both are taken, either is answered.
    async fn insert(&self, user: &NewUser) -> Result<User, WriteError>;

    /// Changes the profile in one statement. `Ok(None)`: no such user. A patch that changes
    /// nothing keeps version and `updated_at` and writes no change-log row. With `expected`,
    /// [`WriteError::VersionMismatch`] unless the row is at it, also when nothing would change.
    async fn patch(
        &self,
        id: UserId,
        patch: &ProfilePatch,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError>;

    /// Stores every changeable member when the row is at `replacement.expected`, and moves the
    /// claim when the normalised address differs. `Ok(None)`: no such user.
    async fn replace(
        &self,
        replacement: &UserReplacement,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError>;

    /// Marks a user as deleted and answers the version after it. The claim and the feeds stay.
    /// `Ok(None)`: no such user; [`WriteError::AlreadyDeleted`] when it was deleted before.
    async fn soft_delete(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError>;

    /// Takes a deletion back and answers the user with the version after it. `Ok(None)`: no
    /// such user; [`WriteError::NotDeleted`] when it is not deleted. `expected` is compared
    /// with the version that the deletion answered.
    async fn restore(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<User>, WriteError>;

    /// Erases a user, deleted or not, with feeds, counters and claim; only the id and the
    /// version after the last stay, so that the id is never used again. `Ok(None)`: no such user.
    async fn purge(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError>;
}

/// The row after a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// As it is stored now.
    pub user: User,
    /// False when it was so before: then version and `updated_at` are those of before.
    pub changed: bool,
}
