use std::time::Duration;

use async_trait::async_trait;

use crate::Timestamp;

/// Time, so that tests can move it.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Clock: Send + Sync {
    /// The wall clock: what rows are stamped with. It may step.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment of this process: what durations are measured with. It never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits on the monotonic clock.
    async fn sleep(&self, duration: Duration);
}
