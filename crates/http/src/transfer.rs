//! Users in files, out and in: NDJSON and CSV, in flat memory whatever their size.
//!
//! What stands in a file is parsed by the types of the domain, as a request's body is; a row
//! that they refuse is told with its line and stops nothing.

mod format;

mod export;
mod row_writer;
mod target;

mod import;
mod importer;
mod rejection;

mod csv_rows;
mod draft;
mod ndjson_rows;
mod row_source;

pub use export::{ExportError, Pages, export};
pub use format::Format;
pub use import::{ImportObserver, ImportOptions, ImportReport, ImportStop, Summary, import};
pub use importer::{Decided, Importer, Outcome, RowEnd};
pub use rejection::Rejection;
pub(crate) use row_writer::RowWriter;
pub use target::Target;
