use std::sync::Arc;
use std::time::Duration;

use futures::join;
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheLookup, CacheNamespace, ConnectionEpoch, Lease, LeaseToken,
    SeenBytes, Stamped, UserCache,
};
use roster_domain::{Timestamp, User, UserId, UserVersion};

use super::flights::{Lead, Loaded};
use super::loader::{Lane, Loader};
use super::namespace::Namespace;
use super::near_cache::{Kept, NearCache, Ticket};
use super::pending_floors::PendingFloors;
use super::watermark::{Proof, Proofs};
use crate::batching::{Line, Waits};
use crate::{CacheEvent, ForwardReason, ReadTrace, TierStatus};

mod filling;
mod forced;
mod guess;
mod waiting;

use filling::Granted;
use forced::Stored;
pub(super) use guess::Guess;

/// Loads through the shared cache: what it holds, else the right to load, else a short wait
/// for whoever has that right, else the store without filling.
///
/// What the cache answers is also kept in this process, when the tracked connection brought it
/// and nothing was invalidated since it was asked.
pub(super) struct LeaseFlow {
    pub(super) cache: Arc<dyn UserCache>,
    pub(super) namespace: Arc<Namespace>,
    pub(super) near: Arc<NearCache>,
    pub(super) pending: Arc<PendingFloors>,
    pub(super) proofs: Arc<Proofs>,
    /// From the leases to the fills. Apart from the look-ups, so that a store that hangs keeps
    /// nobody from what the cache holds.
    pub(super) line: Line<Open>,
    pub(super) guess: Guess,
}

/// A load that the cache has not answered yet.
pub(super) struct Open {
    lead: Lead,
    /// Taken before the cache was asked last.
    ticket: Ticket,
    /// The same.
    proof: Option<Proof>,
    /// The same: what the caller asks for and what this process has not delivered. Once the
    /// reply is there, a floor may be delivered and gone that the reply knows nothing of.
    least: UserVersion,
    /// Whether nothing is stored; `None` while nobody has looked.
    is_absent: Option<bool>,
    /// The bytes that are stored and cannot be used.
    unusable: Option<SeenBytes>,
    /// The value that they are, where it is merely below what this caller asks for.
    fallback: Option<(Arc<User>, Timestamp)>,
    reason: ForwardReason,
    /// Since when it waits for the lease of another, on the monotonic clock.
    waiting_since: Option<Duration>,
}

impl Waits for Open {}

/// The loads of one batch by what happens to them next.
#[derive(Default)]
struct Sorted {
    /// To ask for a lease.
    acquire: Vec<Open>,
    /// Leased by another.
    wait: Vec<Open>,
    /// To read without filling.
    unfilled: Vec<(Lead, ForwardReason)>,
    /// Forced reads over a value or an absence: to read, and to correct the cache by.
    compare: Vec<(Lead, Stored)>,
}

impl LeaseFlow {
    /// How often a value that turns up and cannot be used is passed over.
    const ACQUIRES: usize = 3;

    /// Loads users and ends every lead. The lane is given back when the cache has answered.
    pub(super) async fn run(&self, loader: &Arc<Loader>, leads: Vec<Lead>, lane: Lane<'_>) {
        let open = leads.into_iter().map(|lead| Open {
            ticket: lead.ticket,
            least: lead.min_version,
            lead,
            proof: None,
            is_absent: None,
            unusable: None,
            fallback: None,
            reason: ForwardReason::Miss,
            waiting_since: None,
        });
        let sorted = self.begin(loader, open.collect()).await;
        drop(lane);
        join!(
            self.fill_in_turn(loader, sorted.acquire),
            self.correct(loader, sorted.compare),
            loader.read_unfilled(sorted.unfilled)
        );
    }

    /// Looks up, unless that is probably in vain: who asks for a lease is told what is there.
    async fn begin(&self, loader: &Loader, open: Vec<Open>) -> Sorted {
        if !self.guess.is_absent() {
            return self.look_up(loader, open).await;
        }
        Sorted {
            acquire: open,
            ..Sorted::default()
        }
    }

    /// Loads what the cache does not hold, by a lane that is given back when it is filled in;
    /// who waits for another's lease waits outside of it.
    pub(super) async fn fill(&self, loader: &Arc<Loader>, open: Vec<Open>) {
        let mut lane = Some(FillLane {
            flow: self,
            loader,
            gone: open.len(),
        });
        let started = loader.runtime.clock.monotonic();
        let mut asking = open;
        while !asking.is_empty() {
            let mut sorted = self.acquire(loader, asking).await;
            drop(lane.take());
            loader.read_unfilled(sorted.unfilled).await;
            if sorted.wait.is_empty() {
                return;
            }
            for open in &mut sorted.wait {
                open.waiting_since.get_or_insert(started);
            }
            if !self.wait(loader, &sorted.wait, started).await {
                return self.give_up(loader, sorted.wait, started).await;
            }
            let sorted = self.look_up(loader, sorted.wait).await;
            self.correct(loader, sorted.compare).await;
            loader.read_unfilled(sorted.unfilled).await;
            asking = sorted.acquire;
        }
    }

    /// What a question starts from: ticket and floor, then proof, then namespace, and only then
    /// the question.
    async fn prepare(&self, open: &mut [Open]) -> Option<CacheNamespace> {
        for open in &mut *open {
            open.ticket = self.near.ticket(open.lead.id);
            open.least = open.lead.min_version.max(self.pending.of(open.lead.id));
        }
        let proof = self.proofs.latest();
        for open in open {
            open.proof = proof.filter(|proof| proof.holds_in(open.ticket.era()));
        }
        self.namespace.current().await
    }

    /// Ends the loads that the cache can answer and sorts the others.
    async fn look_up(&self, loader: &Loader, mut open: Vec<Open>) -> Sorted {
        let mut sorted = Sorted::default();
        let Some(namespace) = self.prepare(&mut open).await else {
            sorted.unfilled = bypassed(open);
            return sorted;
        };
        let ids: Vec<UserId> = open.iter().map(|open| open.lead.id).collect();
        let Ok(Stamped { connection, reply }) = self.cache.get_many(namespace, &ids).await else {
            sorted.unfilled = bypassed(open);
            return sorted;
        };
        self.guess.learn(reply.iter().map(CacheLookup::is_nothing));
        for (open, lookup) in open.into_iter().zip(reply) {
            self.sort(loader, open, connection, lookup, &mut sorted);
        }
        sorted
    }

    /// Ends one load with what the cache holds, or says what happens next.
    fn sort(
        &self,
        loader: &Loader,
        mut open: Open,
        connection: ConnectionEpoch,
        lookup: CacheLookup,
        sorted: &mut Sorted,
    ) {
        let least = open.least;
        open.is_absent = Some(lookup.is_nothing());
        match lookup {
            CacheLookup::Value { user, .. } if open.lead.strong => {
                sorted
                    .compare
                    .push((open.lead, Stored::Version(user.version)));
            }
            CacheLookup::Absent { .. } if open.lead.strong => {
                sorted.compare.push((open.lead, Stored::Absence));
            }
            CacheLookup::Value {
                user, expires_at, ..
            } if user.version >= least => {
                let ttl = expires_at.since(loader.runtime.clock.now());
                self.answer(loader, open, connection, Kept::User(user), ttl);
            }
            CacheLookup::Absent { floor, .. } if floor >= least => {
                let ttl = loader.policy.absent_ttl;
                self.answer(loader, open, connection, Kept::Absent { floor }, ttl);
            }
            CacheLookup::Value {
                user,
                expires_at,
                seen,
            } => {
                open.unusable = Some(seen);
                open.fallback = Some((user, expires_at));
                open.reason = ForwardReason::Stale;
                sorted.acquire.push(open);
            }
            CacheLookup::Absent { seen, .. } => {
                open.unusable = Some(seen);
                open.reason = ForwardReason::Stale;
                sorted.acquire.push(open);
            }
            CacheLookup::Floor { unusable, .. } => {
                open.unusable = unusable;
                sorted.acquire.push(open);
            }
            // Its holder may be dead: the script alone knows the cache's time, and takes it over.
            CacheLookup::Leased { .. } => sorted.acquire.push(open),
        }
    }

    /// Asks for the leases, loads what was granted and fills it in; what is left waits for
    /// another's lease or is read without filling.
    async fn acquire(&self, loader: &Loader, mut asking: Vec<Open>) -> Sorted {
        let mut sorted = Sorted::default();
        for _ in 0..Self::ACQUIRES {
            if asking.is_empty() {
                return sorted;
            }
            let Some(namespace) = self.prepare(&mut asking).await else {
                sorted.unfilled.extend(bypassed(asking));
                return sorted;
            };
            let requests: Vec<AcquireRequest> = asking
                .iter()
                .map(|open| AcquireRequest {
                    lease: Lease {
                        id: open.lead.id,
                        token: LeaseToken(loader.runtime.ids.random_token()),
                    },
                    hold_for: loader.policy.lease_ttl,
                    unusable: open.unusable.clone(),
                    likely_absent: open.is_absent.unwrap_or(true),
                })
                .collect();
            let acquired = self.cache.acquire_many(namespace, &requests).await;
            let Ok(Stamped { connection, reply }) = acquired else {
                sorted.unfilled.extend(bypassed(asking));
                return sorted;
            };
            let guessed = asking
                .iter()
                .zip(&reply)
                .filter(|(open, _)| open.is_absent.is_none());
            self.guess.learn(guessed.map(|(_, acquired)| {
                matches!(acquired, Acquired::Granted { floor } if *floor == UserVersion::NONE)
            }));
            let mut granted = Vec::new();
            for ((mut open, request), answer) in asking.into_iter().zip(requests).zip(reply) {
                match answer {
                    Acquired::Granted { floor } => granted.push(Granted {
                        open,
                        lease: request.lease,
                        floor,
                    }),
                    Acquired::Wait { .. } => {
                        open.is_absent = Some(false);
                        sorted.wait.push(open);
                    }
                    // Something is stored that this release must not replace.
                    Acquired::Found(CacheLookup::Floor { unusable: None, .. }) => {
                        sorted.unfilled.push((open.lead, open.reason));
                    }
                    Acquired::Found(lookup) => {
                        self.sort(loader, open, connection, lookup, &mut sorted);
                    }
                }
            }
            self.load(loader, namespace, granted).await;
            self.correct(loader, std::mem::take(&mut sorted.compare))
                .await;
            asking = std::mem::take(&mut sorted.acquire);
        }
        let left = asking.into_iter().map(|open| (open.lead, open.reason));
        sorted.unfilled.extend(left);
        sorted
    }

    /// Ends a load with what the shared cache holds, and keeps it in this process.
    fn answer(
        &self,
        loader: &Loader,
        open: Open,
        connection: ConnectionEpoch,
        content: Kept,
        ttl: Duration,
    ) {
        if let Some(since) = open.waiting_since {
            let waited = loader.runtime.clock.monotonic().saturating_sub(since);
            loader.observer.observe(CacheEvent::LeaseWaited {
                waited,
                served: true,
            });
        }
        let user = content.user().map(Arc::clone);
        let kept = self.keep(loader, open.lead.id, open.ticket, connection, content, ttl);
        let l1 = self.near.keeps().then_some(TierStatus::Forwarded {
            reason: ForwardReason::Miss,
            stored: kept,
            collapsed: false,
        });
        // What voids everything comes in order with the reply: an era that goes on until now
        // was there when the reply was made.
        let in_order = connection == self.near.connection()
            && connection != ConnectionEpoch::UNTRACKED
            && open.ticket.era() == self.near.era();
        open.lead.finish(Ok(Loaded {
            user,
            trace: ReadTrace {
                l1,
                l2: Some(TierStatus::Hit { ttl }),
            },
            read_at: None,
            lags: false,
            proof: open.proof.filter(|_| in_order),
            current: true,
        }));
    }

    /// Keeps in this process what the tracked connection read; false when it must not be.
    fn keep(
        &self,
        loader: &Loader,
        id: UserId,
        ticket: Ticket,
        connection: ConnectionEpoch,
        content: Kept,
        ttl: Duration,
    ) -> bool {
        if connection == ConnectionEpoch::UNTRACKED {
            return false;
        }
        let ttl = ttl.min(loader.policy.l1_tracked_ttl);
        let kept = self.near.insert(id, ticket, connection, content, ttl);
        if !kept {
            loader.observer.observe(CacheEvent::TicketRefused);
        }
        kept
    }
}

/// A lane of the loads that fill; when it is given back, the next batch begins.
struct FillLane<'l> {
    flow: &'l LeaseFlow,
    loader: &'l Arc<Loader>,
    gone: usize,
}

impl Drop for FillLane<'_> {
    fn drop(&mut self) {
        if let Some(open) = self.flow.line.next(self.gone) {
            self.loader.spawn_fill(open);
        }
    }
}

fn bypassed(open: Vec<Open>) -> Vec<(Lead, ForwardReason)> {
    open.into_iter()
        .map(|open| (open.lead, ForwardReason::Bypass))
        .collect()
}
