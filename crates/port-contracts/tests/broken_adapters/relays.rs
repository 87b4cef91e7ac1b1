//! Relays, broken in one rule.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use roster_adapters_memory::{ManualClock, MemoryCacheRelay, MemoryUserCache};
use roster_domain::ports::{
    CacheError, CacheMoment, CacheRelay, ConnectionEpoch, Invalidation, LeaseToken, Probe,
    RelayClaim, RelayRound, RoundStart, Stamped, UserCache, Watermark,
};
use roster_domain::{Timestamp, UserId};
use roster_port_contracts::{CacheFixture, RelayFixture};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RelayRule {
    None,
    ClaimIgnored,
    ClaimNeeded,
    ClaimNotRenewed,
    ClaimForEver,
    OneClaim,
    MarksTheEnd,
    MarkGoesBack,
    MarkStays,
    OneMark,
    MarkSurvives,
    HistoryIgnored,
    HistoryUnnamed,
    MarkUnseen,
    TimeStandsStill,
    ProbeUnstamped,
    ProbeByAnotherClock,
    IncarnationOfConnection,
    RoundOutlivesConnection,
    InvalidationEvicts,
    InvalidationSparesLeases,
}

pub(crate) struct Fixture {
    clock: Arc<ManualClock>,
    cache: Arc<MemoryUserCache>,
    relay: Arc<Relay>,
}

pub(crate) fn broken(rule: RelayRule) -> Fixture {
    let clock = Arc::new(ManualClock::default());
    let cache = Arc::new(MemoryUserCache::new(Arc::<ManualClock>::clone(&clock)));
    let relay = Arc::new(Relay {
        inner: MemoryCacheRelay::new(&cache),
        cache: Arc::clone(&cache),
        rule,
        notes: Arc::default(),
    });
    Fixture {
        clock,
        cache,
        relay,
    }
}

#[async_trait]
impl CacheFixture for Fixture {
    fn cache(&self) -> Arc<dyn UserCache> {
        Arc::<MemoryUserCache>::clone(&self.cache)
    }

    async fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    async fn flush(&self) {
        self.cache.clear();
        if !self.relay.is(RelayRule::MarkSurvives) {
            self.relay.notes.lock().unwrap().marks.clear();
        }
    }

    async fn store_foreign(&self, id: UserId, bytes: &[u8]) -> bool {
        self.cache.store_foreign(id, bytes);
        true
    }
}

#[async_trait]
impl RelayFixture for Fixture {
    fn relay(&self) -> Arc<dyn CacheRelay> {
        Arc::<Relay>::clone(&self.relay)
    }

    async fn reconnect(&self) {
        self.relay.notes.lock().unwrap().connections += 1;
        self.cache.disconnect();
    }

    async fn renew_history(&self) -> bool {
        self.cache.repromote(&self.cache.snapshot());
        true
    }
}

struct Relay {
    inner: MemoryCacheRelay,
    cache: Arc<MemoryUserCache>,
    rule: RelayRule,
    notes: Arc<Mutex<Notes>>,
}

/// What a broken relay knows beside the cache.
#[derive(Default)]
struct Notes {
    /// Watermarks that the cache would not have stored.
    marks: HashMap<u128, Watermark>,
    holder: Option<LeaseToken>,
    connections: u64,
    time: Option<CacheMoment>,
}

impl Relay {
    fn is(&self, rule: RelayRule) -> bool {
        self.rule == rule
    }

    /// Under which database a watermark is noted.
    fn place(&self, database: u128) -> u128 {
        if self.is(RelayRule::OneMark) {
            0
        } else {
            database
        }
    }

    fn mark(&self, database: u128, stored: Option<Watermark>) -> Option<Watermark> {
        let noted = self.notes.lock().unwrap();
        noted.marks.get(&self.place(database)).cloned().or(stored)
    }

    /// The claim that the cache is asked for.
    fn claim(&self, claim: Option<RelayClaim>) -> Option<RelayClaim> {
        let mut claim = claim?;
        let before = self.notes.lock().unwrap().holder.replace(claim.holder);
        match self.rule {
            RelayRule::ClaimIgnored => return None,
            RelayRule::ClaimNotRenewed if before == Some(claim.holder) => return None,
            RelayRule::ClaimForEver => claim.hold_for = Duration::from_hours(1),
            _ => {}
        }
        Some(claim)
    }

    /// The name of a server, which may be broken to be that of its connection.
    fn clock(&self, clock: String) -> String {
        if self.is(RelayRule::IncarnationOfConnection) {
            format!("{clock}-{}", self.notes.lock().unwrap().connections)
        } else {
            clock
        }
    }
}

#[async_trait]
impl CacheRelay for Relay {
    async fn begin_round(
        &self,
        database: u128,
        claim: Option<RelayClaim>,
    ) -> Result<Option<Box<dyn RelayRound>>, CacheError> {
        let is_held = self.notes.lock().unwrap().holder.is_some();
        if self.is(RelayRule::ClaimNeeded) && is_held && claim.is_none() {
            return Ok(None);
        }
        let claim = self.claim(claim);
        if self.is(RelayRule::OneClaim) {
            let taken = self.inner.begin_round(0, claim).await?;
            if taken.is_none() {
                return Ok(None);
            }
        }
        let Some(inner) = self.inner.begin_round(database, claim).await? else {
            return Ok(None);
        };
        let mut begun = inner.begun().clone();
        begun.watermark = self.mark(database, begun.watermark);
        match self.rule {
            RelayRule::MarkUnseen => begun.watermark = None,
            RelayRule::HistoryUnnamed => "one".clone_into(&mut begun.incarnation.history),
            _ => begun.incarnation.clock = self.clock(begun.incarnation.clock),
        }
        Ok(Some(Box::new(Round {
            inner,
            begun,
            database,
            relay: Self {
                inner: MemoryCacheRelay::new(&self.cache),
                cache: Arc::clone(&self.cache),
                rule: self.rule,
                notes: Arc::clone(&self.notes),
            },
        })))
    }

    async fn probe(&self, database: u128) -> Result<Stamped<Probe>, CacheError> {
        let mut probe = self.inner.probe(database).await?;
        probe.reply.watermark = self.mark(database, probe.reply.watermark);
        match self.rule {
            RelayRule::TimeStandsStill => {
                let mut notes = self.notes.lock().unwrap();
                probe.reply.now = *notes.time.get_or_insert(probe.reply.now);
            }
            RelayRule::ProbeUnstamped => probe.connection = ConnectionEpoch::UNTRACKED,
            RelayRule::ProbeByAnotherClock => probe.reply.clock += "-other",
            _ => probe.reply.clock = self.clock(probe.reply.clock),
        }
        Ok(probe)
    }
}

struct Round {
    inner: Box<dyn RelayRound>,
    begun: RoundStart,
    database: u128,
    relay: Relay,
}

impl Round {
    /// Whether a watermark is noted that the cache refuses, or that should be another one.
    fn is_noted(&self, stored: bool) -> bool {
        match self.relay.rule {
            RelayRule::MarkGoesBack | RelayRule::HistoryIgnored => !stored,
            RelayRule::MarksTheEnd
            | RelayRule::OneMark
            | RelayRule::MarkSurvives
            | RelayRule::IncarnationOfConnection => stored,
            RelayRule::MarkStays => {
                let notes = self.relay.notes.lock().unwrap();
                stored && !notes.marks.contains_key(&self.database)
            }
            _ => false,
        }
    }

    /// Whether the data has another history than in the beginning.
    async fn is_of_another_history(&self) -> bool {
        let now = self.relay.inner.begin_round(self.database, None).await;
        let now = now.unwrap().unwrap().begun().incarnation.clone();
        now.history != self.begun.incarnation.history
    }
}

#[async_trait]
impl RelayRound for Round {
    fn begun(&self) -> &RoundStart {
        &self.begun
    }

    async fn invalidate_many(&self, invalidations: &[Invalidation]) -> Result<(), CacheError> {
        match self.relay.rule {
            RelayRule::InvalidationEvicts => {
                let ids: Vec<_> = invalidations.iter().map(|each| each.id).collect();
                self.relay.cache.evict_many(&ids).await
            }
            RelayRule::InvalidationSparesLeases if self.finds_a_lease(invalidations).await => {
                Ok(())
            }
            RelayRule::RoundOutlivesConnection => {
                self.relay.cache.invalidate_many(invalidations).await?;
                Ok(())
            }
            _ => self.inner.invalidate_many(invalidations).await,
        }
    }

    async fn set_watermark(&self, snapshot_at: Timestamp, epoch: u128) -> Result<bool, CacheError> {
        let stored = self.inner.set_watermark(snapshot_at, epoch).await?;
        let is_refused_for_its_history = !stored && self.is_of_another_history().await;
        let is_ignored = match self.relay.rule {
            RelayRule::MarkGoesBack => !is_refused_for_its_history,
            RelayRule::HistoryIgnored => is_refused_for_its_history,
            _ => true,
        };
        if !self.is_noted(stored) || !is_ignored {
            return Ok(stored);
        }
        let mut at = self.begun.now;
        if self.relay.is(RelayRule::MarksTheEnd) {
            at = self.relay.inner.probe(self.database).await?.reply.now;
        }
        let mark = Watermark {
            clock: self.begun.incarnation.clock.clone(),
            at,
            snapshot_at,
            epoch,
        };
        let place = self.relay.place(self.database);
        self.relay.notes.lock().unwrap().marks.insert(place, mark);
        Ok(true)
    }
}

impl Round {
    async fn finds_a_lease(&self, invalidations: &[Invalidation]) -> bool {
        let ids: Vec<_> = invalidations.iter().map(|each| each.id).collect();
        let namespace = roster_domain::ports::CacheNamespace {
            database: self.database,
            epoch: 0,
        };
        let found = self.relay.cache.get_many(namespace, &ids).await.unwrap();
        let is_lease =
            |found: &_| matches!(found, roster_domain::ports::CacheLookup::Leased { .. });
        found.reply.iter().any(is_lease)
    }
}
