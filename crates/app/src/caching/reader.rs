use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::StoreError;
use roster_domain::{UserId, UserVersion};

use super::flights::{Flights, Loaded, Seat};
use super::loader::Loader;
use super::near_cache::{Kept, NearCache};
use super::pending_floors::PendingFloors;
use super::watermark::{Proof, Proofs};
use crate::shared_error::Share as _;
use crate::{
    Answer, AtHand, CacheEvent, CacheObserver, Found, Freshness, ReadTrace, Rendition, Runtime,
    StalenessBound, Tier, TierStatus, UserError,
};

/// The way of a read.
pub(crate) struct Reader {
    pub(super) near: Arc<NearCache>,
    pub(super) pending: Arc<PendingFloors>,
    /// `None` without a shared cache.
    pub(super) proofs: Option<Arc<Proofs>>,
    pub(super) flights: Arc<Flights>,
    pub(super) loader: Arc<Loader>,
    pub(super) observer: Arc<dyn CacheObserver>,
    pub(super) runtime: Runtime,
}

/// What becomes of a load for one of its callers.
enum Verdict {
    Take(Found),
    Again { strong: bool },
}

impl Reader {
    /// How often a load is started again because somebody changed the user meanwhile.
    const ROUNDS: usize = 3;

    /// One user.
    pub(crate) async fn get(&self, id: UserId, freshness: Freshness) -> Result<Found, UserError> {
        if let Some(found) = self.look_near(id, freshness) {
            return Ok(found);
        }
        let found = self.load(vec![id], freshness).await?.remove(&id);
        Ok(found.unwrap_or(Found::Absent(StalenessBound::Unproven)))
    }

    /// What can be said of a user at once.
    pub(crate) fn at_hand(&self, id: UserId, freshness: Freshness) -> AtHand {
        if let Some(found) = self.look_near(id, freshness) {
            return AtHand::Found(found);
        }
        let ticket = self.near.ticket(id);
        if self.flights.can_board(id, freshness.strong, ticket) {
            AtHand::Loading
        } else {
            AtHand::Nothing
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
                let found = self.look_near(*id, freshness);
                if found.is_none() {
                    missing.push(*id);
                }
                answers.insert(*id, found.and_then(Found::user));
            }
        }
        if !missing.is_empty() {
            let loaded = self.load(missing, freshness).await?.into_iter();
            answers.extend(loaded.map(|(id, found)| (id, found.user())));
        }
        Ok(ids
            .iter()
            .map(|id| answers.get(id).cloned().flatten())
            .collect())
    }

    /// What the cache in this process says, if anything.
    fn look_near(&self, id: UserId, freshness: Freshness) -> Option<Found> {
        if freshness.strong {
            return None;
        }
        // Before the entry, never after: what is kept later may be newer than the proof says.
        let proof = self.proofs.as_ref().and_then(|proofs| proofs.latest());
        let hit = self.near.get(id)?;
        if hit.content.floor() < freshness.min_version.max(self.pending.of(id)) {
            return None;
        }
        let proof = proof.filter(|proof| proof.holds_in(hit.era));
        let bound = if self.near.is_local() {
            StalenessBound::Proven(Duration::ZERO)
        } else {
            self.cached_bound(proof)
        };
        let Kept::User(user) = hit.content else {
            self.observer.observe(CacheEvent::AnsweredAbsent(Tier::L1));
            return Some(Found::Absent(bound));
        };
        self.observer.observe(CacheEvent::Answered(Tier::L1));
        let trace = ReadTrace {
            l1: Some(TierStatus::Hit { ttl: hit.left }),
            l2: None,
        };
        Some(Found::User(Answer {
            user,
            bound,
            trace,
            rendition: hit.rendition,
        }))
    }

    /// Loads users, each at most once at a time in this process.
    async fn load(
        &self,
        ids: Vec<UserId>,
        freshness: Freshness,
    ) -> Result<HashMap<UserId, Found>, UserError> {
        let mut answers = HashMap::with_capacity(ids.len());
        let mut open: Vec<(UserId, bool)> =
            ids.into_iter().map(|id| (id, freshness.strong)).collect();
        for round in 0..=Self::ROUNDS {
            if open.is_empty() {
                return Ok(answers);
            }
            if round == Self::ROUNDS {
                // Whatever the store says now is taken, and all who are as unlucky share it.
                open = open.into_iter().map(|(id, _)| (id, true)).collect();
            }
            for (id, strong, seat) in self.board(std::mem::take(&mut open), freshness) {
                let (before_read, collapsed) = (seat.before_read, seat.collapsed);
                let Some(result) = seat.arrive().await else {
                    open.push((id, strong));
                    continue;
                };
                let loaded = result.map_err(|error| StoreError::share(&error))?;
                match self.judge(&loaded, freshness, strong, before_read, collapsed)? {
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
                lags: false,
                proof: None,
                current: false,
            };
            if let Verdict::Take(answer) = self.judge(&loaded, freshness, true, true, false)? {
                answers.insert(id, answer);
            }
        }
        Ok(answers)
    }

    /// Joins or starts the load of each user, those that start as one batch.
    fn board(&self, open: Vec<(UserId, bool)>, freshness: Freshness) -> Vec<(UserId, bool, Seat)> {
        let is_alone = open.len() == 1;
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
            // Among many, a thread is woken for another anyway, and a lane should not be held until
            // a caller has written his answer.
            let is_driven = is_alone && self.flights.are_few();
            let driven = self.loader.start(leads, is_driven);
            if let [(_, _, seat)] = &mut *seats {
                seat.driven = driven;
            }
        }
        seats
    }

    /// Whether a caller may take what a load came to.
    fn judge(
        &self,
        loaded: &Loaded,
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
        let Some(user) = &loaded.user else {
            // The lead took the absence from the cache without this caller's minimum in mind.
            let unsure = collapsed && loaded.read_at.is_none();
            if unsure && freshness.min_version > UserVersion::NONE {
                return Ok(Verdict::Again { strong: true });
            }
            self.observer.observe(CacheEvent::AnsweredAbsent(tier));
            return Ok(Verdict::Take(Found::Absent(self.bound(loaded))));
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
        Ok(Verdict::Take(Found::User(Answer {
            user: Arc::clone(user),
            bound: self.bound(loaded),
            trace: if collapsed {
                joined(loaded.trace)
            } else {
                loaded.trace
            },
            rendition: Rendition::default(),
        })))
    }

    /// Alone with its store, this process knows every change: what it loaded and nobody
    /// changed meanwhile is current. Any other row is as old as its read at the most, unless the
    /// caches knew of a later one, and a cache's answer as old as its proof says.
    fn bound(&self, loaded: &Loaded) -> StalenessBound {
        match loaded.read_at {
            _ if loaded.lags => self.cached_bound(None),
            Some(_) if loaded.current && self.near.is_local() => {
                StalenessBound::Proven(Duration::ZERO)
            }
            Some(read_at) => {
                StalenessBound::Proven(self.runtime.clock.monotonic().saturating_sub(read_at))
            }
            None => self.cached_bound(loaded.proof),
        }
    }

    fn cached_bound(&self, proof: Option<Proof>) -> StalenessBound {
        let now = self.runtime.clock.monotonic();
        match proof {
            Some(proof) if !self.pending.are_incomplete(now) => {
                StalenessBound::Proven(proof.bound(now))
            }
            _ => {
                self.observer.observe(CacheEvent::Unproven);
                StalenessBound::Unproven
            }
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
