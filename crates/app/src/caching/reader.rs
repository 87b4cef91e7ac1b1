use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use roster_domain::ports::UserRepository;
use roster_domain::{UserId, UserVersion};
use tokio::sync::Semaphore;

use super::breaker::Breaker;
use super::flights::{Flights, Loaded, Seat};
use super::invalidator::Invalidator;
use super::lease_flow::LeaseFlow;
use super::loader::{Loader, own};
use super::namespace::Namespace;
use super::near_cache::NearCache;
use super::pending_floors::PendingFloors;
use super::policy::{CachePolicy, Caches};
use crate::{
    Answer, CacheEvent, CacheObserver, Freshness, ReadTrace, Runtime, StalenessBound, Tier,
    TierStatus, UserError,
};

/// Users behind their caches: the way of a read, and the way of a write's invalidation.
pub(crate) struct CachedUsers {
    pub(crate) reader: Arc<Reader>,
    pub(crate) invalidator: Arc<Invalidator>,
}

impl CachedUsers {
    pub(crate) fn new(
        users: Arc<dyn UserRepository>,
        caches: Caches,
        policy: CachePolicy,
        observer: Arc<dyn CacheObserver>,
        runtime: Runtime,
    ) -> Self {
        let embedded = matches!(caches, Caches::Embedded);
        let near = Arc::new(NearCache::new(
            embedded.then_some(policy.l1_octets),
            Arc::clone(&runtime.clock),
        ));
        let pending = Arc::new(PendingFloors::default());
        let leases = match caches {
            Caches::Coalescing | Caches::Embedded => None,
            Caches::Shared(shared) => {
                let breaker = Breaker::new(
                    shared.cache,
                    Arc::clone(&runtime.clock),
                    Arc::clone(&observer),
                );
                Some(LeaseFlow {
                    cache: Arc::new(breaker),
                    namespace: Arc::new(Namespace::new(shared.change_log, runtime.clone())),
                    pending: Arc::clone(&pending),
                })
            }
        };
        let invalidator = Arc::new(Invalidator {
            near: Arc::clone(&near),
            shared: leases.as_ref().map(|leases| Arc::clone(&leases.cache)),
            pending,
            limit: policy.invalidate_limit,
            observer: Arc::clone(&observer),
            runtime: runtime.clone(),
            redelivering: AtomicBool::new(false),
        });
        let unfilled = Semaphore::new(policy.unfilled_loads.max(1));
        let loader = Arc::new(Loader {
            users,
            near: Arc::clone(&near),
            leases,
            policy,
            observer: Arc::clone(&observer),
            runtime: runtime.clone(),
            unfilled,
        });
        let reader = Arc::new(Reader {
            near,
            flights: Arc::default(),
            loader,
            observer,
            runtime,
        });
        Self {
            reader,
            invalidator,
        }
    }
}

/// The way of a read.
pub(crate) struct Reader {
    near: Arc<NearCache>,
    flights: Arc<Flights>,
    loader: Arc<Loader>,
    observer: Arc<dyn CacheObserver>,
    runtime: Runtime,
}

/// What the cache in this process says.
enum Near {
    Unknown,
    Absent,
    User(Answer),
}

/// What becomes of a load for one of its callers.
enum Verdict {
    Take(Option<Answer>),
    Again { strong: bool },
}

impl Reader {
    /// How often a load is started again because somebody changed the user meanwhile.
    const ROUNDS: usize = 3;

    /// One user.
    pub(crate) async fn get(
        &self,
        id: UserId,
        freshness: Freshness,
    ) -> Result<Option<Answer>, UserError> {
        match self.look_near(id, freshness) {
            Near::User(answer) => Ok(Some(answer)),
            Near::Absent => Ok(None),
            Near::Unknown => Ok(self.load(vec![id], freshness).await?.remove(&id).flatten()),
        }
    }

    /// Users in the order asked.
    pub(crate) async fn get_many(
        &self,
        ids: &[UserId],
        freshness: Freshness,
    ) -> Result<Vec<Option<Answer>>, UserError> {
        let mut answers = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            if !answers.contains_key(id) {
                let answer = match self.look_near(*id, freshness) {
                    Near::User(answer) => Some(answer),
                    Near::Absent => None,
                    Near::Unknown => {
                        missing.push(*id);
                        None
                    }
                };
                answers.insert(*id, answer);
            }
        }
        if !missing.is_empty() {
            answers.extend(self.load(missing, freshness).await?);
        }
        Ok(ids
            .iter()
            .map(|id| answers.get(id).cloned().flatten())
            .collect())
    }

    /// What the cache in this process says.
    fn look_near(&self, id: UserId, freshness: Freshness) -> Near {
        if freshness.strong {
            return Near::Unknown;
        }
        match self.near.get(id) {
            Some((Some(user), ttl)) if user.version >= freshness.min_version => {
                self.observer.observe(CacheEvent::Answered(Tier::L1));
                let trace = ReadTrace {
                    l1: Some(TierStatus::Hit { ttl }),
                    l2: None,
                };
                Near::User(Answer {
                    user,
                    bound: StalenessBound::Proven(Duration::ZERO),
                    trace,
                })
            }
            Some((None, _)) if freshness.min_version == UserVersion::NONE => {
                self.observer.observe(CacheEvent::AnsweredAbsent(Tier::L1));
                Near::Absent
            }
            Some(_) | None => Near::Unknown,
        }
    }

    /// Loads users, each at most once at a time in this process.
    async fn load(
        &self,
        ids: Vec<UserId>,
        freshness: Freshness,
    ) -> Result<HashMap<UserId, Option<Answer>>, UserError> {
        let mut answers = HashMap::with_capacity(ids.len());
        let mut open: Vec<(UserId, bool)> =
            ids.into_iter().map(|id| (id, freshness.strong)).collect();
        for _ in 0..=Self::ROUNDS {
            if open.is_empty() {
                return Ok(answers);
            }
            for (id, strong, seat) in self.board(std::mem::take(&mut open), freshness) {
                let (before_read, collapsed) = (seat.before_read, seat.collapsed);
                let Some(result) = seat.arrive().await else {
                    open.push((id, strong));
                    continue;
                };
                let loaded = result.map_err(own)?;
                match self.judge(loaded, freshness, strong, before_read, collapsed)? {
                    Verdict::Take(answer) => {
                        answers.insert(id, answer);
                    }
                    Verdict::Again { strong } => open.push((id, strong)),
                }
            }
        }
        let ids: Vec<UserId> = open.into_iter().map(|(id, _)| id).collect();
        let rows = self.loader.read(&ids).await?;
        for id in ids {
            let loaded = Loaded {
                user: rows.users.get(&id).map(Arc::clone),
                trace: ReadTrace::default(),
                read_at: Some(rows.read_at),
                current: false,
            };
            if let Verdict::Take(answer) = self.judge(loaded, freshness, true, true, false)? {
                answers.insert(id, answer);
            }
        }
        Ok(answers)
    }

    /// Joins or starts the load of each user, those that start in one task.
    fn board(&self, open: Vec<(UserId, bool)>, freshness: Freshness) -> Vec<(UserId, bool, Seat)> {
        let mut leads = Vec::new();
        let mut seats = Vec::with_capacity(open.len());
        for (id, strong) in open {
            let ticket = self.near.ticket(id);
            let (seat, lead) = self
                .flights
                .board(id, strong, freshness.min_version, ticket);
            if seat.collapsed {
                self.observer.observe(CacheEvent::Collapsed);
            }
            leads.extend(lead);
            seats.push((id, strong, seat));
        }
        if !leads.is_empty() {
            self.runtime
                .tasks
                .spawn(Box::pin(Arc::clone(&self.loader).run(leads)));
        }
        seats
    }

    /// Whether a caller may take what a load came to.
    fn judge(
        &self,
        loaded: Loaded,
        freshness: Freshness,
        strong: bool,
        before_read: bool,
        collapsed: bool,
    ) -> Result<Verdict, UserError> {
        if !loaded.current && !before_read {
            return Ok(Verdict::Again { strong });
        }
        let tier = if loaded.read_at.is_some() {
            Tier::Database
        } else {
            Tier::L2
        };
        let Some(user) = loaded.user else {
            // The lead took the absence from the cache without this caller's minimum in mind.
            let unsure = collapsed && loaded.read_at.is_none();
            if unsure && freshness.min_version > UserVersion::NONE {
                return Ok(Verdict::Again { strong: true });
            }
            self.observer.observe(CacheEvent::AnsweredAbsent(tier));
            return Ok(Verdict::Take(None));
        };
        if user.version < freshness.min_version {
            if strong && before_read {
                return Err(UserError::VersionAhead {
                    current: user.version,
                });
            }
            return Ok(Verdict::Again { strong: true });
        }
        self.observer.observe(CacheEvent::Answered(tier));
        let bound = self.bound(loaded.read_at, loaded.current);
        let trace = if collapsed {
            joined(loaded.trace)
        } else {
            loaded.trace
        };
        Ok(Verdict::Take(Some(Answer { user, bound, trace })))
    }

    /// Alone with its store, this process knows every change: what it loaded and nobody
    /// changed meanwhile is current, and anything else is as old as its read at the most.
    fn bound(&self, read_at: Option<Duration>, current: bool) -> StalenessBound {
        match read_at {
            Some(_) if self.near.keeps() && current => StalenessBound::Proven(Duration::ZERO),
            Some(read_at) if self.near.keeps() => {
                StalenessBound::Proven(self.runtime.clock.monotonic().saturating_sub(read_at))
            }
            _ => StalenessBound::Unproven,
        }
    }
}

fn joined(trace: ReadTrace) -> ReadTrace {
    let join = |status| match status {
        TierStatus::Forwarded { reason, stored, .. } => TierStatus::Forwarded {
            reason,
            stored,
            collapsed: true,
        },
        hit @ TierStatus::Hit { .. } => hit,
    };
    ReadTrace {
        l1: trace.l1.map(join),
        l2: trace.l2.map(join),
    }
}
