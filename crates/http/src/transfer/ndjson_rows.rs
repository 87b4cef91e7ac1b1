use std::io::{self, BufRead};

use super::draft::Draft;
use super::rejection::Rejection;
use super::row_source::{MAX_ROW_OCTETS, Place, Row};

/// The rows of an NDJSON file. Blank lines are passed over.
pub(super) struct NdjsonRows<R> {
    input: R,
    place: Place,
    line: Vec<u8>,
}

impl<R: BufRead> NdjsonRows<R> {
    pub(super) fn new(input: R, place: Place) -> Self {
        Self {
            input,
            place,
            line: Vec::new(),
        }
    }

    /// The next row that begins on `from` or after it.
    pub(super) fn next(&mut self, from: u64) -> io::Result<Option<Row>> {
        loop {
            let number = self.place.line + 1;
            let Some(whole) = self.read_line()? else {
                return Ok(None);
            };
            let text = self.line.trim_ascii();
            if number < from || (whole && text.is_empty()) {
                continue;
            }
            let draft = if whole {
                Draft::from_json(number, text)
            } else {
                Err(too_long(number))
            };
            let (begins, ends) = (number, self.place.line);
            return Ok(Some(Row {
                begins,
                ends,
                draft,
            }));
        }
    }

    /// Reads a line, no more of it than may be; false when there was more.
    fn read_line(&mut self) -> io::Result<Option<bool>> {
        self.line.clear();
        let (mut whole, mut any) = (true, false);
        loop {
            let available = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if available.is_empty() {
                self.place.line += u64::from(any);
                return Ok(any.then_some(whole));
            }
            any = true;
            let end = available.iter().position(|octet| *octet == b'\n');
            let octets = &available[..end.unwrap_or(available.len())];
            whole &= self.line.len() + octets.len() <= MAX_ROW_OCTETS;
            if whole {
                self.line.extend_from_slice(octets);
            }
            let used = octets.len() + usize::from(end.is_some());
            self.place.octets += used as u64;
            self.input.consume(used);
            if end.is_some() {
                self.place.line += 1;
                return Ok(Some(whole));
            }
        }
    }

    /// How far the file is read.
    pub(super) fn place(&self) -> Place {
        self.place
    }
}

/// A row that is not kept in memory.
pub(super) fn too_long(line: u64) -> Rejection {
    Rejection::new(line, "", "too_long", "A row has at most 1048576 octets.")
}
