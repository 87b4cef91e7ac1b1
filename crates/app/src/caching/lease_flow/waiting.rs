use std::time::Duration;

use futures::future::select_all;
use roster_domain::ports::ConnectionEpoch;

use super::{LeaseFlow, Open};
use crate::CacheEvent;
use crate::caching::loader::Loader;

impl LeaseFlow {
    /// When a waiting read looks again where nothing is pushed, counted from the first look.
    const POLLS_MS: [u64; 6] = [2, 5, 10, 20, 35, 50];

    /// Waits for a push about one of these keys, or, where nothing is pushed, for the next
    /// poll. False when they have waited as long as they may.
    pub(super) async fn wait(&self, loader: &Loader, open: &[Open], started: Duration) -> bool {
        let clock = &loader.runtime.clock;
        let waited = clock.monotonic().saturating_sub(started);
        let left = loader.policy.lease_wait.saturating_sub(waited);
        if left.is_zero() {
            return false;
        }
        if self.near.connection() == ConnectionEpoch::UNTRACKED {
            let polls = Self::POLLS_MS.iter().map(|ms| Duration::from_millis(*ms));
            let mut pauses = polls.filter_map(|poll| poll.checked_sub(waited));
            let Some(pause) = pauses.find(|pause| !pause.is_zero() && *pause <= left) else {
                return false;
            };
            clock.sleep(pause).await;
            return true;
        }
        let changes = open
            .iter()
            .map(|open| Box::pin(self.near.change_of(open.lead.id)));
        let changes = select_all(changes.collect::<Vec<_>>());
        // What was pushed since the question wakes nobody any more.
        if open.iter().all(|open| self.near.is_valid(open.ticket)) {
            loader.runtime.within(left, changes).await;
        }
        true
    }

    pub(super) async fn give_up(&self, loader: &Loader, open: Vec<Open>, started: Duration) {
        let waited = loader.runtime.clock.monotonic().saturating_sub(started);
        for _ in &open {
            loader.observer.observe(CacheEvent::LeaseWaited {
                waited,
                served: false,
            });
        }
        let unfilled = open.into_iter().map(|open| (open.lead, open.reason));
        loader.read_unfilled(unfilled.collect()).await;
    }
}
