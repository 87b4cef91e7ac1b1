//! Behaviour suites that every implementation of a port must pass.
//!
//! Each sentence of a port's contract is one public async function, named after the sentence.
//! One macro a port turns them into `#[tokio::test]`s of the caller's crate, in a module named
//! after the port:
//!
//! | macro | certifies | fixture |
//! |---|---|---|
//! | [`user_repository!`] | `UserRepository` | [`StoreFixture`] |
//! | [`user_transfer!`] | `UserTransfer` | [`StoreFixture`] |
//! | [`user_writes!`] | `UserWrites` | [`StoreFixture`] |
//! | [`user_search!`] | `UserSearch` | [`StoreFixture`] |
//! | [`notification_repository!`] | `NotificationRepository` | [`StoreFixture`] |
//! | [`activity_repository!`] | `ActivityRepository` | [`StoreFixture`] |
//! | [`stats_repository!`] | `StatsRepository` | [`StoreFixture`] |
//! | [`store!`] | the seven above at once | [`StoreFixture`] |
//! | [`change_log!`] | `ChangeLog`, where a store has one | [`StoreFixture`] |
//! | [`user_cache!`] | `UserCache` | [`CacheFixture`] |
//! | [`cache_relay!`] | `CacheRelay` and its `RelayRound` | [`RelayFixture`] |
//! | [`readiness!`] | `Readiness` | [`ReadinessFixture`] |
//!
//! Each takes the path of an async function without arguments that makes a **new** fixture, an
//! empty store or cache of its own, or `None` when the services that it needs are not there:
//! then the test says `skipped: …`, or fails if the environment has `REQUIRE_SERVICES=1`.
//!
//! ```
//! # use std::sync::Arc;
//! use roster_adapters_memory::{ManualClock, MemoryReadiness};
//! use roster_domain::ports::Readiness;
//! use roster_port_contracts::ReadinessFixture;
//!
//! struct Fixture;
//!
//! #[async_trait::async_trait]
//! impl ReadinessFixture for Fixture {
//!     fn readiness(&self) -> Arc<dyn Readiness> {
//!         Arc::new(MemoryReadiness::new())
//!     }
//!     async fn gone(&self) -> Option<Arc<dyn Readiness>> {
//!         None
//!     }
//! }
//!
//! async fn fixture() -> Option<Fixture> {
//!     Some(Fixture)
//! }
//!
//! roster_port_contracts::readiness!(fixture);
//! ```
//!
//! The caller's crate needs `tokio` with the features `macros` and `rt`. Whoever wants to run
//! the cases otherwise finds them in the `cases()` of each port's module.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a case says that a contract is broken by panicking"
)]

mod macros;

mod case;
mod fixtures;
mod lists;

pub mod samples;

pub mod user_repository;
pub mod user_search;
pub mod user_transfer;
pub mod user_writes;

pub mod activity_repository;
pub mod notification_repository;
pub mod stats_repository;

pub mod cache_relay;
pub mod change_log;
pub mod user_cache;

pub mod readiness;

pub mod decorators;

pub use case::{Case, skipped};
pub use fixtures::{CacheFixture, ReadinessFixture, RelayFixture, StoreFixture};
