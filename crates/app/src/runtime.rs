use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use futures::pin_mut;
use roster_domain::ports::{Clock, IdSource, TaskSpawner};

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

impl Runtime {
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
