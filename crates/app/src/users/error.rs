use roster_domain::ports::{StoreError, WriteError};
use roster_domain::{Invalid, UserVersion};

/// Why a use case on a user did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is no such user, or it is deleted.
    #[error("there is no such user")]
    NotFound,
    /// The primary holds less than the minimum version that the caller asked for.
    #[error("the user has not reached the version asked for")]
    VersionAhead {
        /// What the primary holds.
        current: UserVersion,
    },
    /// Another user, perhaps a deleted one, has the address.
    #[error("the e-mail address belongs to another user")]
    EmailTaken,
    /// A user with this id exists or existed.
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
    /// The key was used for another request.
    #[error("the key was used for another request")]
    KeyReused,
    /// A write under the key is under way.
    #[error("a write under the key is under way")]
    KeyInProgress,
    /// The change would make a member invalid.
    #[error("{member} would not be valid")]
    Invalid {
        /// The member.
        member: &'static str,
        /// What would be wrong with it.
        source: Invalid,
    },
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WriteError> for UserError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::EmailTaken => Self::EmailTaken,
            WriteError::IdTaken => Self::IdTaken,
            WriteError::VersionMismatch { current } => Self::VersionMismatch { current },
            WriteError::AlreadyDeleted => Self::AlreadyDeleted,
            WriteError::NotDeleted => Self::NotDeleted,
            WriteError::Store(error) => Self::Store(error),
        }
    }
}

/// Why a use case on a feed did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// There is no such user, or it is deleted.
    #[error("there is no such user")]
    UserNotFound,
    /// The user has no such notification.
    #[error("there is no such notification")]
    NotificationNotFound,
    /// The key was used for another request.
    #[error("the key was used for another request")]
    KeyReused,
    /// A write under the key is under way.
    #[error("a write under the key is under way")]
    KeyInProgress,
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}
