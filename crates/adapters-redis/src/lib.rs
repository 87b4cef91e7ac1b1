//! The shared user cache on Redis: envelopes, leases and floors.
//!
//! [`RedisUserCache`] implements the cache port over one connection that it keeps alive by
//! itself. The scripts in `scripts/` hold the rules that must be atomic, `envelope` the bytes
//! that are stored, and `key` the names that they are stored under.

mod settings;

mod user_cache;

mod envelope;
mod key;
mod scripts;

mod connection;
mod observer;
mod readiness;

pub use observer::{PayloadFault, RedisEvent, RedisObserver};
pub use readiness::RedisReadiness;
pub use settings::{RedisSettings, RedisSettingsError};
pub use user_cache::RedisUserCache;
