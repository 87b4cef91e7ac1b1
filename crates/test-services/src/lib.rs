//! Throw-away servers for tests: PostgreSQL, Redis, a TCP proxy that breaks connections on request,
//! and a web server over TLS.
//!
//! Everything started here listens on a free loopback port, keeps its data in a temporary folder, and ends with the
//! process that started it, however that process ends.

mod binaries;
mod error;
mod fault_proxy;
#[cfg(feature = "redis")]
mod patient_redis;
mod postgres;
mod private_process;
mod redis_server;
mod run_user;
mod skip;
mod test_database;
#[cfg(feature = "tls")]
mod tls_site;

pub use crate::binaries::{find_faketime, find_postgres, find_redis};
pub use crate::error::{BoxError, ServiceError};
pub use crate::fault_proxy::{Fault, FaultProxy, refusing};
#[cfg(feature = "redis")]
pub use crate::patient_redis::patient_redis;
pub use crate::postgres::{PostgresOptions, PostgresServer};
pub use crate::redis_server::{Dump, RedisServer};
pub use crate::skip::or_skip;
pub use crate::test_database::{SERVER_URL_VARIABLE, TestDatabase, test_database};
#[cfg(feature = "tls")]
pub use crate::tls_site::{TlsAuthority, TlsSite};
