use std::io::{self, BufRead};
use std::str::FromStr;

use csv_core::ReadRecordResult;
use roster_domain::{Invalid, Timestamp};

use super::Format;
use super::draft::{Draft, not_importable, not_utf8};
use super::ndjson_rows::too_long;
use super::rejection::Rejection;
use super::row_source::{InputError, MAX_ROW_OCTETS, Place, Row};
use crate::extract::Refused;
use crate::problem::FieldError;

/// The rows of a CSV file (RFC 4180) under its header row. Blank lines are passed over.
///
/// The parser is that of the crate `csv`, without its reader: that one keeps a row of any
/// length in memory, and takes a quote that is never closed for a row.
pub(super) struct CsvRows<R> {
    input: R,
    place: Place,
    parser: csv_core::Reader,
    octets: Vec<u8>,
    ends: Vec<usize>,
    columns: Vec<&'static str>,
}

/// What became of reading one record.
enum Record {
    /// So many fields, in the buffers.
    Fields(usize),
    TooLong,
    Unclosed,
}

impl<R: BufRead> CsvRows<R> {
    /// Reads the header row.
    pub(super) fn new(input: R, place: Place) -> Result<Self, InputError> {
        let mut rows = Self {
            input,
            place,
            parser: csv_core::Reader::new(),
            octets: vec![0; 1 << 12],
            ends: vec![0; 16],
            columns: Vec::new(),
        };
        let header = match rows.read_record()? {
            Some((_, Record::Fields(fields))) => rows.fields(fields).map(<[u8]>::to_vec).collect(),
            _ => Vec::new(),
        };
        rows.columns = columns(&header).map_err(InputError::Header)?;
        Ok(rows)
    }

    /// The next row that begins on `from` or after it.
    pub(super) fn next(&mut self, from: u64) -> io::Result<Option<Row>> {
        loop {
            let Some((begins, record)) = self.read_record()? else {
                return Ok(None);
            };
            if begins < from {
                continue;
            }
            let draft = match record {
                Record::Fields(fields) => self.draft(begins, fields),
                Record::TooLong => Err(too_long(begins)),
                Record::Unclosed => Err(Rejection::new(
                    begins,
                    "",
                    "unclosed_quote",
                    "A quote is never closed, so that the rest of the file belongs to this row.",
                )),
            };
            // A record ends with the first octet of a line break of two.
            let ends = self.place.line + u64::from(self.place.is_within);
            return Ok(Some(Row {
                begins,
                ends,
                draft,
            }));
        }
    }

    /// How far the file is read.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    fn fields(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ends = self.ends.iter().copied();
        starts
            .zip(ends)
            .take(count)
            .map(|(start, end)| &self.octets[start..end])
    }

    /// Reads a record and the line that it begins on.
    fn read_record(&mut self) -> io::Result<Option<(u64, Record)>> {
        let (mut written, mut fields, mut length) = (0, 0, 0);
        let mut begins = None;
        loop {
            let available = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            let at_end = available.is_empty();
            if begins.is_none() {
                let blank = available
                    .iter()
                    .take_while(|octet| matches!(octet, b'\r' | b'\n'));
                let blank = blank.count();
                if blank > 0 {
                    self.place.pass(&available[..blank]);
                    self.input.consume(blank);
                    continue;
                }
                if at_end {
                    return Ok(None);
                }
                begins = Some(self.place.line + 1);
            }
            let begins = begins.unwrap_or_default();
            // A line break ends the last record of a file that ends without one; inside of a
            // quote it does not.
            let input = if at_end { b"\n".as_slice() } else { available };
            let (result, read, wrote, ended) = self.parser.read_record(
                input,
                &mut self.octets[written..],
                &mut self.ends[fields..],
            );
            (written, fields, length) = (written + wrote, fields + ended, length + read);
            if at_end {
                self.place.line += read as u64;
                self.place.is_within &= read == 0;
            } else {
                self.place.pass(&available[..read]);
                self.input.consume(read);
            }
            match result {
                ReadRecordResult::Record if length > MAX_ROW_OCTETS => {
                    return Ok(Some((begins, Record::TooLong)));
                }
                ReadRecordResult::Record => return Ok(Some((begins, Record::Fields(fields)))),
                ReadRecordResult::InputEmpty if at_end => {
                    return Ok(Some((begins, Record::Unclosed)));
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull
                    if length > MAX_ROW_OCTETS =>
                {
                    // Its end is looked for, and nothing of it is kept.
                    (written, fields) = (0, 0);
                }
                ReadRecordResult::OutputFull => self.octets.resize(self.octets.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn draft(&self, line: u64, fields: usize) -> Result<Draft, Rejection> {
        if fields != self.columns.len() {
            let detail = "The row has another number of fields than the header.";
            return Err(Rejection::new(line, "", "wrong_field_count", detail));
        }
        let mut cells = Cells {
            cells: Vec::with_capacity(fields),
            errors: Vec::new(),
        };
        for (column, field) in self.columns.iter().zip(self.fields(fields)) {
            let Ok(text) = str::from_utf8(field) else {
                return Err(not_utf8(line, &format!("/{column}")));
            };
            cells.cells.push((*column, text));
        }
        let draft = cells.draft();
        let errors = cells.errors;
        draft.map_err(|Refused| Rejection { line, errors })
    }
}

/// The fields of one row by their columns. An empty one stands for a member that is not there.
struct Cells<'a> {
    cells: Vec<(&'static str, &'a str)>,
    errors: Vec<FieldError>,
}

impl Cells<'_> {
    fn draft(&mut self) -> Result<Draft, Refused> {
        // Every cell is read before the first refusal ends it, so that all of them are told.
        let (id, email) = (
            self.optional("id", FromStr::from_str),
            self.required("email"),
        );
        let (name, is_active) = (self.required("name"), self.optional("is_active", boolean));
        let locale = self.optional("locale", FromStr::from_str);
        let avatar_url = self.optional("avatar_url", FromStr::from_str);
        let metadata = self.optional("metadata", FromStr::from_str);
        let created_at = self.optional("created_at", Timestamp::parse_rfc3339);
        Ok(Draft {
            id: id?,
            email: email?,
            name: name?,
            is_active: is_active?,
            locale: locale?,
            avatar_url: avatar_url?,
            metadata: metadata?,
            created_at: created_at?,
        })
    }

    fn required<T: FromStr<Err = Invalid>>(&mut self, column: &'static str) -> Result<T, Refused> {
        match self.optional(column, T::from_str)? {
            Some(value) => Ok(value),
            None => Err(self.refuse(column, Invalid::new("required", "The member is needed."))),
        }
    }

    fn optional<T>(
        &mut self,
        column: &'static str,
        parse: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Result<Option<T>, Refused> {
        let mut cells = self.cells.iter();
        let cell = cells.find(|(name, text)| *name == column && !text.is_empty());
        let parsed = cell.map(|(_, text)| parse(text)).transpose();
        parsed.map_err(|invalid| self.refuse(column, invalid))
    }

    fn refuse(&mut self, column: &str, invalid: Invalid) -> Refused {
        self.errors
            .push(FieldError::new(format!("/{column}"), invalid));
        Refused
    }
}

fn boolean(text: &str) -> Result<bool, Invalid> {
    text.parse()
        .map_err(|_| Invalid::new("not_a_boolean", "True or false is needed, in lower case."))
}

/// The columns that the header names.
fn columns(header: &[Vec<u8>]) -> Result<Vec<&'static str>, String> {
    let mut columns = Vec::with_capacity(header.len());
    for name in header {
        let name = String::from_utf8_lossy(name);
        let Some(known) = Format::MEMBERS.into_iter().find(|known| *known == name) else {
            let why = match &*name {
                "version" | "updated_at" => not_importable().detail.into_owned(),
                _ => format!("The columns are {}.", Format::MEMBERS.join(", ")),
            };
            return Err(format!(
                "There is no column \"{}\". {why}",
                name.escape_debug()
            ));
        };
        if columns.contains(&known) {
            return Err(format!("The column \"{known}\" is there twice."));
        }
        columns.push(known);
    }
    for needed in ["email", "name"] {
        if !columns.contains(&needed) {
            return Err(format!(
                "The first row has to name the columns; \"{needed}\" is missing."
            ));
        }
    }
    Ok(columns)
}
