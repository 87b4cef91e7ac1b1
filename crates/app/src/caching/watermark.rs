use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use roster_domain::ports::{CacheRelay, Probe};

use super::namespace::Namespace;
use super::near_cache::{Era, NearCache};
use crate::{CacheEvent, CacheObserver, Runtime};

/// Shows, from the watermark beside the values, how old what the caches hold may be.
///
/// Every 100 ms it notes the local time and then asks for the watermark and the cache's time,
/// in one step on the connection that values are read by. Both differences of a bound are
/// taken on one clock each, so no two clocks are ever compared.
pub(super) struct Proofs {
    relay: Arc<dyn CacheRelay>,
    namespace: Arc<Namespace>,
    near: Arc<NearCache>,
    latest: RwLock<Option<Proof>>,
    observer: Arc<dyn CacheObserver>,
    runtime: Runtime,
}

/// Every change acknowledged earlier than [`Proof::bound`] ago is invalidated in what is read
/// after the proof was taken, within its era.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    /// How far the watermark was behind the cache's time, by the cache's clock.
    behind: Duration,
    /// When that was asked, before it was sent, on the monotonic clock.
    asked_at: Duration,
    era: Era,
}

impl Proof {
    /// How long ago a change that is not invalidated was acknowledged at the most.
    pub(super) const fn bound(self, now: Duration) -> Duration {
        self.behind
            .saturating_add(now.saturating_sub(self.asked_at))
    }

    /// What it speaks of: what was read in the same era.
    pub(super) fn holds_in(self, era: Era) -> bool {
        self.era == era
    }
}

impl Proofs {
    const ROUND: Duration = Duration::from_millis(100);

    pub(super) fn new(
        relay: Arc<dyn CacheRelay>,
        namespace: Arc<Namespace>,
        near: Arc<NearCache>,
        observer: Arc<dyn CacheObserver>,
        runtime: Runtime,
    ) -> Self {
        Self {
            relay,
            namespace,
            near,
            latest: RwLock::default(),
            observer,
            runtime,
        }
    }

    /// The latest proof. Take it before or with a value, never after.
    pub(super) fn latest(&self) -> Option<Proof> {
        *self.latest.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a proof every 100 ms; never ends.
    pub(super) async fn run(&self) {
        loop {
            self.probe().await;
            self.runtime.clock.sleep(Self::ROUND).await;
        }
    }

    /// Takes a proof, if there is one to be had.
    pub(super) async fn probe(&self) {
        let era = self.near.era();
        let connection = self.near.connection();
        let Some(namespace) = self.namespace.current().await else {
            return;
        };
        let asked_at = self.runtime.clock.monotonic();
        let Ok(probed) = self.relay.probe(namespace.database).await else {
            return self.observer.observe(CacheEvent::Probed { behind: None });
        };
        let watermark = probed.reply.watermark.as_ref();
        if watermark.is_some_and(|watermark| watermark.epoch != namespace.epoch) {
            // It speaks of values that this process takes for another epoch's.
            self.namespace.ask().await;
            return self.observer.observe(CacheEvent::Probed { behind: None });
        }
        let proof = behind(&probed.reply).map(|behind| Proof {
            behind,
            asked_at,
            era,
        });
        // What voids everything comes in order with the reply: an era that goes on until now
        // was there when the reply was made.
        let holds = probed.connection == connection && self.near.era() == era;
        let proof = proof.filter(|_| holds);
        if proof.is_some() {
            *self.latest.write().unwrap_or_else(PoisonError::into_inner) = proof;
        }
        self.observer.observe(CacheEvent::Probed {
            behind: proof.map(|proof| proof.behind),
        });
    }
}

/// How far the watermark is behind; `None` when it is of another clock, or lies ahead of its own.
fn behind(probe: &Probe) -> Option<Duration> {
    let watermark = probe.watermark.as_ref()?;
    if watermark.clock != probe.clock {
        return None;
    }
    probe.now.since(watermark.at)
}

#[cfg(test)]
mod tests {
    use roster_domain::Timestamp;
    use roster_domain::ports::{CacheMoment, Watermark};

    use super::*;

    fn probe(watermark: Option<(&str, u64)>) -> Probe {
        Probe {
            clock: "ours".to_owned(),
            now: CacheMoment(9),
            watermark: watermark.map(|(clock, at)| Watermark {
                clock: clock.to_owned(),
                at: CacheMoment(at),
                snapshot_at: Timestamp::UNIX_EPOCH,
                epoch: 0,
            }),
        }
    }

    #[test]
    fn a_watermark_is_measured_by_its_own_clock_alone() {
        for (watermark, micros) in [
            (Some(("ours", 4)), Some(5)),
            (Some(("ours", 9)), Some(0)),
            (Some(("ours", 10)), None),
            (Some(("theirs", 4)), None),
            (None, None),
        ] {
            let expected = micros.map(Duration::from_micros);
            assert_eq!(behind(&probe(watermark)), expected, "{watermark:?}");
        }
    }
}
