//! Rows in the binary format of COPY: no value needs escaping, and the server parses nothing.
//! Source: PostgreSQL's documentation of COPY, "Binary Format".

use roster_domain::Timestamp;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::moment::Moment;

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// How much is handed to the connection at a time; it keeps a copy until it is sent.
const CHUNK: usize = 256 * 1024;

/// The rows of one table.
#[derive(Debug)]
pub(super) struct CopyRows {
    columns: i16,
    octets: Vec<u8>,
}

impl CopyRows {
    pub(super) fn with_columns(columns: i16) -> Self {
        Self {
            columns,
            octets: HEADER.to_vec(),
        }
    }

    /// Begins a row; its fields follow.
    pub(super) fn row(&mut self) -> &mut Self {
        self.octets.extend_from_slice(&self.columns.to_be_bytes());
        self
    }

    pub(super) fn uuid(&mut self, id: Uuid) -> &mut Self {
        self.field(id.as_bytes())
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.field(text.as_bytes())
    }

    pub(super) fn optional_text(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    pub(super) fn boolean(&mut self, flag: bool) -> &mut Self {
        self.field(&[u8::from(flag)])
    }

    pub(super) fn bigint(&mut self, number: i64) -> &mut Self {
        self.field(&number.to_be_bytes())
    }

    pub(super) fn smallint(&mut self, number: i16) -> &mut Self {
        self.field(&number.to_be_bytes())
    }

    pub(super) fn moment(&mut self, at: Timestamp) -> &mut Self {
        self.bigint(Moment(at).micros())
    }

    pub(super) fn optional_moment(&mut self, at: Option<Timestamp>) -> &mut Self {
        match at {
            Some(at) => self.moment(at),
            None => self.null(),
        }
    }

    pub(super) fn null(&mut self) -> &mut Self {
        self.octets.extend_from_slice(&(-1i32).to_be_bytes());
        self
    }

    fn field(&mut self, octets: &[u8]) -> &mut Self {
        // No value of the domain comes near 2 GiB.
        let length = i32::try_from(octets.len()).unwrap_or(i32::MAX);
        self.octets.extend_from_slice(&length.to_be_bytes());
        self.octets.extend_from_slice(octets);
        self
    }

    /// Sends the rows to a `COPY … FROM STDIN WITH (FORMAT binary)`.
    pub(super) async fn send(
        &self,
        connection: &mut PgConnection,
        statement: &str,
    ) -> sqlx::Result<()> {
        const TRAILER: &[u8] = &(-1i16).to_be_bytes();

        let mut copy = connection.copy_in_raw(statement).await?;
        for chunk in self.octets.chunks(CHUNK).chain([TRAILER]) {
            copy.send(chunk).await?;
        }
        copy.finish().await?;
        Ok(())
    }
}
