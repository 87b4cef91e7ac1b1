//! Users in files, out and in: NDJSON and CSV, in flat memory whatever their size.
//!
//! What stands in a file is parsed by the types of the domain, as a request's body is; a row
//! that they refuse is told with its line and stops nothing.

mod format;

mod export;
mod row_writer;
mod target;

mod import;
mod rejection;

mod csv_rows;
mod draft;
mod ndjson_rows;
mod row_source;

pub use export::{ExportError, export};
pub use format::Format;
pub use import::{ImportObserver, ImportOptions, ImportReport, ImportStop, Summary, import};
pub use rejection::Rejection;
pub use target::Target;
