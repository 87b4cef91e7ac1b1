use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use roster_domain::ports::{CacheNamespace, ChangeLog};

use crate::Runtime;

/// Whose values the shared cache holds, as the database last said.
///
/// A value is filled with the namespace known before its row was read, so one that is a second
/// old is safe; it is read again in the background after that.
pub(super) struct Namespace {
    change_log: Arc<dyn ChangeLog>,
    known: Mutex<Known>,
    /// Held by the one who asks while nothing is known, so that the others wait for the answer
    /// and do not pass the cache by.
    first: tokio::sync::Mutex<()>,
    runtime: Runtime,
}

#[derive(Clone, Copy, Default)]
struct Known {
    namespace: Option<CacheNamespace>,
    /// When it was asked for last, on the monotonic clock.
    asked: Option<Duration>,
}

impl Namespace {
    const FRESH_FOR: Duration = Duration::from_secs(1);

    pub(super) fn new(change_log: Arc<dyn ChangeLog>, runtime: Runtime) -> Self {
        Self {
            change_log,
            known: Mutex::default(),
            first: tokio::sync::Mutex::default(),
            runtime,
        }
    }

    /// The namespace; `None` while the database has not told it.
    pub(super) async fn current(self: &Arc<Self>) -> Option<CacheNamespace> {
        let Some(namespace) = self.lock().namespace else {
            return self.learn().await;
        };
        if self.is_due() {
            let this = Arc::clone(self);
            self.runtime.tasks.spawn(Box::pin(async move {
                this.ask().await;
            }));
        }
        Some(namespace)
    }

    /// Asks for the first time, or again a second after that failed.
    async fn learn(&self) -> Option<CacheNamespace> {
        let _first = self.first.lock().await;
        let known = self.lock().namespace;
        if known.is_some() || !self.is_due() {
            return known;
        }
        self.ask().await
    }

    /// Whether it is time to ask; who is told so asks.
    fn is_due(&self) -> bool {
        let now = self.runtime.clock.monotonic();
        let mut known = self.lock();
        let due = known
            .asked
            .is_none_or(|asked| now.saturating_sub(asked) >= Self::FRESH_FOR);
        if due {
            known.asked = Some(now);
        }
        due
    }

    async fn ask(&self) -> Option<CacheNamespace> {
        match self.change_log.namespace().await {
            Ok(namespace) => {
                self.lock().namespace = Some(namespace);
                Some(namespace)
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "could not read the cache namespace"
                );
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use roster_adapters_memory::{ManualClock, SequentialIds, TokioSpawner};
    use roster_domain::Timestamp;
    use roster_domain::ports::StoreError;

    use super::*;

    /// Answers after everybody has had a turn.
    struct Slow;

    #[async_trait]
    impl ChangeLog for Slow {
        async fn namespace(&self) -> Result<CacheNamespace, StoreError> {
            tokio::task::yield_now().await;
            Ok(CacheNamespace {
                database: 1,
                epoch: 2,
            })
        }

        async fn purge_before(&self, _: Timestamp, _: u32) -> Result<u64, StoreError> {
            Ok(0)
        }
    }

    #[tokio::test]
    async fn all_who_ask_while_nothing_is_known_get_the_answer() {
        let runtime = Runtime {
            clock: Arc::new(ManualClock::default()),
            ids: Arc::new(SequentialIds::default()),
            tasks: Arc::new(TokioSpawner),
        };
        let namespace = Arc::new(Namespace::new(Arc::new(Slow), runtime));
        let asked = (0..16).map(|_| namespace.current());
        let answers = futures::future::join_all(asked).await;
        assert!(answers.iter().all(Option::is_some), "{answers:?}");
    }
}
