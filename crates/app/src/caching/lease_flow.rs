use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::{
    AcquireRequest, Acquired, CacheLookup, CacheNamespace, FillOutcome, FillRequest, Filling,
    Invalidation, Lease, LeaseToken, SeenBytes, UserCache,
};
use roster_domain::{User, UserId, UserVersion};

use super::flights::{Lead, Loaded};
use super::loader::{Loader, Rows};
use super::namespace::Namespace;
use super::pending_floors::PendingFloors;
use crate::{CacheEvent, ForwardReason, ReadTrace, TierStatus};

/// Loads through the shared cache: what it holds, else the right to load, else a short wait
/// for whoever has that right, else the store without filling.
pub(super) struct LeaseFlow {
    pub(super) cache: Arc<dyn UserCache>,
    pub(super) namespace: Arc<Namespace>,
    pub(super) pending: Arc<PendingFloors>,
}

/// A load that the cache has not answered yet.
struct Open {
    lead: Lead,
    /// The bytes that are stored and cannot be used.
    unusable: Option<SeenBytes>,
    reason: ForwardReason,
    /// Since when it waits for the lease of another, on the monotonic clock.
    waiting_since: Option<Duration>,
}

/// A load whose lease is held.
struct Granted {
    open: Open,
    lease: Lease,
    floor: UserVersion,
}

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

/// What a forced read found in the cache.
#[derive(Clone, Copy)]
enum Stored {
    Version(UserVersion),
    Absence,
}

impl LeaseFlow {
    /// When a waiting read looks again, counted from the first look.
    const POLLS_MS: [u64; 6] = [2, 5, 10, 20, 35, 50];
    /// How often a value that turns up and cannot be used is passed over.
    const ACQUIRES: usize = 3;

    /// Loads users and ends every lead.
    pub(super) async fn run(&self, loader: &Loader, leads: Vec<Lead>) {
        let Some(namespace) = self.namespace.current().await else {
            return loader.read_unfilled(bypassed(leads)).await;
        };
        let mut open: Vec<Open> = leads
            .into_iter()
            .map(|lead| Open {
                lead,
                unusable: None,
                reason: ForwardReason::Miss,
                waiting_since: None,
            })
            .collect();
        let started = loader.runtime.clock.monotonic();
        let mut polls = Self::POLLS_MS.iter().map(|ms| Duration::from_millis(*ms));
        loop {
            let mut sorted = self.look_up(loader, namespace, open).await;
            self.correct(loader, std::mem::take(&mut sorted.compare))
                .await;
            self.acquire(loader, namespace, &mut sorted).await;
            loader
                .read_unfilled(std::mem::take(&mut sorted.unfilled))
                .await;
            open = sorted.wait;
            if open.is_empty() {
                return;
            }
            let waited = loader.runtime.clock.monotonic().saturating_sub(started);
            let Some(next) = polls.find(|poll| *poll > waited && *poll <= loader.policy.lease_wait)
            else {
                for _ in &open {
                    loader.observer.observe(CacheEvent::LeaseWaited {
                        waited,
                        served: false,
                    });
                }
                return loader
                    .read_unfilled(
                        open.into_iter()
                            .map(|open| (open.lead, open.reason))
                            .collect(),
                    )
                    .await;
            };
            for open in &mut open {
                open.waiting_since.get_or_insert(started);
            }
            loader
                .runtime
                .clock
                .sleep(next.saturating_sub(waited))
                .await;
        }
    }

    /// Ends the loads that the cache can answer and sorts the others.
    async fn look_up(&self, loader: &Loader, namespace: CacheNamespace, open: Vec<Open>) -> Sorted {
        let mut sorted = Sorted::default();
        let ids: Vec<UserId> = open.iter().map(|open| open.lead.id).collect();
        let Ok(found) = self.cache.get_many(namespace, &ids).await else {
            sorted.unfilled = open
                .into_iter()
                .map(|open| (open.lead, ForwardReason::Bypass))
                .collect();
            return sorted;
        };
        for (open, lookup) in open.into_iter().zip(found.reply) {
            self.sort(loader, open, lookup, &mut sorted);
        }
        sorted
    }

    /// Ends one load with what the cache holds, or says what happens next.
    fn sort(&self, loader: &Loader, mut open: Open, lookup: CacheLookup, sorted: &mut Sorted) {
        let least = open.lead.min_version.max(self.pending.of(open.lead.id));
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
                answer(loader, open, Some(user), ttl);
            }
            CacheLookup::Absent { floor, .. } if floor >= least => {
                answer(loader, open, None, Duration::ZERO);
            }
            CacheLookup::Value { seen, .. } | CacheLookup::Absent { seen, .. } => {
                open.unusable = Some(seen);
                open.reason = ForwardReason::Stale;
                sorted.acquire.push(open);
            }
            CacheLookup::Floor { unusable, .. } => {
                open.unusable = unusable;
                sorted.acquire.push(open);
            }
            CacheLookup::Leased { .. } => sorted.wait.push(open),
        }
    }

    /// Asks for the leases, loads what was granted and fills it in.
    async fn acquire(&self, loader: &Loader, namespace: CacheNamespace, sorted: &mut Sorted) {
        for _ in 0..Self::ACQUIRES {
            let asking = std::mem::take(&mut sorted.acquire);
            if asking.is_empty() {
                return;
            }
            let requests: Vec<AcquireRequest> = asking
                .iter()
                .map(|open| AcquireRequest {
                    lease: Lease {
                        id: open.lead.id,
                        token: LeaseToken(loader.runtime.ids.random_token()),
                    },
                    hold_for: loader.policy.lease_ttl,
                    unusable: open.unusable.clone(),
                })
                .collect();
            let Ok(acquired) = self.cache.acquire_many(namespace, &requests).await else {
                sorted.unfilled.extend(
                    asking
                        .into_iter()
                        .map(|open| (open.lead, ForwardReason::Bypass)),
                );
                return;
            };
            let mut granted = Vec::new();
            for ((open, request), answer) in asking.into_iter().zip(requests).zip(acquired.reply) {
                match answer {
                    Acquired::Granted { floor } => granted.push(Granted {
                        open,
                        lease: request.lease,
                        floor,
                    }),
                    Acquired::Wait { .. } => sorted.wait.push(open),
                    // Something is stored that this release must not replace.
                    Acquired::Found(CacheLookup::Floor { unusable: None, .. }) => {
                        sorted.unfilled.push((open.lead, open.reason));
                    }
                    Acquired::Found(lookup) => self.sort(loader, open, lookup, sorted),
                }
            }
            self.load(loader, namespace, granted).await;
            self.correct(loader, std::mem::take(&mut sorted.compare))
                .await;
        }
        let left = std::mem::take(&mut sorted.acquire);
        sorted
            .unfilled
            .extend(left.into_iter().map(|open| (open.lead, open.reason)));
    }

    /// Reads what leases are held for, in a statement sent after the grant, and fills it in.
    async fn load(&self, loader: &Loader, namespace: CacheNamespace, granted: Vec<Granted>) {
        if granted.is_empty() {
            return;
        }
        for granted in &granted {
            granted.open.lead.begin_read();
        }
        let ids: Vec<UserId> = granted.iter().map(|granted| granted.open.lead.id).collect();
        let rows = match loader.read(&ids).await {
            Ok(rows) => rows,
            Err(error) => {
                let leases: Vec<Lease> = granted.iter().map(|granted| granted.lease).collect();
                // If this fails too, the leases end by themselves.
                let _ = self.cache.release_many(&leases).await;
                let error = Arc::new(error);
                for granted in granted {
                    granted.open.lead.finish(Err(Arc::clone(&error)));
                }
                return;
            }
        };
        let fills: Vec<FillRequest> = granted
            .iter()
            .map(|granted| fill(loader, granted, &rows))
            .collect();
        let outcomes = self
            .cache
            .fill_many(namespace, &fills)
            .await
            .unwrap_or_default();
        for (index, granted) in granted.into_iter().enumerate() {
            let outcome = outcomes.get(index).copied();
            if let Some(outcome) = outcome {
                loader.observer.observe(CacheEvent::Filled(outcome));
            }
            if outcome == Some(FillOutcome::StaleSource) {
                loader.observer.observe(CacheEvent::StaleSource);
            }
            let stored = outcome == Some(FillOutcome::Stored);
            let Open { lead, reason, .. } = granted.open;
            let loaded = Loaded {
                user: rows.users.get(&lead.id).map(Arc::clone),
                trace: Loader::forwarded(&lead, reason, stored),
                read_at: Some(rows.read_at),
                current: stored,
            };
            lead.finish(Ok(loaded));
        }
    }

    /// Forced reads over something stored: reads the rows and takes out what they show to be stale.
    async fn correct(&self, loader: &Loader, compare: Vec<(Lead, Stored)>) {
        if compare.is_empty() {
            return;
        }
        let (leads, stored): (Vec<Lead>, Vec<Stored>) = compare.into_iter().unzip();
        let rows = loader.begin(&leads).await;
        if let Ok(rows) = &rows {
            let stale: Vec<Invalidation> = leads
                .iter()
                .zip(stored)
                .filter_map(|(lead, stored)| stale_below(lead.id, stored, &rows.users))
                .collect();
            if !stale.is_empty() {
                // The row is answered either way.
                let _ = self.cache.invalidate_many(&stale).await;
            }
        }
        for lead in leads {
            let result = rows.as_ref().map_err(Arc::clone).map(|rows| Loaded {
                user: rows.users.get(&lead.id).map(Arc::clone),
                trace: Loader::forwarded(&lead, ForwardReason::Request, false),
                read_at: Some(rows.read_at),
                current: false,
            });
            lead.finish(result);
        }
    }
}

/// The floor by which what is stored falls, when the row says that it must.
fn stale_below(
    id: UserId,
    stored: Stored,
    rows: &HashMap<UserId, Arc<User>>,
) -> Option<Invalidation> {
    let floor = match (stored, rows.get(&id)) {
        (Stored::Version(stored), Some(user)) if user.version > stored => user.version,
        (Stored::Version(stored), None) => stored.next(),
        (Stored::Absence, Some(user)) => user.version,
        (Stored::Version(_), Some(_)) | (Stored::Absence, None) => return None,
    };
    Some(Invalidation { id, floor })
}

fn fill(loader: &Loader, granted: &Granted, rows: &Rows) -> FillRequest {
    let policy = &loader.policy;
    let (filling, ttl) = match rows.users.get(&granted.lease.id) {
        Some(user) => {
            let ttl = jittered(policy.value_ttl, granted.lease.token);
            (
                Filling::User(Arc::clone(user), loader.runtime.clock.now().plus(ttl)),
                ttl,
            )
        }
        None => (Filling::Absent(granted.floor), policy.absent_ttl),
    };
    FillRequest {
        lease: granted.lease,
        filling,
        ttl,
    }
}

/// ±10 %, so that what was loaded together does not end together.
fn jittered(ttl: Duration, token: LeaseToken) -> Duration {
    let [a, b, ..] = token.0;
    let share = f64::from(u16::from_be_bytes([a, b])) / f64::from(u16::MAX);
    ttl.mul_f64(0.9 + 0.2 * share)
}

fn answer(loader: &Loader, open: Open, user: Option<Arc<User>>, ttl: Duration) {
    if let Some(since) = open.waiting_since {
        let waited = loader.runtime.clock.monotonic().saturating_sub(since);
        loader.observer.observe(CacheEvent::LeaseWaited {
            waited,
            served: true,
        });
    }
    let trace = ReadTrace {
        l1: None,
        l2: Some(TierStatus::Hit { ttl }),
    };
    open.lead.finish(Ok(Loaded {
        user,
        trace,
        read_at: None,
        current: true,
    }));
}

fn bypassed(leads: Vec<Lead>) -> Vec<(Lead, ForwardReason)> {
    leads
        .into_iter()
        .map(|lead| (lead, ForwardReason::Bypass))
        .collect()
}
