use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use roster_domain::Timestamp;
use roster_domain::ports::Clock;
use tokio::sync::watch;

/// A [`Clock`] that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    wall: Mutex<Timestamp>,
    /// The monotonic time; every sleeper watches it.
    elapsed: watch::Sender<Duration>,
}

impl ManualClock {
    /// A clock whose wall shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self {
            wall: Mutex::new(now),
            elapsed: watch::Sender::new(Duration::ZERO),
        }
    }

    /// Moves both clocks on; whoever slept until a moment within `duration` wakes.
    pub fn advance(&self, duration: Duration) {
        self.step_to(self.now().plus(duration));
        self.elapsed.send_modify(|elapsed| *elapsed += duration);
    }

    /// Steps the wall clock alone, in either direction.
    pub fn step_to(&self, now: Timestamp) {
        *self.wall.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// How many sleep just now, so that a test can wait for them before it moves the clock.
    pub fn sleepers(&self) -> usize {
        self.elapsed.receiver_count()
    }
}

impl Default for ManualClock {
    /// Shows 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::new(Timestamp::UNIX_EPOCH.plus(Duration::from_hours(490_896)))
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.wall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn monotonic(&self) -> Duration {
        *self.elapsed.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let mut elapsed = self.elapsed.subscribe();
        let wake_at = self.monotonic().saturating_add(duration);
        // The sender lives as long as the clock, so this ends only when the time has come.
        let _ = elapsed.wait_for(|now| *now >= wake_at).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_time_has_come_and_no_earlier() {
        let clock = Arc::new(ManualClock::default());
        let sleeper = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move { clock.sleep(Duration::from_secs(2)).await }
        });
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(1));
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.unwrap();
        assert_eq!(clock.monotonic(), Duration::from_secs(2));
    }

    #[test]
    fn the_wall_clock_steps_without_the_other() {
        let clock = ManualClock::default();
        clock.step_to(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        assert_eq!(clock.monotonic(), Duration::ZERO);
    }
}
