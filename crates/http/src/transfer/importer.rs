use std::io::{self, Read};

use roster_domain::ports::{Clock, IdSource, ImportRow, OnConflict, RowResult, UserTransfer};
use roster_domain::{Invalid, UserId};
use tokio::sync::mpsc;

use super::row_source::{Batch, InputError, batches};
use super::{ImportOptions, ImportStop, Summary};
use crate::problem::FieldError;

/// Reads a file and decides about its rows, a batch at a time.
pub struct Importer<'a> {
    transfer: Option<&'a dyn UserTransfer>,
    clock: &'a dyn Clock,
    ids: &'a dyn IdSource,
    batches: mpsc::Receiver<Result<Batch, InputError>>,
    on_conflict: OnConflict,
}

/// What became of one batch.
pub struct Decided {
    /// One a row, in their order.
    pub outcomes: Vec<Outcome>,
    /// Whether nothing of it is stored, because of a row that must not be there.
    pub is_undone: bool,
    /// All of them, counted; of no meaning when the batch is undone.
    pub summary: Summary,
    /// The last line of the batch.
    pub last_line: u64,
    /// How many octets of the file lie behind it.
    pub(super) octets: u64,
}

/// What became of one row.
pub struct Outcome {
    /// The line that it begins on, counted from 1.
    pub line: u64,
    /// Its end.
    pub end: RowEnd,
}

/// What became of one row.
pub enum RowEnd {
    /// A new user.
    Created(UserId),
    /// In a trial without a store: the domain accepts it.
    Accepted,
    /// A stored user took the row's members.
    Updated(UserId),
    /// A stored user was there and stays as it is.
    Skipped(UserId),
    /// It is not taken.
    Rejected(Vec<FieldError>),
    /// It is why nothing of the batch is stored.
    Undoing(Vec<FieldError>),
    /// Nothing is wrong with it, and it is not stored.
    NotStored,
}

impl<'a> Importer<'a> {
    /// Begins to read.
    pub fn start(
        transfer: Option<&'a dyn UserTransfer>,
        (clock, ids): (&'a dyn Clock, &'a dyn IdSource),
        input: impl Read + Send + 'static,
        options: ImportOptions,
    ) -> io::Result<Self> {
        Ok(Self {
            transfer,
            clock,
            ids,
            batches: batches(input, options.format, options.from_line)?,
            on_conflict: options.on_conflict,
        })
    }

    /// Waits for the next batch; it may be given up.
    pub(crate) async fn read(&mut self) -> Result<Option<Batch>, ImportStop> {
        self.batches
            .recv()
            .await
            .transpose()
            .map_err(ImportStop::from)
    }

    /// Stores a batch.
    pub(crate) async fn decide(&self, batch: Batch) -> Result<Decided, ImportStop> {
        let now = self.clock.now();
        let last_line = batch.rows.last().map_or(0, |row| row.ends);
        let mut outcomes = Vec::with_capacity(batch.rows.len());
        let mut rows = Vec::<ImportRow>::with_capacity(batch.rows.len());
        for row in batch.rows {
            let end = match row.draft {
                Err(rejection) => RowEnd::Rejected(rejection.errors),
                Ok(draft) => {
                    rows.push(draft.into_row(self.ids, now));
                    RowEnd::Accepted
                }
            };
            let line = row.begins;
            outcomes.push(Outcome { line, end });
        }
        let results = match self.transfer {
            _ if rows.is_empty() => Vec::new(),
            None => Vec::new(),
            Some(transfer) => {
                let stored = transfer.import(&rows, self.on_conflict, now).await;
                stored.map_err(ImportStop::Store)?
            }
        };
        let accepted = outcomes
            .iter_mut()
            .filter(|outcome| matches!(outcome.end, RowEnd::Accepted));
        for (outcome, result) in accepted.zip(results) {
            outcome.end = RowEnd::of(result, self.on_conflict);
        }
        let is_undone = outcomes
            .iter()
            .any(|outcome| matches!(outcome.end, RowEnd::Undoing(_)));
        Ok(Decided {
            summary: Summary::of(&outcomes),
            outcomes,
            is_undone,
            last_line,
            octets: batch.octets,
        })
    }
}

impl RowEnd {
    fn of(result: RowResult, on_conflict: OnConflict) -> Self {
        match result {
            RowResult::Created(id) => Self::Created(id),
            RowResult::Updated(id, _) => Self::Updated(id),
            RowResult::Skipped(id) => Self::Skipped(id),
            RowResult::NotStored => Self::NotStored,
            refused if on_conflict == OnConflict::Fail => Self::Undoing(refusal(refused)),
            refused => Self::Rejected(refusal(refused)),
        }
    }
}

impl Summary {
    fn of(outcomes: &[Outcome]) -> Self {
        let mut summary = Self {
            read: outcomes.len() as u64,
            ..Self::default()
        };
        for outcome in outcomes {
            match outcome.end {
                RowEnd::Created(_) | RowEnd::Accepted => summary.created += 1,
                RowEnd::Updated(_) => summary.updated += 1,
                RowEnd::Skipped(_) => summary.skipped += 1,
                RowEnd::Rejected(_) => summary.rejected += 1,
                RowEnd::Undoing(_) | RowEnd::NotStored => {}
            }
        }
        summary
    }
}

fn refusal(result: RowResult) -> Vec<FieldError> {
    let (pointer, code, detail) = match result {
        RowResult::EmailTaken => (
            "/email",
            "email_taken",
            "The address belongs to another user, perhaps a deleted one.",
        ),
        RowResult::IdTaken => (
            "/id",
            "id_taken",
            "The id is or was a user's who is deleted.",
        ),
        _ => ("", "exists", "The user is there."),
    };
    vec![FieldError::new(pointer, Invalid::new(code, detail))]
}
