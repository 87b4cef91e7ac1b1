use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::{BoxError, Clock, Readiness};
use tokio::sync::Mutex;

/// Something that readiness asks, for all who want to know at once: nobody needs a token for
/// that, and it is not to cost the store more than a little however many ask.
pub struct Dependency {
    /// Its name in the answer: `database` or `cache`.
    pub(crate) name: &'static str,
    /// Whether the service is not ready without it, or only degraded.
    pub(crate) required: bool,
    readiness: Arc<dyn Readiness>,
    seen: Mutex<Option<Seen>>,
}

/// What it answered.
struct Seen {
    at: Duration,
    failure: Option<Arc<BoxError>>,
}

impl Dependency {
    /// What it answered so long ago, it would answer now.
    const KEPT: Duration = Duration::from_millis(100);

    /// What is asked by `readiness`, under this name.
    pub fn new(name: &'static str, required: bool, readiness: Arc<dyn Readiness>) -> Self {
        Self {
            name,
            required,
            readiness,
            seen: Mutex::default(),
        }
    }

    /// Why it does not answer, if it does not. The log hears of changes alone.
    pub(crate) async fn failure(&self, clock: &dyn Clock) -> Option<Arc<BoxError>> {
        let mut seen = self.seen.lock().await;
        let now = clock.monotonic();
        if let Some(seen) = &*seen
            && now.saturating_sub(seen.at) < Self::KEPT
        {
            return seen.failure.clone();
        }
        let failure = self.readiness.check().await.err().map(Arc::new);
        let failed_before = seen.as_ref().is_some_and(|seen| seen.failure.is_some());
        match &failure {
            Some(error) if !failed_before => tracing::warn!(
                dependency = self.name,
                error = &***error as &dyn std::error::Error,
                "a dependency does not answer"
            ),
            None if failed_before => {
                tracing::info!(dependency = self.name, "a dependency answers again");
            }
            _ => {}
        }
        *seen = Some(Seen {
            at: clock.monotonic(),
            failure: failure.clone(),
        });
        failure
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_trait::async_trait;
    use futures::future::join_all;
    use roster_adapters_memory::ManualClock;

    use super::*;

    /// Answers whoever asks after a while; each second time it fails.
    #[derive(Default)]
    struct Asked(AtomicU64);

    #[async_trait]
    impl Readiness for Asked {
        async fn check(&self) -> Result<(), BoxError> {
            let before = self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            if before.is_multiple_of(2) {
                Ok(())
            } else {
                Err("away".into())
            }
        }
    }

    #[tokio::test]
    async fn a_thousand_who_want_to_know_ask_once() {
        let asked = Arc::new(Asked::default());
        let clock = ManualClock::default();
        let dependency = Dependency::new("database", true, Arc::clone(&asked) as _);
        for round in 1..=4_u64 {
            let all = join_all((0..1_000).map(|_| dependency.failure(&clock))).await;
            let failed = all.iter().filter(|failure| failure.is_some()).count();
            assert_eq!(failed, if round % 2 == 0 { 1_000 } else { 0 });
            assert_eq!(asked.0.load(Ordering::Relaxed), round);
            clock.advance(Dependency::KEPT);
        }
    }

    #[tokio::test]
    async fn who_goes_away_while_it_is_asked_leaves_the_question_to_the_next() {
        let asked = Arc::new(Asked::default());
        let clock = ManualClock::default();
        let dependency = Dependency::new("database", true, Arc::clone(&asked) as _);
        {
            let mut first = Box::pin(dependency.failure(&clock));
            assert!(futures::poll!(&mut first).is_pending());
        }
        assert!(dependency.failure(&clock).await.is_some());
        assert_eq!(asked.0.load(Ordering::Relaxed), 2);
    }
}
