use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use roster_domain::ports::{CacheLookup, StoreError, UserCache};
use roster_domain::{UserId, UserVersion};

use super::namespace::Namespace;
use super::near_cache::{Kept, NearCache};
use crate::batching::{Batched, Users};
use crate::{CacheEvent, CacheObserver, Runtime};

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
            let agrees = [near, shared]
                .into_iter()
                .all(|tier| agrees(tier, sample.version, current));
            if !agrees {
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
            self.observer.observe(CacheEvent::Audited { after, agrees });
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
mod tests {
    use std::sync::atomic::AtomicUsize;

    use roster_adapters_memory::{ManualClock, SequentialIds, TokioSpawner};
    use roster_domain::Timestamp;
    use roster_domain::ports::{
        CacheNamespace, ConnectionEpoch, MockChangeLog, MockUserCache, MockUserRepository,
        SeenBytes, Stamped,
    };

    use super::*;
    use crate::caching::test_users::{id, user};

    #[test]
    fn a_tier_may_hold_what_the_row_was_since_then() {
        use Holding::{Absence, Nothing, Version};
        let version = |number| Version(UserVersion::new(number));
        let at = |number| Some(UserVersion::new(number));
        for (holding, then, now, expected) in [
            (Nothing, at(3), at(3), true),
            (version(3), at(3), at(3), true),
            (version(2), at(3), at(3), false),
            (version(4), at(3), at(5), true),
            (version(6), at(3), at(5), false),
            (version(3), at(3), None, true),
            (version(2), at(3), None, false),
            (version(3), None, None, false),
            (version(4), None, at(4), true),
            (Absence, at(3), at(3), false),
            (Absence, at(3), at(5), true),
            (Absence, at(3), None, true),
            (Absence, None, None, true),
        ] {
            assert_eq!(
                agrees(holding, then, now),
                expected,
                "{holding:?} {then:?} {now:?}"
            );
        }
    }

    /// Audits one change of a user whose row is at 2, where the shared cache holds this version;
    /// how often the row was read, and what was found a second later.
    async fn audited(notes: bool, held: u64) -> (usize, Vec<CacheEvent>) {
        let clock = Arc::new(ManualClock::default());
        let runtime = Runtime {
            clock: Arc::clone(&clock) as _,
            ids: Arc::new(SequentialIds::default()),
            tasks: Arc::new(TokioSpawner),
        };
        let reads = Arc::new(AtomicUsize::default());
        let mut users = MockUserRepository::new();
        let counted = Arc::clone(&reads);
        users.expect_find_many().returning(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(vec![(*user(1, 2)).clone()])
        });
        let mut cache = MockUserCache::new();
        cache.expect_get_many().returning(move |_, _| {
            Ok(Stamped {
                connection: ConnectionEpoch::UNTRACKED,
                reply: vec![CacheLookup::Value {
                    user: user(1, held),
                    expires_at: Timestamp::UNIX_EPOCH,
                    seen: SeenBytes((*b"value").into()),
                }],
            })
        });
        let mut change_log = MockChangeLog::new();
        change_log.expect_namespace().returning(|| {
            Ok(CacheNamespace {
                database: 1,
                epoch: 2,
            })
        });
        let near = Arc::new(NearCache::counting(Arc::clone(&runtime.clock)));
        let found = Arc::new(Heard::default());
        let auditor = Auditor::new(
            notes,
            Arc::new(Batched::new(Users(Arc::new(users)), 1, runtime.clone())),
            Arc::new(cache),
            Arc::new(Namespace::new(
                Arc::new(change_log),
                Arc::clone(&near),
                runtime.clone(),
            )),
            near,
            Arc::clone(&found) as _,
            runtime,
        );
        auditor.note(id(1));
        auditor.round().await.unwrap();
        clock.advance(HORIZONS[0]);
        auditor.round().await.unwrap();
        let found = found.0.lock().unwrap().clone();
        (reads.load(Ordering::Relaxed), found)
    }

    #[derive(Default)]
    struct Heard(Mutex<Vec<CacheEvent>>);

    impl CacheObserver for Heard {
        fn observe(&self, event: CacheEvent) {
            self.0.lock().unwrap().push(event);
        }
    }

    #[tokio::test]
    async fn a_change_is_looked_at_a_second_later() {
        for (held, agrees) in [(2, true), (1, false)] {
            let after = HORIZONS[0];
            let found = vec![CacheEvent::Audited { after, agrees }];
            assert_eq!(audited(true, held).await, (2, found), "{held}");
        }
    }

    #[tokio::test]
    async fn one_that_notes_nothing_makes_no_query() {
        assert_eq!(audited(false, 1).await, (0, Vec::new()));
    }
}
