use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{BoxFuture, Shared};
use roster_domain::pagination::{Counting, UserFilter};
use roster_domain::ports::{StoreError, UserRepository};
use tokio::sync::Semaphore;

use crate::Runtime;
use crate::shared_error::Share as _;

/// Exact counts of users: work that grows with the table.
///
/// One count is under way for each filter. Whoever asks meanwhile shares the next, which begins
/// after all of them have asked. A count goes on when its callers go away: the store does, too.
pub(crate) struct Counts {
    count: Count,
    runtime: Runtime,
    lines: Arc<Mutex<HashMap<UserFilter, Line>>>,
}

/// The counts of one filter.
struct Line {
    turn: Arc<Semaphore>,
    /// One that has not begun.
    next: Option<Counted>,
}

type Count = Arc<dyn Fn(UserFilter) -> BoxFuture<'static, Result<u64, StoreError>> + Send + Sync>;
type Counted = Shared<BoxFuture<'static, Result<u64, Arc<StoreError>>>>;

#[derive(Debug, thiserror::Error)]
#[error("the count ended without a word")]
struct Vanished;

impl Counts {
    /// Of the users of a store.
    pub(crate) fn new(users: Arc<dyn UserRepository>, runtime: Runtime) -> Self {
        let count = move |filter| {
            let users = Arc::clone(&users);
            async move { users.count(&filter, Counting::Exact).await }.boxed()
        };
        Self::by(Arc::new(count), runtime)
    }

    fn by(count: Count, runtime: Runtime) -> Self {
        Self {
            count,
            runtime,
            lines: Arc::default(),
        }
    }

    /// How many users match, as of some moment after this call.
    pub(crate) async fn of(&self, filter: UserFilter) -> Result<u64, StoreError> {
        let counted = {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            let line = lines.entry(filter).or_insert_with(|| Line {
                turn: Arc::new(Semaphore::new(1)),
                next: None,
            });
            let turn = &line.turn;
            let next = line.next.get_or_insert_with(|| self.begin(filter, turn));
            next.clone()
        };
        counted.await.map_err(|error| StoreError::share(&error))
    }

    /// A count that begins when the one before it has ended.
    fn begin(&self, filter: UserFilter, turn: &Arc<Semaphore>) -> Counted {
        let (count, lines) = (Arc::clone(&self.count), Arc::clone(&self.lines));
        let turn = Arc::clone(turn);
        let (sender, receiver) = oneshot::channel();
        self.runtime.tasks.spawn(Box::pin(async move {
            let _turn = turn.acquire().await;
            if let Some(line) = lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_mut(&filter)
            {
                line.next = None;
            }
            let counted = count(filter).await;
            // All callers may have gone away.
            let _ = sender.send(counted.map_err(Arc::new));
        }));
        let vanished = |_| Err(Arc::new(StoreError::Unavailable(Vanished.into())));
        receiver
            .map(move |told| told.unwrap_or_else(vanished))
            .boxed()
            .shared()
    }
}

#[cfg(test)]
mod tests;
