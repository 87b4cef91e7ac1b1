use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use roster_domain::Timestamp;
use roster_domain::ports::{
    CacheError, CacheRelay, ChangeLog, Incarnation, LeaseToken, PendingChanges, RelayClaim,
    RelayRound, StoreError,
};
use tokio::sync::Notify;

use super::namespace::Namespace;
use crate::{CacheEvent, CacheObserver, Runtime};

/// Carries the invalidations of the change log to the shared cache, whoever wrote them and
/// whatever became of the writer, and moves the watermark up to where that is done.
///
/// Every process runs one. A claim in the cache keeps it to one at a time most of the time;
/// several at once, repeats, and a crash at any point do no harm.
pub(super) struct Relay {
    pub(super) cache: Arc<dyn CacheRelay>,
    pub(super) change_log: Arc<dyn ChangeLog>,
    pub(super) namespace: Arc<Namespace>,
    pub(super) retention: Duration,
    pub(super) holder: LeaseToken,
    /// The incarnation of the last round.
    pub(super) seen: Mutex<Option<Incarnation>>,
    /// Rung by a writer whose own invalidation did not arrive.
    pub(super) bell: Arc<Notify>,
    pub(super) observer: Arc<dyn CacheObserver>,
    pub(super) runtime: Runtime,
}

/// What one round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// Another process has the claim.
    Busy,
    /// Everything that was pending is delivered.
    Done {
        /// How many changes that were.
        changes: usize,
        /// Whether the watermark moved; not when the cache failed over meanwhile, or another
        /// relay was faster.
        moved: bool,
    },
}

/// Why a round ended early; the next one begins anew.
#[derive(Debug, thiserror::Error)]
pub(super) enum RelayError {
    #[error("the shared cache failed during a round of the relay")]
    Cache(#[from] CacheError),
    #[error("the database failed during a round of the relay")]
    Store(#[from] StoreError),
}

#[derive(Debug, thiserror::Error)]
#[error("each look at the change log came too long after the one before it")]
struct TooLate;

impl Relay {
    const PAUSE: Duration = Duration::from_millis(100);
    /// Longer than a pause, so that the holder keeps it, and short enough that the next one
    /// takes over within half a second of the holder's death.
    const CLAIM: Duration = Duration::from_millis(300);
    const BATCH: u32 = 1_000;
    /// How often a round starts over because it was held up for half the retention.
    const RAISES: usize = 2;

    /// A round every 100 ms, or as soon as the bell rings; never ends.
    pub(super) async fn run(&self) {
        let mut failing = false;
        let mut rung = false;
        loop {
            let claim = RelayClaim {
                holder: self.holder,
                hold_for: Self::CLAIM,
            };
            // Whoever rang waits for this process: the holder of the claim may be cut off. And
            // a relay that fails must not keep out those who might not.
            let claim = (!rung && !failing).then_some(claim);
            let outcome = self.round(claim).await;
            failing = self.tell(outcome, failing);
            if failing {
                self.runtime.clock.sleep(Self::PAUSE).await;
                rung = false;
            } else {
                let bell = self.bell.notified();
                rung = self.runtime.within(Self::PAUSE, bell).await.is_some();
            }
        }
    }

    /// Counts an outcome and logs the first failure and the recovery; true when it failed.
    fn tell(&self, outcome: Result<Round, RelayError>, failing: bool) -> bool {
        match outcome {
            Ok(round) => {
                self.observer.observe(match round {
                    Round::Done { changes, .. } => CacheEvent::Relayed { changes },
                    Round::Busy => CacheEvent::RelayLag { lag: None },
                });
                if failing {
                    tracing::info!("the relay of the change log works again");
                }
                false
            }
            Err(error) => {
                self.observer.observe(CacheEvent::RelayFailed);
                if !failing {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the relay of the change log fails; answers from the caches grow old"
                    );
                }
                true
            }
        }
    }

    /// One round, on one connection of the cache from its beginning to its end.
    pub(super) async fn round(&self, claim: Option<RelayClaim>) -> Result<Round, RelayError> {
        if cfg!(feature = "without-relay") {
            return Ok(Round::Busy);
        }
        let Some(namespace) = self.namespace.current().await else {
            return Ok(Round::Busy);
        };
        let Some(round) = self.cache.begin_round(namespace.database, claim).await? else {
            return Ok(Round::Busy);
        };
        self.note(&round.begun().incarnation);
        let mut changes = 0;
        let mut lag = Duration::ZERO;
        // From when on the change log has to tell what the cache's data lacks.
        let mut since = round
            .begun()
            .watermark
            .as_ref()
            .map(|mark| mark.snapshot_at);
        loop {
            let pending = self.pending(&*round, &mut since).await?;
            lag = lag.max(pending.lag());
            // Before the changes are delivered: it is told also when that fails.
            self.observer
                .observe(CacheEvent::RelayLag { lag: Some(lag) });
            round.invalidate_many(&pending.changes).await?;
            self.change_log
                .acknowledge(&round.begun().incarnation, &pending.changes)
                .await?;
            changes += pending.changes.len();
            if pending.changes.len() < Self::BATCH as usize {
                let epoch = pending.namespace.epoch;
                let moved = round.set_watermark(pending.at, epoch).await?;
                return Ok(Round::Done { changes, moved });
            }
        }
    }

    /// Makes every value a miss: the next watermark speaks only of what is loaded from now on.
    pub(super) async fn raise_epoch(&self) -> Result<(), StoreError> {
        let known = self.change_log.namespace().await?;
        self.raise_from(known.epoch).await?;
        self.bell.notify_one();
        Ok(())
    }

    fn note(&self, incarnation: &Incarnation) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.as_ref() == Some(incarnation) {
            return;
        }
        if seen.replace(incarnation.clone()).is_some() {
            tracing::info!(
                redis.incarnation = %incarnation,
                "the shared cache restarted or failed over; the changes of late are delivered again"
            );
        }
        self.observer.observe(CacheEvent::IncarnationSeen);
    }

    /// What is pending, in a statement after the round began.
    ///
    /// Rows may have been purged that the cache's data has never seen when a snapshot is too long
    /// after the one before it that all is known up to. Then the epoch is raised: a value of the
    /// new one was read after that snapshot, which the next one is judged by in its turn.
    async fn pending(
        &self,
        round: &dyn RelayRound,
        since: &mut Option<Timestamp>,
    ) -> Result<PendingChanges, StoreError> {
        let incarnation = &round.begun().incarnation;
        for _ in 0..=Self::RAISES {
            let pending = self.change_log.pending(incarnation, Self::BATCH).await?;
            let is_gapless = since.is_some_and(|since| {
                let at = pending.at;
                at.since(since).max(since.since(at)) <= self.retention / 2
            });
            if is_gapless {
                return Ok(pending);
            }
            self.raise_from(pending.namespace.epoch).await?;
            *since = Some(pending.at);
            tracing::info!(
                "nothing shows that the shared cache knows every change; its values are loaded anew"
            );
        }
        Err(StoreError::Unavailable(Box::new(TooLate)))
    }

    /// Makes every value of this epoch a miss, unless somebody else has.
    async fn raise_from(&self, epoch: u128) -> Result<(), StoreError> {
        let to = u128::from_be_bytes(self.runtime.ids.random_token());
        self.namespace.raise(epoch, to).await?;
        self.observer.observe(CacheEvent::EpochRaised);
        Ok(())
    }
}

#[cfg(all(test, not(feature = "explored")))]
mod tests;
