use std::io::{self, Write};

use roster_domain::User;
use serde::Serialize;
use serde_json::value::RawValue;

use super::Format;

/// Writes users as rows, one after the other.
pub(crate) enum RowWriter<W: Write> {
    Ndjson(W),
    Csv(Box<csv::Writer<W>>),
}

/// A row of NDJSON. The metadata goes through as the text that it is stored as.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    email: &'a str,
    name: &'a str,
    is_active: bool,
    locale: Option<&'a str>,
    avatar_url: Option<&'a str>,
    metadata: &'a RawValue,
    created_at: &'a str,
}

impl<W: Write> RowWriter<W> {
    /// A writer that has written what stands before the first row.
    pub(crate) fn new(format: Format, output: W) -> io::Result<Self> {
        let mut writer = Self::going_on(format, output);
        if let Self::Csv(rows) = &mut writer {
            rows.write_record(Format::MEMBERS)?;
        }
        Ok(writer)
    }

    /// A writer of rows alone.
    pub(crate) fn going_on(format: Format, output: W) -> Self {
        match format {
            Format::Ndjson => Self::Ndjson(output),
            Format::Csv => Self::Csv(Box::new(csv::Writer::from_writer(output))),
        }
    }

    /// Writes one user.
    pub(crate) fn write(&mut self, user: &User) -> io::Result<()> {
        let (id, created_at) = (user.id.to_string(), user.created_at.to_string());
        let locale = user.locale.as_ref().map(roster_domain::Locale::as_str);
        let avatar_url = user.avatar_url.as_ref();
        let avatar_url = avatar_url.map(roster_domain::AvatarUrl::as_str);
        match self {
            Self::Ndjson(output) => {
                let row = Row {
                    id: &id,
                    email: user.email.as_str(),
                    name: user.name.as_str(),
                    is_active: user.is_active,
                    locale,
                    avatar_url,
                    metadata: serde_json::from_str(user.metadata.as_str())?,
                    created_at: &created_at,
                };
                serde_json::to_writer(&mut *output, &row)?;
                output.write_all(b"\n")
            }
            Self::Csv(writer) => Ok(writer.write_record([
                id.as_str(),
                user.email.as_str(),
                user.name.as_str(),
                if user.is_active { "true" } else { "false" },
                locale.unwrap_or_default(),
                avatar_url.unwrap_or_default(),
                user.metadata.as_str(),
                created_at.as_str(),
            ])?),
        }
    }

    /// What was written into, with every octet in it.
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Self::Ndjson(mut output) => output.flush().map(|()| output),
            Self::Csv(writer) => writer.into_inner().map_err(csv::IntoInnerError::into_error),
        }
    }
}
