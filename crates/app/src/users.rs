mod counts;
mod error;
mod listing;
mod service;
mod settling;
mod transfer;
mod writes;

pub use error::{FeedError, UserError};
pub use listing::ListedUsers;
pub use service::{UserDraft, UserService};
