use roster_app::{FeedError, UserError};
use roster_domain::UserVersion;
use roster_domain::ports::StoreError;

use super::{FieldError, Problem, ProblemType};

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        match error {
            UserError::NotFound => user_not_found(),
            UserError::VersionAhead { current } => Self::new(
                ProblemType::VersionAhead,
                format!("The store holds version {current}, which is below the minimum asked for."),
            ),
            UserError::EmailTaken => Self::new(
                ProblemType::EmailTaken,
                "Another user has this e-mail address.",
            ),
            UserError::IdTaken => Self::new(
                ProblemType::Conflict,
                "The id is or was a user's; ids are never used again.",
            ),
            UserError::VersionMismatch { current } => version_mismatch(current),
            UserError::AlreadyDeleted => {
                Self::new(ProblemType::AlreadyDeleted, "The user was deleted before.")
            }
            UserError::NotDeleted => Self::new(ProblemType::NotDeleted, "The user is not deleted."),
            UserError::KeyReused => key_reused(),
            UserError::KeyInProgress => key_in_progress(),
            UserError::Invalid { member, source } => {
                Self::validation(vec![FieldError::new(format!("/{member}"), source)])
            }
            UserError::Store(error) => error.into(),
        }
    }
}

impl From<FeedError> for Problem {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::UserNotFound => user_not_found(),
            FeedError::NotificationNotFound => Self::new(
                ProblemType::NotificationNotFound,
                "The user has no notification with this id.",
            ),
            FeedError::KeyReused => key_reused(),
            FeedError::KeyInProgress => key_in_progress(),
            FeedError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::new(
                ProblemType::DependencyUnavailable,
                "The database does not answer just now.",
            )
            .with_cause(error),
            StoreError::Corrupt(_) => Self::internal(error),
        }
    }
}

fn user_not_found() -> Problem {
    Problem::new(ProblemType::UserNotFound, "There is no such user.")
}

fn key_reused() -> Problem {
    Problem::new(
        ProblemType::IdempotencyKeyReused,
        "The Idempotency-Key was used for another request.",
    )
}

fn key_in_progress() -> Problem {
    Problem::new(
        ProblemType::IdempotencyInProgress,
        "A request with this Idempotency-Key is under way.",
    )
}

fn version_mismatch(current: UserVersion) -> Problem {
    Problem::new(
        ProblemType::VersionMismatch,
        format!("The user is at version {current}, which If-Match does not name."),
    )
}
