//! What the use cases need from the outside, each a small trait with a written contract.
//!
//! A contract's sentences are test cases in the crate `roster-port-contracts`: an
//! implementation that passes them is one.

mod error;

mod user_repository;
mod user_search;
mod user_transfer;
mod user_writes;

mod activity_repository;
mod newest_of;
mod notification_repository;
mod stats_repository;

mod cache_relay;
mod change_log;
mod user_cache;

mod readiness;

mod clock;
mod id_source;
mod task_spawner;

pub use activity_repository::ActivityRepository;
pub use cache_relay::{
    CacheMoment, CacheRelay, Incarnation, Probe, RelayClaim, RelayRound, RoundStart, Watermark,
};
pub use change_log::{CacheNamespace, ChangeLog, PendingChanges};
pub use clock::Clock;
pub use error::{BoxError, CacheError, StoreError, WriteError};
pub use id_source::IdSource;
pub use newest_of::NewestOf;
pub use notification_repository::{CreatedNotification, NotificationRepository};
pub use readiness::Readiness;
pub use stats_repository::StatsRepository;
pub use task_spawner::{Task, TaskSpawner};
pub use user_cache::{
    AcquireRequest, Acquired, CacheLookup, CachePush, ConnectionEpoch, FillOutcome, FillRequest,
    Filling, Invalidation, InvalidationSink, Lease, LeaseToken, SeenBytes, Stamped, UserCache,
};
pub use user_repository::{UserRepository, Written};
pub use user_search::{ESTIMATED_AT_MOST, UserSearch};
pub use user_transfer::{ImportRow, OnConflict, RowResult, SeedBatch, SeedUser, UserTransfer};
pub use user_writes::{KeptAnswer, Once, Outcome, Performed, UserWrites, Write, WriteRefusal};

#[cfg(feature = "mocks")]
pub use {
    activity_repository::MockActivityRepository, cache_relay::MockCacheRelay,
    cache_relay::MockRelayRound, change_log::MockChangeLog, clock::MockClock,
    id_source::MockIdSource, notification_repository::MockNotificationRepository,
    readiness::MockReadiness, stats_repository::MockStatsRepository, task_spawner::MockTaskSpawner,
    user_cache::MockInvalidationSink, user_cache::MockUserCache,
    user_repository::MockUserRepository, user_search::MockUserSearch,
    user_transfer::MockUserTransfer, user_writes::MockUserWrites,
};
