use crate::UserVersion;

/// What a driver said.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A store that could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, is overloaded or ran out of time. Trying again later may work; a
    /// write may or may not have happened.
    #[error("the store is not available")]
    Unavailable(#[source] BoxError),
    /// It answered with something that is not a valid value of the domain.
    #[error("the store holds something that cannot be read")]
    Corrupt(#[source] BoxError),
}

/// A write that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Another user, perhaps a deleted one, has the address.
    #[error("the e-mail address belongs to another user")]
    EmailTaken,
    /// A user with this id exists, or existed and was deleted or purged.
    #[error("the id is or was a user's")]
    IdTaken,
    /// The row is at another version than the caller expects.
    #[error("the user is at version {current}")]
    VersionMismatch {
        /// The version that is stored.
        current: UserVersion,
    },
    /// The user was deleted before.
    #[error("the user is deleted")]
    AlreadyDeleted,
    /// The user is not deleted.
    #[error("the user is not deleted")]
    NotDeleted,
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A cache that could not answer: an event to count, and a miss; it never decides a request.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It did not answer within its limit; what was asked may have been done.
    #[error("the cache did not answer in time")]
    TimedOut,
    /// It cannot be reached, or refused.
    #[error("the cache is not available")]
    Unavailable(#[source] BoxError),
}
