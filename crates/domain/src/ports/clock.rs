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

    /// The monotonic clock for less: never ahead of it, and behind by a tick of the machine, of
    /// 1 to 10 ms. For what may end that much early or late, and not for durations, nor for how old an
    /// answer is.
    fn coarse(&self) -> Duration {
        self.monotonic()
    }

    /// Waits on the monotonic clock.
    async fn sleep(&self, duration: Duration);
}
