use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use roster_domain::ports::StoreError;
use roster_domain::{User, UserId, UserVersion};
use tokio::sync::Semaphore;

use super::driven::Driven;
use super::flights::{Lead, Loaded, Stage};
use super::lease_flow::{LeaseFlow, Open};
use super::near_cache::{Kept, NearCache};
use super::policy::CachePolicy;
use super::turnstiles::Turnstiles;
use crate::batching::{Batched, Entry, Line, Users, Waits};
use crate::{CacheEvent, CacheObserver, ForwardReason, ReadTrace, Runtime, TierStatus};

/// Runs the loads of this process: a caller that goes away cancels nothing.
/// What is asked for while others are on their way goes as one batch.
pub(super) struct Loader {
    pub(super) line: Line<Lead>,
    pub(super) users: Arc<Batched<Users>>,
    pub(super) near: Arc<NearCache>,
    pub(super) leases: Option<LeaseFlow>,
    pub(super) policy: CachePolicy,
    pub(super) observer: Arc<dyn CacheObserver>,
    pub(super) runtime: Runtime,
    /// Bounds the loads that fill nothing: what is left when the shared cache fails.
    pub(super) unfilled: Semaphore,
    /// One read of a row at a time.
    pub(super) turnstiles: Turnstiles,
}

impl Waits for Lead {}

/// The rows of one read, by id, and when it began.
pub(super) struct Rows {
    pub(super) users: HashMap<UserId, Arc<User>>,
    /// On the monotonic clock.
    pub(super) read_at: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("the load panicked")]
struct Panicked;

#[derive(Debug, thiserror::Error)]
#[error("no load was admitted")]
struct NotAdmitted;

#[derive(Debug, thiserror::Error)]
#[error("too many loads wait")]
struct Crowded;

/// A lane of the line; when it is given back, the next batch begins.
pub(super) struct Lane<'l> {
    loader: &'l Arc<Loader>,
    gone: usize,
}

impl Loader {
    /// Loads users, now or with the next batch, and ends every lead. The load of one who waits for
    /// nobody else is his to run, where he may and it can go at once.
    pub(super) fn start(self: &Arc<Self>, leads: Vec<Lead>, may_drive: bool) -> Option<Driven> {
        let mut own = leads.first().filter(|_| may_drive).map(Lead::stage);
        let mut driven = None;
        match self.line.enter(leads) {
            Entry::Go(batches) => {
                for leads in batches {
                    let is_own =
                        |stage: &mut Arc<Stage>| matches!(&*leads, [lead] if lead.is_at(stage));
                    match own.take_if(is_own) {
                        Some(stage) => driven = Some(self.drive(leads, stage)),
                        None => self.spawn(leads),
                    }
                }
            }
            Entry::Wait => {}
            Entry::Full(leads) => refuse(leads),
        }
        driven
    }

    fn drive(self: &Arc<Self>, leads: Vec<Lead>, stage: Arc<Stage>) -> Driven {
        let load = AssertUnwindSafe(Arc::clone(self).run(leads)).catch_unwind();
        let tasks = Arc::clone(&self.runtime.tasks);
        Driven::new(Box::pin(load.map(drop)), stage, tasks)
    }

    fn spawn(self: &Arc<Self>, leads: Vec<Lead>) {
        let run = Arc::clone(self).run(leads);
        self.runtime.tasks.spawn(Box::pin(run));
    }

    /// Begins a batch whose lane is taken.
    pub(super) fn spawn_fill(self: &Arc<Self>, open: Vec<Open>) {
        let loader = Arc::clone(self);
        self.runtime.tasks.spawn(Box::pin(async move {
            if let Some(flow) = &loader.leases {
                flow.fill(&loader, open).await;
            }
        }));
    }

    async fn run(self: Arc<Self>, leads: Vec<Lead>) {
        let lane = Lane {
            loader: &self,
            gone: leads.len(),
        };
        match &self.leases {
            Some(flow) => flow.run(&self, leads, lane).await,
            None => self.read_store(leads).await,
        }
    }

    /// Loads from the store alone; what it says is kept in this process where that is allowed.
    async fn read_store(&self, leads: Vec<Lead>) {
        let rows = self.begin(&leads).await;
        for lead in leads {
            let result = rows.as_ref().map_err(Arc::clone).map(|rows| {
                let user = rows.users.get(&lead.id).map(Arc::clone);
                let current = self.keep(&lead, user.as_ref());
                let reason = if lead.strong {
                    ForwardReason::Request
                } else {
                    ForwardReason::Miss
                };
                let l1 = self.near.keeps().then_some(TierStatus::Forwarded {
                    reason,
                    stored: current,
                    collapsed: false,
                });
                let trace = ReadTrace { l1, l2: None };
                Loaded {
                    user,
                    trace,
                    read_at: Some(rows.read_at),
                    lags: false,
                    proof: None,
                    current,
                }
            });
            lead.finish(result);
        }
    }

    /// Keeps a row that the only writer read; true when nobody changed it meanwhile. Where
    /// other processes write, nothing tells whether they did.
    fn keep(&self, lead: &Lead, user: Option<&Arc<User>>) -> bool {
        if !self.near.is_local() {
            return false;
        }
        let (content, ttl) = if let Some(user) = user {
            (Kept::User(Arc::clone(user)), self.policy.l1_ttl)
        } else {
            let floor = UserVersion::NONE;
            (Kept::Absent { floor }, self.policy.absent_ttl)
        };
        let (id, ticket) = (lead.id, lead.ticket);
        let kept = self.near.insert(id, ticket, NearCache::LOCAL, content, ttl);
        if !kept {
            self.observer.observe(CacheEvent::TicketRefused);
        }
        kept
    }

    /// Loads from the store without filling the shared cache, a bounded number at once.
    pub(super) async fn read_unfilled(&self, leads: Vec<(Lead, ForwardReason)>) {
        if leads.is_empty() {
            return;
        }
        let (leads, reasons): (Vec<Lead>, Vec<ForwardReason>) = leads.into_iter().unzip();
        for lead in &leads {
            lead.queue();
        }
        let ids: Vec<UserId> = leads.iter().map(|lead| lead.id).collect();
        // In this order: who waits for another's read keeps no third one from reading.
        let _turn = self.turnstiles.pass(&ids).await;
        let permit = self.unfilled.acquire().await;
        for lead in &leads {
            lead.begin_read();
        }
        let rows = match permit {
            Ok(_) => self.find(&ids).await.map_err(Arc::new),
            Err(_) => Err(Arc::new(StoreError::Unavailable(Box::new(NotAdmitted)))),
        };
        for (lead, reason) in leads.into_iter().zip(reasons) {
            let result = rows.as_ref().map_err(Arc::clone).map(|rows| Loaded {
                user: rows.users.get(&lead.id).map(Arc::clone),
                trace: self.forwarded(&lead, reason, false),
                read_at: Some(rows.read_at),
                lags: false,
                proof: None,
                // Other processes write too, and nothing tells that none did.
                current: false,
            });
            lead.finish(result);
        }
    }

    /// What the tiers did for a load that the shared cache did not answer.
    pub(super) fn forwarded(&self, lead: &Lead, reason: ForwardReason, stored: bool) -> ReadTrace {
        let reason = if lead.strong {
            ForwardReason::Request
        } else {
            reason
        };
        let l1 = self.near.keeps().then_some(TierStatus::Forwarded {
            reason: if lead.strong {
                ForwardReason::Request
            } else {
                ForwardReason::Miss
            },
            stored: false,
            collapsed: false,
        });
        ReadTrace {
            l1,
            l2: Some(TierStatus::Forwarded {
                reason,
                stored,
                collapsed: false,
            }),
        }
    }

    /// Reads the rows of these leads; who joins them later asked after the store was.
    pub(super) async fn begin(&self, leads: &[Lead]) -> Result<Rows, Arc<StoreError>> {
        let leads: Vec<&Lead> = leads.iter().collect();
        self.read_for(&leads).await.map_err(Arc::new)
    }

    /// The same for leads that are held by others.
    pub(super) async fn read_for(&self, leads: &[&Lead]) -> Result<Rows, StoreError> {
        for lead in leads {
            lead.queue();
        }
        let ids: Vec<UserId> = leads.iter().map(|lead| lead.id).collect();
        let _turn = self.turnstiles.pass(&ids).await;
        for lead in leads {
            lead.begin_read();
        }
        self.find(&ids).await
    }

    /// Reads rows in one batch, when nobody else here reads one of them.
    pub(super) async fn read(&self, ids: &[UserId]) -> Result<Rows, StoreError> {
        let _turn = self.turnstiles.pass(ids).await;
        self.find(ids).await
    }

    async fn find(&self, ids: &[UserId]) -> Result<Rows, StoreError> {
        let read_at = self.runtime.clock.monotonic();
        // A panic in an adapter must not leave a lease behind.
        let found = AssertUnwindSafe(self.users.ask_many(ids))
            .catch_unwind()
            .await;
        let users = found.unwrap_or_else(|_| Err(StoreError::Unavailable(Box::new(Panicked))))?;
        let users = users.into_iter().flatten();
        Ok(Rows {
            users: users.map(|user| (user.id, user)).collect(),
            read_at,
        })
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        if let Some(leads) = self.loader.line.next(self.gone) {
            self.loader.spawn(leads);
        }
    }
}

/// Ends loads that nobody can begin.
pub(super) fn refuse(leads: impl IntoIterator<Item = Lead>) {
    let error = Arc::new(StoreError::Unavailable(Box::new(Crowded)));
    for lead in leads {
        lead.finish(Err(Arc::clone(&error)));
    }
}
