//! Keyset pagination: pages at a flat cost at any depth, and the cursors between them.

mod cursor;
mod filters;
mod page;
mod sealed;

pub use cursor::{Cursor, CursorError, FilterHash};
pub use filters::{ActiveFilter, Counting, UserFilter};
pub(crate) use sealed::Sealed;

pub use page::{Order, Page, PageRequest, PageSize, Positioned, RowOffset, Slice, Start};
