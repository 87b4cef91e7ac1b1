use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use roster_domain::UserVersion;
use roster_domain::ports::{
    CacheNamespace, FillOutcome, FillRequest, Filling, Lease, LeaseToken, StoreError,
};

use super::{LeaseFlow, Open};
use crate::CacheEvent;
use crate::batching::Entry;
use crate::caching::flights::Loaded;
use crate::caching::loader::{Loader, Rows, refuse};

/// A load whose lease is held.
pub(super) struct Granted {
    pub(super) open: Open,
    pub(super) lease: Lease,
    /// Every version below it is stale.
    pub(super) floor: UserVersion,
}

impl LeaseFlow {
    /// Loads what the cache does not hold, now or with the next batch.
    pub(super) async fn fill_in_turn(&self, loader: &Arc<Loader>, open: Vec<Open>) {
        if open.is_empty() {
            return;
        }
        // What waits in the line is whoever's takes it from there.
        let driven = open.iter().map(|open| open.lead.stage());
        let driven: Vec<_> = driven.filter(|stage| stage.set_driven(false)).collect();
        match self.line.enter(open) {
            Entry::Go(batches) => {
                for stage in driven {
                    stage.set_driven(true);
                }
                let fills = batches.into_iter().map(|open| self.fill(loader, open));
                join_all(fills).await;
            }
            Entry::Wait => {}
            Entry::Full(open) => refuse(open.into_iter().map(|open| open.lead)),
        }
    }

    /// Reads what leases are held for, in a statement sent after the grant, and fills it in.
    ///
    /// It is not kept in this process: what a filler holds itself, nobody would tell it about.
    /// The next read finds it in the shared cache, by the tracked connection, and keeps that.
    pub(super) async fn load(
        &self,
        loader: &Loader,
        namespace: CacheNamespace,
        granted: Vec<Granted>,
    ) {
        if granted.is_empty() {
            return;
        }
        let leads: Vec<_> = granted.iter().map(|granted| &granted.open.lead).collect();
        let rows = match loader.read_for(&leads).await {
            Ok(rows) => rows,
            Err(error) => return self.put_back(loader, namespace, granted, error).await,
        };
        let loaded = |Granted { open, floor, .. }: &Granted, stored| {
            let user = rows.users.get(&open.lead.id).map(Arc::clone);
            Loaded {
                lags: user.as_ref().is_some_and(|user| user.version < *floor),
                user,
                trace: loader.forwarded(&open.lead, open.reason, stored),
                read_at: Some(rows.read_at),
                proof: None,
                current: stored,
            }
        };
        // Those who asked in time need not wait for the fill.
        for granted in &granted {
            granted.open.lead.tell(loaded(granted, false));
        }
        for granted in &granted {
            granted.open.lead.hand_over().await;
        }
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
            let loaded = loaded(&granted, stored);
            granted.open.lead.finish(Ok(loaded));
        }
    }

    /// Ends loads whose database failed: what the lease replaced is put back where it was
    /// merely below what this caller asked for, and the other leases end.
    ///
    /// A value that is put back was stored when the lease was granted, and nobody invalidated
    /// since, or the fill is refused: it is as right as it was.
    async fn put_back(
        &self,
        loader: &Loader,
        namespace: CacheNamespace,
        granted: Vec<Granted>,
        error: StoreError,
    ) {
        let now = loader.runtime.clock.now();
        let (mut fills, mut leases) = (Vec::new(), Vec::new());
        for Granted { open, lease, .. } in &granted {
            match &open.fallback {
                Some((user, expires_at)) if *expires_at > now => fills.push(FillRequest {
                    lease: *lease,
                    filling: Filling::User(Arc::clone(user), *expires_at),
                    ttl: expires_at.since(now),
                }),
                _ => leases.push(*lease),
            }
        }
        // If these fail too, the leases end by themselves.
        if !fills.is_empty() {
            let _ = self.cache.fill_many(namespace, &fills).await;
        }
        if !leases.is_empty() {
            let _ = self.cache.release_many(&leases).await;
        }
        let error = Arc::new(error);
        for granted in granted {
            granted.open.lead.finish(Err(Arc::clone(&error)));
        }
    }
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
