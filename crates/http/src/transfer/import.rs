use std::io::{self, Read};
use std::pin::pin;

use futures::future::{Either, select};
use roster_domain::Invalid;
use roster_domain::ports::{
    Clock, IdSource, ImportRow, OnConflict, RowResult, StoreError, UserTransfer,
};
use serde::Serialize;

use super::row_source::{Batch, InputError, batches};
use super::{Format, Rejection};
use crate::problem::FieldError;

/// How a file is read.
#[derive(Clone, Copy, Debug)]
pub struct ImportOptions {
    /// How it is written.
    pub format: Format,
    /// What happens to a row whose user is there.
    pub on_conflict: OnConflict,
    /// The line to begin with, from 1: rows that begin before it are passed over.
    pub from_line: u64,
}

/// What is told while a file is read.
pub trait ImportObserver {
    /// A row was not taken. An error ends the import: what cannot be told must not be lost.
    fn rejected(&mut self, rejection: &Rejection) -> io::Result<()>;

    /// So many octets of the file lie behind.
    fn progressed(&mut self, octets: u64, summary: &Summary);
}

/// What became of the rows; the last four add up to the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Rows that were read and decided about.
    pub read: u64,
    /// New users. In a trial without a store: rows that the domain accepts.
    pub created: u64,
    /// Users who took the row's members.
    pub updated: u64,
    /// Users who were there and stay as they are.
    pub skipped: u64,
    /// Rows that were not taken.
    pub rejected: u64,
}

/// How an import ended.
#[derive(Debug)]
pub struct ImportReport {
    /// What became of the rows up to `committed_line`.
    pub summary: Summary,
    /// The last line that is dealt with for good; the one before the first when none is.
    pub committed_line: u64,
    /// Why it ended before the end of the file.
    pub stopped: Option<ImportStop>,
}

/// Why an import ended before the end of the file.
#[derive(Debug, thiserror::Error)]
pub enum ImportStop {
    /// A user is there, and the import was to fail then. Nothing of its batch is stored.
    #[error("a user of the file is there already")]
    Conflict,
    /// The store could not answer: the rows after the committed line may or may not be stored.
    #[error("the users cannot be stored")]
    Store(#[source] StoreError),
    /// The first row does not name the columns.
    #[error("the header row cannot be used: {0}")]
    Header(String),
    /// The file cannot be read on.
    #[error("the input cannot be read")]
    Input(#[source] io::Error),
    /// A rejected row could not be told: the rows after the committed line may be stored.
    #[error("the rejected rows cannot be written")]
    Rejects(#[source] io::Error),
    /// It was asked to stop.
    #[error("the import was interrupted")]
    Interrupted,
}

/// Stores the users of a file, a transaction a batch. Without a store it only reads the file
/// and says what the domain refuses. It ends after the batch under way when `interrupted` does.
pub async fn import(
    transfer: Option<&dyn UserTransfer>,
    (clock, ids): (&dyn Clock, &dyn IdSource),
    input: impl Read + Send + 'static,
    options: ImportOptions,
    observer: &mut (dyn ImportObserver + Send),
    interrupted: impl Future<Output = ()> + Send,
) -> ImportReport {
    let mut report = ImportReport {
        summary: Summary::default(),
        committed_line: options.from_line.saturating_sub(1),
        stopped: None,
    };
    let mut batches = match batches(input, options.format, options.from_line) {
        Ok(batches) => batches,
        Err(error) => {
            report.stopped = Some(ImportStop::Input(error));
            return report;
        }
    };
    let mut interrupted = pin!(interrupted);
    loop {
        let next = match select(&mut interrupted, pin!(batches.recv())).await {
            Either::Left(_) => Err(ImportStop::Interrupted),
            Either::Right((next, _)) => next.transpose().map_err(ImportStop::from),
        };
        let batch = match next {
            Ok(Some(batch)) => batch,
            Ok(None) => return report,
            Err(stop) => {
                report.stopped = Some(stop);
                return report;
            }
        };
        let (octets, last_line) = (batch.octets, batch.rows.last().map_or(0, |row| row.ends));
        let decided = decide(transfer, (clock, ids), batch, options.on_conflict).await;
        let stored = decided.and_then(|decided| tell(&decided, observer));
        match stored {
            Ok(summary) => {
                report.summary.add(&summary);
                report.committed_line = last_line;
                observer.progressed(octets, &report.summary);
            }
            Err(stop) => {
                report.stopped = Some(stop);
                return report;
            }
        }
    }
}

/// What became of one batch.
struct Decided {
    summary: Summary,
    /// Rows that the domain or the store refuses.
    rejections: Vec<Rejection>,
    /// Rows because of which nothing of the batch is stored.
    undone_by: Vec<Rejection>,
}

async fn decide(
    transfer: Option<&dyn UserTransfer>,
    (clock, ids): (&dyn Clock, &dyn IdSource),
    batch: Batch,
    on_conflict: OnConflict,
) -> Result<Decided, ImportStop> {
    let now = clock.now();
    let mut decided = Decided {
        summary: Summary::default(),
        rejections: Vec::new(),
        undone_by: Vec::new(),
    };
    let (mut lines, mut rows) = (Vec::new(), Vec::<ImportRow>::new());
    for row in batch.rows {
        decided.summary.read += 1;
        match row.draft {
            Err(rejection) => decided.rejections.push(rejection),
            Ok(draft) => {
                lines.push(row.begins);
                rows.push(draft.into_row(ids, now));
            }
        }
    }
    let results = match transfer {
        _ if rows.is_empty() => Vec::new(),
        None => rows
            .iter()
            .map(|row| RowResult::Created(row.user.id))
            .collect(),
        Some(transfer) => {
            let stored = transfer.import(&rows, on_conflict, now).await;
            stored.map_err(ImportStop::Store)?
        }
    };
    for (line, result) in lines.into_iter().zip(results) {
        match result {
            RowResult::Created(_) => decided.summary.created += 1,
            RowResult::Updated(_) => decided.summary.updated += 1,
            RowResult::Skipped(_) => decided.summary.skipped += 1,
            RowResult::NotStored => {}
            refused if on_conflict == OnConflict::Fail => {
                decided.undone_by.push(refusal(line, refused));
            }
            refused => decided.rejections.push(refusal(line, refused)),
        }
    }
    decided.rejections.sort_by_key(|rejection| rejection.line);
    decided.summary.rejected = decided.rejections.len() as u64;
    Ok(decided)
}

/// Tells the rejected rows. Of a batch that is undone only those that undid it: the others are
/// told when the file is read from there again.
fn tell(decided: &Decided, observer: &mut dyn ImportObserver) -> Result<Summary, ImportStop> {
    if !decided.undone_by.is_empty() {
        for rejection in &decided.undone_by {
            observer.rejected(rejection).map_err(ImportStop::Rejects)?;
        }
        return Err(ImportStop::Conflict);
    }
    for rejection in &decided.rejections {
        observer.rejected(rejection).map_err(ImportStop::Rejects)?;
    }
    Ok(decided.summary)
}

fn refusal(line: u64, result: RowResult) -> Rejection {
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
    let errors = vec![FieldError::new(pointer, Invalid::new(code, detail))];
    Rejection { line, errors }
}

impl Summary {
    fn add(&mut self, batch: &Self) {
        self.read += batch.read;
        self.created += batch.created;
        self.updated += batch.updated;
        self.skipped += batch.skipped;
        self.rejected += batch.rejected;
    }
}

impl From<InputError> for ImportStop {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Io(error) => Self::Input(error),
            InputError::Header(detail) => Self::Header(detail),
        }
    }
}
