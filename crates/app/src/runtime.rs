use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::pin_mut;
use roster_domain::ports::{Clock, IdSource, StoreError, TaskSpawner};

/// Time, ids and tasks: what every use case needs from its surroundings.
#[derive(Clone)]
pub struct Runtime {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids and randomness.
    pub ids: Arc<dyn IdSource>,
    /// Work that outlives its caller.
    pub tasks: Arc<dyn TaskSpawner>,
}

#[derive(Debug, thiserror::Error)]
#[error("the write ended without a word")]
struct Vanished;

impl Runtime {
    /// What a write answers, which goes on to its end when its caller goes away.
    pub(crate) async fn outliving<T: Send + 'static>(
        &self,
        write: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        self.tasks.spawn(Box::pin(async move {
            // The caller may have gone away.
            let _ = sender.send(write.await);
        }));
        let answered = receiver.await;
        answered.map_err(|_| StoreError::Unavailable(Box::new(Vanished)))
    }

    /// The future's output, or `None` when it takes longer than `limit`; then it is dropped.
    pub(crate) async fn within<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        let timer = self.clock.sleep(limit);
        pin_mut!(future, timer);
        match select(future, timer).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        }
    }
}
