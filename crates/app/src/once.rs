//! Writes that happen once under a key of their caller.

mod answer_keeper;
mod keys_in_use;
mod request;

pub use answer_keeper::AnswerKeeper;
pub use keys_in_use::KeysInUse;
pub use request::KeyedRequest;

use roster_domain::ports::{KeptAnswer, Performed, StoreError, WriteError, WriteRefusal};

use crate::{FeedError, UserError};

/// How a write under a key ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered<T> {
    /// It happened now.
    Now(T),
    /// It happened before; this is what was kept of it.
    Before(KeptAnswer),
}

impl From<WriteRefusal> for UserError {
    fn from(refusal: WriteRefusal) -> Self {
        match refusal {
            WriteRefusal::KeyReused => Self::KeyReused,
            WriteRefusal::KeyInProgress => Self::KeyInProgress,
            WriteRefusal::Invalid { member, source } => Self::Invalid { member, source },
            WriteRefusal::Write(error) => error.into(),
        }
    }
}

impl From<WriteRefusal> for FeedError {
    fn from(refusal: WriteRefusal) -> Self {
        match refusal {
            WriteRefusal::KeyReused => Self::KeyReused,
            WriteRefusal::KeyInProgress => Self::KeyInProgress,
            WriteRefusal::Write(WriteError::Store(error)) => Self::Store(error),
            // A write to a feed knows no other refusal.
            other => Self::Store(StoreError::Corrupt(other.into())),
        }
    }
}

/// What a write to a feed answers that was not done now.
pub(crate) fn repeated<T>(
    performed: Performed,
    absent: FeedError,
) -> Result<Answered<T>, FeedError> {
    match performed {
        Performed::Replayed(kept) => Ok(Answered::Before(kept)),
        Performed::Absent => Err(absent),
        Performed::Done(_) => Err(FeedError::Store(StoreError::Corrupt(
            "the store answered with the outcome of another write".into(),
        ))),
    }
}
