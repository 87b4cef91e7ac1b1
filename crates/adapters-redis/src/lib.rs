//! The shared user cache on Redis: envelopes, leases and floors.
//!
//! [`RedisUserCache`] implements the cache port over one connection that it keeps alive by
//! itself, and by which the server tells what changed. [`RedisCacheRelay`] carries the change
//! log over the same connection, and keeps the watermark. The scripts in `scripts/` hold the
//! rules that must be atomic, `envelope` and `watermark` the bytes that are stored, and `key`
//! the names that they are stored under.

mod settings;

mod cache_relay;
mod user_cache;

mod invalidation;
mod replies;

mod envelope;
mod key;
mod scripts;
mod watermark;

mod connection;
mod observer;
mod readiness;

pub use cache_relay::RedisCacheRelay;
pub use observer::{PayloadFault, RedisEvent, RedisObserver};
pub use readiness::RedisReadiness;
pub use settings::{RedisSettings, RedisSettingsError};
pub use user_cache::RedisUserCache;
