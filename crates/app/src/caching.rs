mod change_log_keeper;
mod policy;

pub use change_log_keeper::ChangeLogKeeper;
pub use policy::{CachePolicy, Caches, SharedCache};
