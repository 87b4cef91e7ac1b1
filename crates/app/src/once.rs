//! Writes that happen once under a key of their caller.

mod answer_keeper;
mod keys_in_use;
mod request;

pub use answer_keeper::AnswerKeeper;
pub use keys_in_use::KeysInUse;
pub use request::KeyedRequest;

use std::sync::Arc;

use roster_domain::ports::{
    KeptAnswer, Once, Performed, StoreError, UserWrites, Write, WriteError, WriteRefusal,
};

use crate::{FeedError, Runtime, UserError};

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

/// Does a write to a feed once under its key, also when its caller goes away: a transaction of
/// several statements is not left half way, and whoever asks again finds the answer.
pub(crate) async fn perform(
    writes: &Arc<dyn UserWrites>,
    runtime: &Runtime,
    write: Write,
    once: Once,
) -> Result<Performed, FeedError> {
    let at = runtime.clock.now();
    let writes = Arc::clone(writes);
    let performed = runtime.outliving(async move { writes.perform(&write, at, Some(once)).await });
    Ok(performed.await??)
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
