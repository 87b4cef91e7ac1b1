use std::io::{self, BufRead, BufReader, Cursor, Read};

use tokio::sync::mpsc;

use super::Format;
use super::csv_rows::CsvRows;
use super::draft::Draft;
use super::ndjson_rows::NdjsonRows;
use super::rejection::Rejection;

/// The most octets of one row.
pub(super) const MAX_ROW_OCTETS: usize = 1 << 20;
/// How many rows are stored in one transaction.
const BATCH: usize = 1_000;

/// How far a file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The lines that lie behind.
    pub(super) line: u64,
    /// The octets that lie behind.
    pub(super) octets: u64,
    /// Whether the last of them was in the middle of a line.
    pub(super) is_within: bool,
}

impl Place {
    /// Counts octets that were read.
    #[expect(
        clippy::naive_bytecount,
        reason = "a row is short, and parsing it costs a hundred times as much"
    )]
    pub(super) fn pass(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        self.is_within = octets.last().map_or(self.is_within, |last| *last != b'\n');
        self.line += octets.iter().filter(|octet| **octet == b'\n').count() as u64;
    }
}

/// One row of a file.
pub(super) struct Row {
    /// The line that it begins on, counted from 1.
    pub(super) begins: u64,
    /// The line that it ends on.
    pub(super) ends: u64,
    /// What it says.
    pub(super) draft: Result<Draft, Rejection>,
}

/// Rows that are stored together.
#[derive(Default)]
pub(crate) struct Batch {
    pub(super) rows: Vec<Row>,
    /// How many octets of the file lie behind once they are stored.
    pub(super) octets: u64,
}

/// A file that cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("the input cannot be read")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Header(String),
}

enum Rows<R> {
    Ndjson(NdjsonRows<R>),
    Csv(Box<CsvRows<R>>),
}

impl<R: BufRead> Rows<R> {
    fn next(&mut self, from: u64) -> io::Result<Option<Row>> {
        match self {
            Self::Ndjson(rows) => rows.next(from),
            Self::Csv(rows) => rows.next(from),
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Ndjson(rows) => rows.place(),
            Self::Csv(rows) => rows.place(),
        }
    }
}

/// The rows from line `from` on in batches, read and parsed on a thread of its own ahead of
/// whoever stores them. The thread is nobody's to wait for: it may hang on a terminal.
pub(super) fn batches(
    input: impl Read + Send + 'static,
    format: Format,
    from: u64,
) -> io::Result<mpsc::Receiver<Result<Batch, InputError>>> {
    let (sender, receiver) = mpsc::channel(2);
    std::thread::Builder::new()
        .name("import".to_owned())
        .spawn(move || {
            let outcome = read(input, format, from, |batch| {
                sender.blocking_send(Ok(batch)).is_ok()
            });
            if let Err(error) = outcome {
                // Nobody waits for it once the receiver is gone.
                let _ = sender.blocking_send(Err(error));
            }
        })?;
    Ok(receiver)
}

fn read(
    mut input: impl Read,
    format: Format,
    from: u64,
    mut send: impl FnMut(Batch) -> bool,
) -> Result<(), InputError> {
    let mut place = Place::default();
    let mut head = Vec::with_capacity(3);
    input.by_ref().take(3).read_to_end(&mut head)?;
    if head == b"\xef\xbb\xbf" {
        // A byte order mark says nothing in UTF-8, and some programs cannot help writing it.
        head.clear();
        place.octets = 3;
    }
    let input = BufReader::with_capacity(1 << 16, Cursor::new(head).chain(input));
    let mut rows = match format {
        Format::Ndjson => Rows::Ndjson(NdjsonRows::new(input, place)),
        Format::Csv => Rows::Csv(Box::new(CsvRows::new(input, place)?)),
    };
    let mut batch = Batch::default();
    loop {
        let row = rows.next(from)?;
        let ended = row.is_none();
        batch.rows.extend(row);
        if batch.rows.len() == BATCH || (ended && !batch.rows.is_empty()) {
            batch.octets = rows.place().octets;
            if !send(std::mem::take(&mut batch)) {
                return Ok(());
            }
        }
        if ended {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn fuzz(name: &str, format: Format) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/corpus")
            .join(name);
        let words: &[&[u8]] = &[
            b"\n",
            b"\r\n",
            b"\"",
            b",",
            b"{\"email\":",
            b"metadata",
            b"\xff",
        ];
        roster_fuzz::run(&corpus, words, |octets| {
            let input = octets.to_vec();
            let lines = octets.split(|octet| *octet == b'\n').count() as u64;
            let (mut last, mut codes) = (0, Vec::new());
            let outcome = read(Cursor::new(input), format, 1, |batch| {
                for row in batch.rows {
                    assert!(row.begins >= last, "rows come in the order of their lines");
                    assert!(row.begins <= row.ends && row.ends <= lines + 1);
                    last = row.begins;
                    codes.push(row.draft.err().map(|rejection| {
                        assert_eq!(rejection.line, row.begins);
                        rejection.errors.first().map(|error| error.code)
                    }));
                }
                true
            });
            codes.dedup();
            codes.truncate(4);
            (outcome.is_ok(), codes)
        });
    }

    #[test]
    fn fuzzed_import_ndjson() {
        fuzz("import-ndjson", Format::Ndjson);
    }

    #[test]
    fn fuzzed_import_csv() {
        fuzz("import-csv", Format::Csv);
    }
}
