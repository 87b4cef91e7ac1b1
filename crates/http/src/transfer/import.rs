use std::io::{self, Read};
use std::pin::pin;

use futures::future::{Either, select};
use roster_domain::ports::{Clock, IdSource, OnConflict, StoreError, UserTransfer};
use serde::Serialize;

use super::importer::{Decided, Importer, RowEnd};
use super::row_source::InputError;
use super::{Format, Rejection};

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
    surroundings: (&dyn Clock, &dyn IdSource),
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
    let mut importer = match Importer::start(transfer, surroundings, input, options) {
        Ok(importer) => importer,
        Err(error) => {
            report.stopped = Some(ImportStop::Input(error));
            return report;
        }
    };
    let mut interrupted = pin!(interrupted);
    loop {
        // A batch under way is always decided about: only the wait for the next one ends early.
        let next = match select(&mut interrupted, pin!(importer.read())).await {
            Either::Left(_) => Err(ImportStop::Interrupted),
            Either::Right((next, _)) => next,
        };
        let outcome = match next {
            Ok(None) => return report,
            Ok(Some(batch)) => importer.decide(batch).await,
            Err(stop) => Err(stop),
        };
        let told = outcome.and_then(|decided| {
            let (line, octets) = (decided.last_line, decided.octets);
            tell(decided, observer).map(|summary| (summary, line, octets))
        });
        match told {
            Ok((summary, line, octets)) => {
                report.summary.add(&summary);
                report.committed_line = line;
                observer.progressed(octets, &report.summary);
            }
            Err(stop) => {
                report.stopped = Some(stop);
                return report;
            }
        }
    }
}

/// Tells the rejected rows. Of a batch that is undone only those that undid it: the others are
/// told when the file is read from there again.
fn tell(decided: Decided, observer: &mut dyn ImportObserver) -> Result<Summary, ImportStop> {
    let Decided {
        outcomes,
        is_undone,
        summary,
        ..
    } = decided;
    for outcome in outcomes {
        let line = outcome.line;
        match outcome.end {
            RowEnd::Undoing(errors) => observer.rejected(&Rejection { line, errors }),
            RowEnd::Rejected(errors) if !is_undone => {
                observer.rejected(&Rejection { line, errors })
            }
            _ => Ok(()),
        }
        .map_err(ImportStop::Rejects)?;
    }
    if is_undone {
        Err(ImportStop::Conflict)
    } else {
        Ok(summary)
    }
}

impl Summary {
    /// Adds what became of a further batch.
    pub fn add(&mut self, batch: &Self) {
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
