use std::sync::{Arc, Mutex, PoisonError};
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
            runtime,
        }
    }

    /// The namespace; `None` while the database has not told it.
    pub(super) async fn current(self: &Arc<Self>) -> Option<CacheNamespace> {
        let now = self.runtime.clock.monotonic();
        let (namespace, due) = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let due = known
                .asked
                .is_none_or(|asked| now.saturating_sub(asked) >= Self::FRESH_FOR);
            if due {
                known.asked = Some(now);
            }
            (known.namespace, due)
        };
        match (namespace, due) {
            (Some(namespace), false) => Some(namespace),
            (Some(namespace), true) => {
                let this = Arc::clone(self);
                self.runtime.tasks.spawn(Box::pin(async move {
                    this.ask().await;
                }));
                Some(namespace)
            }
            (None, true) => self.ask().await,
            (None, false) => None,
        }
    }

    async fn ask(&self) -> Option<CacheNamespace> {
        match self.change_log.namespace().await {
            Ok(namespace) => {
                self.known
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .namespace = Some(namespace);
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
}
