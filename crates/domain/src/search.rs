//! Finding users by the beginning of a name or of an address.

mod cursor;
mod folding;
mod key;
mod page;
mod window;

pub use cursor::SearchCursor;
pub use key::{SearchKey, SearchKeys, SearchPrefix};
pub use page::{FoundPage, FoundUser, SearchFilter, SearchRequest, SearchStart};
pub use window::SearchWindow;
