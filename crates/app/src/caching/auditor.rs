use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use roster_domain::ports::{CacheLookup, StoreError, UserCache};
use roster_domain::{UserId, UserVersion};

use super::namespace::Namespace;
use super::near_cache::{Kept, NearCache};
use crate::batching::{Batched, Users};
use crate::{CacheEvent, CacheObserver, Runtime, Tier};

/// Looks whether the tiers come to agree, by a sample of the keys that change.
///
/// It notes the version that the row of a changed key has, and looks 1, 10 and 60 seconds
/// later whether this process or the shared cache still holds an older one, or one that the
/// row never reached.
pub(super) struct Auditor {
    users: Arc<Batched<Users>>,
    cache: Arc<dyn UserCache>,
    namespace: Arc<Namespace>,
    near: Arc<NearCache>,
    noted: Mutex<Vec<UserId>>,
    /// No key is noted before, in milliseconds of the monotonic clock.
    next_note_at: AtomicU64,
    samples: Mutex<[VecDeque<Sample>; HORIZONS.len()]>,
    observer: Arc<dyn CacheObserver>,
    runtime: Runtime,
}

/// How long after a change the tiers are looked at.
pub(super) const HORIZONS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_mins(1),
];

/// A key that changed, and what its row was shortly afterwards.
#[derive(Clone, Copy)]
struct Sample {
    id: UserId,
    version: Option<UserVersion>,
    /// When the row was read, on the monotonic clock.
    at: Duration,
}

/// What one tier holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holding {
    Nothing,
    Absence,
    Version(UserVersion),
}

impl Auditor {
    const ROUND: Duration = Duration::from_secs(1);
    /// Ten keys a second: enough to see a fault, and two small queries a second.
    const NOTE_EVERY_MS: u64 = 100;

    /// One that notes nothing finds nothing to look at, and makes no query.
    pub(super) fn new(
        notes: bool,
        users: Arc<Batched<Users>>,
        cache: Arc<dyn UserCache>,
        namespace: Arc<Namespace>,
        near: Arc<NearCache>,
        observer: Arc<dyn CacheObserver>,
        runtime: Runtime,
    ) -> Self {
        Self {
            users,
            cache,
            namespace,
            near,
            noted: Mutex::default(),
            next_note_at: AtomicU64::new(if notes { 0 } else { u64::MAX }),
            samples: Mutex::default(),
            observer,
            runtime,
        }
    }

    /// Takes a key that changed into the sample, now and then. Does not block.
    pub(super) fn note(&self, id: UserId) {
        let now = self.runtime.clock.monotonic().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let due = self.next_note_at.load(Ordering::Relaxed);
        let next = now.saturating_add(Self::NOTE_EVERY_MS);
        let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
        if now >= due
            && self
                .next_note_at
                .compare_exchange(due, next, success, failure)
                .is_ok()
            && let Ok(mut noted) = self.noted.try_lock()
        {
            noted.push(id);
        }
    }

    /// Audits every second; never ends.
    pub(super) async fn run(&self) {
        loop {
            self.runtime.clock.sleep(Self::ROUND).await;
            // A tier that cannot be read has nothing to be audited.
            let _ = self.round().await;
        }
    }

    /// Looks at the samples that are due, and reads the rows of what was noted since the last round.
    pub(super) async fn round(&self) -> Result<(), StoreError> {
        for (horizon, after) in HORIZONS.into_iter().enumerate() {
            let due = self.due(horizon, after);
            if !due.is_empty() {
                self.audit(&due, after).await?;
            }
        }
        let noted = std::mem::take(&mut *lock(&self.noted));
        if noted.is_empty() {
            return Ok(());
        }
        let at = self.runtime.clock.monotonic();
        let versions = self.versions(&noted).await?;
        let mut samples = lock(&self.samples);
        for id in noted {
            let version = versions.get(&id).copied();
            for queue in &mut *samples {
                queue.push_back(Sample { id, version, at });
            }
        }
        Ok(())
    }

    fn due(&self, horizon: usize, after: Duration) -> Vec<Sample> {
        let now = self.runtime.clock.monotonic();
        let queue = &mut lock(&self.samples)[horizon];
        let many = queue.partition_point(|sample| now.saturating_sub(sample.at) >= after);
        queue.drain(..many).collect()
    }

    async fn audit(&self, due: &[Sample], after: Duration) -> Result<(), StoreError> {
        let ids: Vec<UserId> = due.iter().map(|sample| sample.id).collect();
        let Some(namespace) = self.namespace.current().await else {
            return Ok(());
        };
        let near = ids.iter().map(|id| match self.near.get(*id) {
            None => Holding::Nothing,
            Some(hit) => match hit.content {
                Kept::User(user) => Holding::Version(user.version),
                Kept::Absent { .. } => Holding::Absence,
            },
        });
        let near: Vec<Holding> = near.collect();
        let Ok(shared) = self.cache.get_many(namespace, &ids).await else {
            return Ok(());
        };
        // After the tiers: what they hold is never newer than this.
        let versions = self.versions(&ids).await?;
        for ((sample, near), shared) in due.iter().zip(near).zip(shared.reply) {
            let shared = match shared {
                CacheLookup::Value { user, .. } => Holding::Version(user.version),
                CacheLookup::Absent { .. } => Holding::Absence,
                CacheLookup::Floor { .. } | CacheLookup::Leased { .. } => Holding::Nothing,
            };
            let current = versions.get(&sample.id).copied();
            let tiers = [(Tier::L1, near), (Tier::L2, shared)];
            let tiers = tiers.map(|(tier, holds)| (tier, agrees(holds, sample.version, current)));
            if !tiers.iter().all(|(_, agrees)| *agrees) {
                tracing::error!(
                    user.id = %sample.id,
                    cache.l1 = ?near,
                    cache.l2 = ?shared,
                    row.then = ?sample.version,
                    row.now = ?current,
                    "a cache holds what the row was not for {} s",
                    after.as_secs()
                );
            }
            for (tier, agrees) in tiers {
                self.observer.observe(CacheEvent::Audited {
                    after,
                    tier,
                    agrees,
                });
            }
        }
        Ok(())
    }

    async fn versions(&self, ids: &[UserId]) -> Result<HashMap<UserId, UserVersion>, StoreError> {
        let users = self.users.ask_many(ids).await?;
        Ok(users
            .into_iter()
            .flatten()
            .map(|user| (user.id, user.version))
            .collect())
    }
}

/// Whether a tier may hold this, when the row was at `then` a while ago and is at `now`.
fn agrees(holding: Holding, then: Option<UserVersion>, now: Option<UserVersion>) -> bool {
    match holding {
        Holding::Nothing => true,
        Holding::Version(held) => {
            let is_recent = then.is_none_or(|then| held >= then);
            // A row that is gone by now may have been there until just now.
            let is_real = now.is_none_or(|now| held <= now);
            is_recent && is_real && (then.is_some() || now.is_some())
        }
        // Between two versions it may have been gone.
        Holding::Absence => then.is_none() || now != then,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
