use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use roster_domain::ports::{Clock, Readiness};

/// Something that readiness asks, for all who want to know at once: nobody needs a token for
/// that, and it is not to cost the store more than a little however many ask.
pub struct Dependency {
    /// Its name in the answer: `database` or `cache`.
    pub(crate) name: &'static str,
    /// Whether the service is not ready without it, or only degraded.
    pub(crate) required: bool,
    readiness: Arc<dyn Readiness>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// Whether it failed when it was asked last, and when that was.
    last: Option<(Duration, bool)>,
    /// The question that is under way.
    asking: Option<Shared<BoxFuture<'static, bool>>>,
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
            known: Arc::default(),
        }
    }

    /// Whether it does not answer just now. The log hears of changes alone.
    pub(crate) async fn has_failed(&self, clock: &Arc<dyn Clock>) -> bool {
        let asking = {
            let mut known = lock(&self.known);
            let now = clock.monotonic();
            match (&known.asking, known.last) {
                (Some(asking), _) => asking.clone(),
                (None, Some((at, failed))) if now.saturating_sub(at) < Self::KEPT => return failed,
                (None, _) => {
                    let asking = self.ask(Arc::clone(clock));
                    known.asking.insert(asking).clone()
                }
            }
        };
        asking.await
    }

    /// Asks it, in a task that goes on when those who wait for it go away.
    fn ask(&self, clock: Arc<dyn Clock>) -> Shared<BoxFuture<'static, bool>> {
        let (name, known) = (self.name, Arc::clone(&self.known));
        let readiness = Arc::clone(&self.readiness);
        let asked = tokio::spawn(async move {
            let failure = readiness.check().await.err();
            let mut known = lock(&known);
            let failed_before = known.last.is_some_and(|(_, failed)| failed);
            match &failure {
                Some(error) if !failed_before => tracing::warn!(
                    dependency = name,
                    error = &**error as &dyn std::error::Error,
                    "a dependency does not answer"
                ),
                None if failed_before => {
                    tracing::info!(dependency = name, "a dependency answers again");
                }
                _ => {}
            }
            known.last = Some((clock.monotonic(), failure.is_some()));
            known.asking = None;
            failure.is_some()
        });
        let known = Arc::clone(&self.known);
        let panicked = move |_| {
            lock(&known).asking = None;
            true
        };
        let answered = asked.map(move |outcome| outcome.unwrap_or_else(panicked));
        answered.boxed().shared()
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_trait::async_trait;
    use futures::future::join_all;
    use roster_adapters_memory::ManualClock;
    use roster_domain::ports::BoxError;

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

    fn dependency() -> (Arc<Asked>, Arc<ManualClock>, Arc<dyn Clock>, Dependency) {
        let asked = Arc::new(Asked::default());
        let clock = Arc::new(ManualClock::default());
        let port = Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>;
        let dependency = Dependency::new("database", true, Arc::clone(&asked) as _);
        (asked, clock, port, dependency)
    }

    #[tokio::test]
    async fn a_thousand_who_want_to_know_ask_once() {
        let (asked, clock, port, dependency) = dependency();
        for round in 1..=4_u64 {
            let all = join_all((0..1_000).map(|_| dependency.has_failed(&port))).await;
            let failed = all.iter().filter(|failed| **failed).count();
            assert_eq!(failed, if round.is_multiple_of(2) { 1_000 } else { 0 });
            assert_eq!(asked.0.load(Ordering::Relaxed), round);
            clock.advance(Dependency::KEPT);
        }
    }

    #[tokio::test]
    async fn who_goes_away_does_not_end_the_question() {
        let (asked, _, port, dependency) = dependency();
        for _ in 0..100 {
            let mut caller = Box::pin(dependency.has_failed(&port));
            assert!(futures::poll!(&mut caller).is_pending());
        }
        assert!(!dependency.has_failed(&port).await);
        assert_eq!(asked.0.load(Ordering::Relaxed), 1);
    }
}
