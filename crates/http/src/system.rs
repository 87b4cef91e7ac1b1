//! Time, ids and tasks of a real process: the only place that asks the machine for them.

#[cfg(target_os = "linux")]
mod coarse;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use roster_app::Runtime;
use roster_domain::Timestamp;
use roster_domain::ports::{Clock, IdSource, Task, TaskSpawner};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// The runtime of a real process; made inside a Tokio runtime.
pub fn runtime() -> Runtime {
    runtime_with(&TokioTasks::default())
}

/// The same, with tasks that the caller can wait for.
pub fn runtime_with(tasks: &TokioTasks) -> Runtime {
    Runtime {
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(SystemIds),
        tasks: Arc::new(tasks.clone()),
    }
}

/// The clocks of the machine.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
    #[cfg(target_os = "linux")]
    coarse: coarse::CoarseClock,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else has to ask"
    )]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            #[cfg(target_os = "linux")]
            coarse: coarse::CoarseClock::new(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else has to ask"
    )]
    fn now(&self) -> Timestamp {
        let since_1970 = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::UNIX_EPOCH.plus(since_1970)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    #[cfg(target_os = "linux")]
    fn coarse(&self) -> Duration {
        self.coarse.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Ids of version 7 and randomness that nobody can guess.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the source of ids; it counts within a millisecond"
    )]
    fn next_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn random_token(&self) -> [u8; 16] {
        rand::random()
    }
}

/// Tasks on the Tokio runtime of the caller: loads, and writes with their invalidations.
#[derive(Clone, Debug, Default)]
pub struct TokioTasks(TaskTracker);

impl TokioTasks {
    /// Waits until every task has ended, at most `limit`; false when some have not. A process
    /// that closes its store earlier could commit a write and never invalidate it.
    pub async fn finish(&self, limit: Duration) -> bool {
        self.0.close();
        tokio::time::timeout(limit, self.0.wait()).await.is_ok()
    }
}

impl TaskSpawner for TokioTasks {
    fn spawn(&self, task: Task) {
        self.0.spawn(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ids_are_greater() {
        let ids: Vec<Uuid> = (0..10_000).map(|_| SystemIds.next_id()).collect();
        assert!(ids.is_sorted_by(|one, two| one < two));
        assert_eq!(ids[0].get_version_num(), 7);
        assert_ne!(SystemIds.random_token(), SystemIds.random_token());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_for_the_tasks_but_not_for_ever() {
        let tasks = TokioTasks::default();
        tasks.spawn(Box::pin(tokio::time::sleep(Duration::from_secs(2))));
        assert!(!tasks.finish(Duration::from_secs(1)).await);
        assert!(tasks.finish(Duration::from_secs(2)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn the_monotonic_clock_is_the_one_that_sleepers_wait_on() {
        let clock = SystemClock::new();
        clock.sleep(Duration::from_secs(3)).await;
        assert_eq!(clock.monotonic().as_secs(), 3);
        assert!(clock.now() > Timestamp::UNIX_EPOCH);
    }
}
