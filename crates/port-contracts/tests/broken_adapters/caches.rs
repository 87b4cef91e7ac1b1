//! Caches, broken in one rule.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use roster_adapters_memory::{ManualClock, MemoryUserCache};
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, CachePush, ConnectionEpoch,
    FillOutcome, FillRequest, Filling, Invalidation, InvalidationSink, Lease, Stamped, UserCache,
};
use roster_domain::{UserId, UserVersion};
use roster_port_contracts::CacheFixture;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheRule {
    None,
    FillWithoutLease,
    FillAfterInvalidation,
    InvalidationForgetsFloor,
    FloorFalls,
    ReleaseForgetsFloor,
    AbsenceSurvives,
    LeaseNeverFreed,
    RepeatDestroysLease,
    AnyDatabase,
    EvictionSparesValues,
    EvictionSparesAbsences,
    EvictionKeepsFloor,
    EvictionSparesLease,
    EvictionTakesAll,
    EvictionIsSilent,
    OwnChangesAreSilent,
    WaitersAreUntracked,
    FoundIsUntracked,
    ReadAgainIsUntracked,
    PushesComeLate,
    PushesWithoutStamp,
    AcquisitionsWithoutStamp,
    GuessIsTrusted,
}

pub(crate) struct Fixture {
    clock: Arc<ManualClock>,
    cache: Arc<Cache>,
}

pub(crate) fn broken(rule: CacheRule) -> Fixture {
    let clock = Arc::new(ManualClock::default());
    let cache = Arc::new(Cache {
        inner: Arc::new(MemoryUserCache::new(Arc::<ManualClock>::clone(&clock))),
        rule,
        acquired: Mutex::default(),
        ears: Arc::default(),
    });
    Fixture { clock, cache }
}

#[async_trait]
impl CacheFixture for Fixture {
    fn cache(&self) -> Arc<dyn UserCache> {
        Arc::<Cache>::clone(&self.cache)
    }

    /// Not broken, so that its changes are nobody's own.
    async fn elsewhere(&self) -> Arc<dyn UserCache> {
        Arc::<MemoryUserCache>::clone(&self.cache.inner)
    }

    async fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    async fn flush(&self) {
        self.cache.inner.clear();
    }

    async fn store_foreign(&self, id: UserId, bytes: &[u8]) -> bool {
        self.cache.inner.store_foreign(id, bytes);
        true
    }
}

struct Cache {
    inner: Arc<MemoryUserCache>,
    rule: CacheRule,
    /// Every user that somebody ever asked to load.
    acquired: Mutex<HashSet<UserId>>,
    ears: Arc<Ears>,
}

/// What stands between the cache and its sinks.
#[derive(Default)]
struct Ears {
    /// Whose changes are not heard.
    deaf_to: Mutex<HashSet<UserId>>,
    /// Whose changes were heard since they were last acquired or filled.
    heard: Mutex<HashSet<UserId>>,
}

struct Filter {
    sink: Arc<dyn InvalidationSink>,
    ears: Arc<Ears>,
    is_late: bool,
}

impl InvalidationSink for Filter {
    fn push(&self, push: CachePush) {
        if let CachePush::Changed(ids) = &push {
            let deaf_to = self.ears.deaf_to.lock().unwrap();
            if ids.iter().any(|id| deaf_to.contains(id)) {
                return;
            }
            self.ears.heard.lock().unwrap().extend(ids);
            if self.is_late {
                let sink = Arc::clone(&self.sink);
                tokio::spawn(async move { sink.push(push) });
                return;
            }
        }
        self.sink.push(push);
    }
}

impl Ears {
    fn close_to(&self, id: UserId) {
        self.deaf_to.lock().unwrap().insert(id);
    }

    fn open_to(&self, id: UserId) {
        self.deaf_to.lock().unwrap().remove(&id);
    }
}

/// The namespace of the cases.
const NAMESPACE: CacheNamespace = CacheNamespace {
    database: 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100,
    epoch: 0x1f1e_1d1c_1b1a_1918_1716_1514_1312_1110,
};

impl Cache {
    fn is(&self, rule: CacheRule) -> bool {
        self.rule == rule
    }

    async fn look_up(&self, id: UserId) -> Result<CacheLookup, CacheError> {
        let mut stamped = self.inner.get_many(NAMESPACE, &[id]).await?;
        Ok(stamped.reply.remove(0))
    }

    /// Whether a fill that the cache refuses is stored all the same.
    async fn accepts(&self, fill: &FillRequest) -> Result<bool, CacheError> {
        let CacheLookup::Floor { floor, .. } = self.look_up(fill.lease.id).await? else {
            return Ok(false);
        };
        let Filling::User(user, _) = &fill.filling else {
            return Ok(false);
        };
        let never_asked = !self.acquired.lock().unwrap().contains(&fill.lease.id);
        Ok(match self.rule {
            CacheRule::FillWithoutLease => never_asked && floor == UserVersion::NONE,
            CacheRule::FillAfterInvalidation => floor > UserVersion::NONE && user.version >= floor,
            _ => false,
        })
    }
}

#[async_trait]
impl UserCache for Cache {
    async fn get_many(
        &self,
        namespace: CacheNamespace,
        ids: &[UserId],
    ) -> Result<Stamped<Vec<CacheLookup>>, CacheError> {
        let mut namespace = namespace;
        if self.is(CacheRule::AnyDatabase) {
            namespace.database = NAMESPACE.database;
        }
        for id in ids {
            let is_heard = self.ears.heard.lock().unwrap().contains(id);
            if self.is(CacheRule::ReadAgainIsUntracked) && is_heard {
                self.ears.close_to(*id);
            } else {
                self.ears.open_to(*id);
            }
        }
        let mut stamped = self.inner.get_many(namespace, ids).await?;
        if self.is(CacheRule::PushesWithoutStamp) {
            stamped.connection = ConnectionEpoch::UNTRACKED;
        }
        Ok(stamped)
    }

    async fn acquire_many(
        &self,
        namespace: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError> {
        let mut asked = requests.to_vec();
        for request in &mut asked {
            self.acquired.lock().unwrap().insert(request.lease.id);
            let found = self.look_up(request.lease.id).await?;
            let over_a_floor =
                matches!(found, CacheLookup::Floor { floor, .. } if floor > UserVersion::NONE);
            if self.is(CacheRule::GuessIsTrusted) && request.likely_absent {
                self.inner.evict(request.lease.id);
            }
            if self.is(CacheRule::LeaseNeverFreed) && over_a_floor {
                request.hold_for = Duration::from_hours(1);
            }
        }
        let mut stamped = self.inner.acquire_many(namespace, &asked).await?;
        for (request, acquired) in asked.iter().zip(&stamped.reply) {
            let id = request.lease.id;
            self.ears.heard.lock().unwrap().remove(&id);
            self.ears.open_to(id);
            match (self.rule, acquired) {
                (CacheRule::WaitersAreUntracked, Acquired::Wait { .. })
                | (CacheRule::FoundIsUntracked, Acquired::Found(_)) => self.ears.close_to(id),
                _ => {}
            }
        }
        if self.is(CacheRule::PushesWithoutStamp) || self.is(CacheRule::AcquisitionsWithoutStamp) {
            stamped.connection = ConnectionEpoch::UNTRACKED;
        }
        Ok(stamped)
    }

    async fn fill_many(
        &self,
        namespace: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError> {
        let mut outcomes = self.inner.fill_many(namespace, fills).await?;
        for fill in fills {
            self.ears.heard.lock().unwrap().remove(&fill.lease.id);
        }
        for (outcome, fill) in outcomes.iter_mut().zip(fills) {
            if *outcome == FillOutcome::Refused && self.accepts(fill).await? {
                let request = AcquireRequest {
                    lease: fill.lease,
                    hold_for: Duration::from_secs(1),
                    unusable: None,
                    likely_absent: false,
                };
                self.inner.acquire_many(namespace, &[request]).await?;
                let again = std::slice::from_ref(fill);
                *outcome = self.inner.fill_many(namespace, again).await?.remove(0);
            }
        }
        Ok(outcomes)
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<(), CacheError> {
        for lease in leases {
            let before = self.look_up(lease.id).await?;
            self.inner.release_many(&[*lease]).await?;
            let after = self.look_up(lease.id).await?;
            let released = matches!(before, CacheLookup::Leased { .. })
                && matches!(after, CacheLookup::Floor { .. });
            if self.is(CacheRule::ReleaseForgetsFloor) && released {
                self.inner.evict(lease.id);
            }
        }
        Ok(())
    }

    async fn invalidate_many(
        &self,
        invalidations: &[Invalidation],
    ) -> Result<Vec<bool>, CacheError> {
        let mut answers = Vec::new();
        for each in invalidations {
            let before = self.look_up(each.id).await?;
            match (self.rule, &before) {
                (CacheRule::AbsenceSurvives, CacheLookup::Absent { .. }) => {
                    answers.push(true);
                    continue;
                }
                (CacheRule::FloorFalls, CacheLookup::Floor { floor, .. })
                    if *floor > each.floor =>
                {
                    self.inner.evict(each.id);
                }
                (CacheRule::RepeatDestroysLease, CacheLookup::Leased { floor })
                    if *floor >= each.floor =>
                {
                    let floor = *floor;
                    self.inner.evict(each.id);
                    let kept = Invalidation { id: each.id, floor };
                    self.inner.invalidate_many(&[kept]).await?;
                }
                _ => {}
            }
            if self.is(CacheRule::OwnChangesAreSilent) {
                self.ears.close_to(each.id);
            }
            let changed = self.inner.invalidate_many(&[*each]).await?.remove(0);
            answers.push(changed);
            let was_value = matches!(before, CacheLookup::Value { .. });
            if self.is(CacheRule::InvalidationForgetsFloor) && was_value && changed {
                self.inner.evict(each.id);
            }
        }
        Ok(answers)
    }

    async fn evict_many(&self, ids: &[UserId]) -> Result<(), CacheError> {
        for id in ids {
            let before = self.look_up(*id).await?;
            let is_spared = match &before {
                CacheLookup::Value { .. } => self.is(CacheRule::EvictionSparesValues),
                CacheLookup::Absent { .. } => self.is(CacheRule::EvictionSparesAbsences),
                CacheLookup::Leased { .. } => self.is(CacheRule::EvictionSparesLease),
                CacheLookup::Floor { .. } => false,
            };
            if is_spared {
                continue;
            }
            if self.is(CacheRule::EvictionIsSilent) {
                self.ears.close_to(*id);
            }
            self.inner.evict_many(&[*id]).await?;
            match before {
                CacheLookup::Floor { floor, .. } if self.is(CacheRule::EvictionKeepsFloor) => {
                    let kept = Invalidation { id: *id, floor };
                    self.inner.invalidate_many(&[kept]).await?;
                }
                _ => {}
            }
        }
        if self.is(CacheRule::EvictionTakesAll) {
            self.inner.clear();
        }
        Ok(())
    }

    fn subscribe(&self, sink: Arc<dyn InvalidationSink>) {
        self.inner.subscribe(Arc::new(Filter {
            sink,
            ears: Arc::clone(&self.ears),
            is_late: self.is(CacheRule::PushesComeLate),
        }));
    }
}
