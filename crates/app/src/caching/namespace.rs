use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use roster_domain::ports::{CacheNamespace, ChangeLog, StoreError};

use super::near_cache::NearCache;
use crate::Runtime;

/// Whose values the shared cache holds, as the database last said.
///
/// A value is filled with the namespace known before its row was read, so one that is a second
/// old is safe; it is read again in the background after that. Take a ticket of the near cache
/// before you ask for it: what is read under both is kept only when both still hold.
pub(super) struct Namespace {
    change_log: Arc<dyn ChangeLog>,
    /// Emptied when the epoch changes.
    near: Arc<NearCache>,
    known: Mutex<Known>,
    /// Held by the one who asks: an answer must not be taken for newer than a later one, and
    /// while nothing is known the others wait for it and do not pass the cache by.
    asking: tokio::sync::Mutex<()>,
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

    pub(super) fn new(
        change_log: Arc<dyn ChangeLog>,
        near: Arc<NearCache>,
        runtime: Runtime,
    ) -> Self {
        Self {
            change_log,
            near,
            known: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
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
        let _asking = self.asking.lock().await;
        let known = self.lock().namespace;
        if known.is_some() || !self.is_due() {
            return known;
        }
        self.ask_alone().await
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

    /// Asks the database now; `None` when it does not answer.
    pub(super) async fn ask(&self) -> Option<CacheNamespace> {
        let _asking = self.asking.lock().await;
        self.ask_alone().await
    }

    /// Has the database replace an epoch, unless somebody else has, and goes on with what it says.
    ///
    /// Nobody asks meanwhile: who was told the old epoch before would take it for the latest.
    pub(super) async fn raise(&self, from: u128, to: u128) -> Result<(), StoreError> {
        let _asking = self.asking.lock().await;
        let namespace = self.change_log.raise_epoch(from, to).await?;
        self.adopt(namespace);
        Ok(())
    }

    async fn ask_alone(&self) -> Option<CacheNamespace> {
        match self.change_log.namespace().await {
            Ok(namespace) => {
                self.adopt(namespace);
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

    /// Takes what the database said; a new epoch empties the cache in this process.
    ///
    /// The namespace and the era change in one step for whoever asks for the namespace: who has
    /// a ticket of the new era is told the new one, and who is told the new one finds his ticket
    /// of the old era void. A value of one epoch is never answered by the proof of another.
    fn adopt(&self, namespace: CacheNamespace) {
        let mut known = self.lock();
        let before = known.namespace.replace(namespace);
        if before.is_some_and(|before| before != namespace) {
            self.near.void();
        }
        drop(known);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use roster_adapters_memory::{ManualClock, SequentialIds, TokioSpawner};
    use roster_domain::ports::{Incarnation, Invalidation, PendingChanges};

    use super::*;

    /// Looks at once, and answers after everybody has had a turn.
    struct Late(Mutex<u128>);

    fn of(epoch: u128) -> CacheNamespace {
        CacheNamespace { database: 1, epoch }
    }

    #[async_trait]
    impl ChangeLog for Late {
        async fn namespace(&self) -> Result<CacheNamespace, StoreError> {
            let epoch = *self.0.lock().unwrap();
            tokio::task::yield_now().await;
            Ok(of(epoch))
        }

        async fn raise_epoch(&self, _: u128, to: u128) -> Result<CacheNamespace, StoreError> {
            *self.0.lock().unwrap() = to;
            Ok(of(to))
        }

        async fn pending(&self, _: &Incarnation, _: u32) -> Result<PendingChanges, StoreError> {
            Err(StoreError::Unavailable("not asked for".into()))
        }

        async fn acknowledge(&self, _: &Incarnation, _: &[Invalidation]) -> Result<(), StoreError> {
            Ok(())
        }

        async fn purge_older_than(&self, _: Duration, _: u32) -> Result<u64, StoreError> {
            Ok(0)
        }
    }

    #[tokio::test]
    async fn what_was_asked_before_the_epoch_was_raised_is_not_taken_for_later() {
        let runtime = runtime();
        let near = Arc::new(NearCache::counting(Arc::clone(&runtime.clock)));
        let log = Arc::new(Late(Mutex::new(1)));
        let namespace = Arc::new(Namespace::new(log, near, runtime));
        let (asked, raised) = futures::join!(namespace.ask(), namespace.raise(1, 2));
        raised.unwrap();
        assert_eq!(asked.map(|asked| asked.epoch), Some(1));
        let current = namespace.current().await.map(|current| current.epoch);
        assert_eq!(current, Some(2));
    }

    fn runtime() -> Runtime {
        Runtime {
            clock: Arc::new(ManualClock::default()),
            ids: Arc::new(SequentialIds::default()),
            tasks: Arc::new(TokioSpawner),
        }
    }

    #[tokio::test]
    async fn all_who_ask_while_nothing_is_known_get_the_answer() {
        let runtime = runtime();
        let near = Arc::new(NearCache::counting(Arc::clone(&runtime.clock)));
        let namespace = Arc::new(Namespace::new(Arc::new(Late(Mutex::new(2))), near, runtime));
        let asked = (0..16).map(|_| namespace.current());
        let answers = futures::future::join_all(asked).await;
        assert!(answers.iter().all(Option::is_some), "{answers:?}");
    }
}
