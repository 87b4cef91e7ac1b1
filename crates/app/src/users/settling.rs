use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use roster_domain::UserId;

use crate::caching::{Invalidator, Reader};
use crate::{Freshness, Runtime};

/// Looks after users whose latest write may or may not have happened: reads them from the store
/// until it answers, and takes out of the caches what the rows show to be stale.
///
/// One task does so for all of them: a store that is away is not asked once for each write that
/// failed meanwhile.
pub(super) struct Settling {
    reader: Arc<Reader>,
    invalidator: Arc<Invalidator>,
    runtime: Runtime,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    users: HashMap<UserId, Unsettled>,
    /// Whether the task is there.
    running: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Unsettled {
    /// When its latest write failed, on the monotonic clock.
    since: Duration,
    tries_left: u32,
}

impl Settling {
    /// A write that the store still has under way comes to its end meanwhile.
    const PAUSE: Duration = Duration::from_secs(1);
    const TRIES: u32 = 30;
    const BATCH: usize = 256;

    pub(super) fn new(
        reader: Arc<Reader>,
        invalidator: Arc<Invalidator>,
        runtime: Runtime,
    ) -> Self {
        Self {
            reader,
            invalidator,
            runtime,
            state: Mutex::default(),
        }
    }

    /// A write of this user failed, and may have happened all the same.
    pub(super) fn note(self: &Arc<Self>, id: UserId) {
        let unsettled = Unsettled {
            since: self.runtime.clock.monotonic(),
            tries_left: Self::TRIES,
        };
        let mut state = self.lock();
        state.users.insert(id, unsettled);
        if !std::mem::replace(&mut state.running, true) {
            drop(state);
            let this = Arc::clone(self);
            self.runtime.tasks.spawn(Box::pin(this.run()));
        }
    }

    /// A round a second, until all are settled or given up.
    async fn run(self: Arc<Self>) {
        loop {
            self.runtime.clock.sleep(Self::PAUSE).await;
            for batch in self.due().chunks(Self::BATCH) {
                self.settle(batch).await;
            }
            let mut state = self.lock();
            if state.users.is_empty() {
                state.running = false;
                return;
            }
        }
    }

    fn due(&self) -> Vec<(UserId, Unsettled)> {
        let now = self.runtime.clock.monotonic();
        let state = self.lock();
        let users = state.users.iter().map(|(id, unsettled)| (*id, *unsettled));
        users
            .filter(|(_, unsettled)| now.saturating_sub(unsettled.since) >= Self::PAUSE)
            .collect()
    }

    async fn settle(&self, batch: &[(UserId, Unsettled)]) {
        let ids: Vec<UserId> = batch.iter().map(|(id, _)| *id).collect();
        let answers = self.reader.get_many(&ids, Freshness::STRONG).await;
        let answers = answers.unwrap_or_else(|_| vec![None; ids.len()]);
        for ((id, looked_at), answer) in batch.iter().zip(answers) {
            if let Some(answer) = &answer {
                self.invalidator.invalidate(*id, answer.user.version).await;
            }
            let mut state = self.lock();
            // Another write may have failed since.
            let Some(unsettled) = state.users.get_mut(id).filter(|now| **now == *looked_at) else {
                continue;
            };
            unsettled.tries_left -= 1;
            if answer.is_some() || unsettled.tries_left == 0 {
                state.users.remove(id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
