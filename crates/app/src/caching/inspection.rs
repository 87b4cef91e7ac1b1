use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::{BoxError, CacheError, CacheLookup, ConnectionEpoch, StoreError};
use roster_domain::{Timestamp, UserId, UserVersion};

use super::cached_users::CachedUsers;
use super::near_cache::Kept;
use crate::{StalenessBound, Tier};

/// The caches as an operator sees them; counts are those of this process since its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOverview {
    /// The cache in this process; `None` where there is none.
    pub l1: Option<L1Overview>,
    /// The shared cache; `None` where there is none.
    pub shared: Option<SharedOverview>,
    /// Reads that each tier answered: the cache in this process, the shared one, the store.
    pub answers: [u64; 3],
    /// Cached answers that came without a bound.
    pub unproven: u64,
}

/// The cache in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L1Overview {
    /// Entries, those included that are void and not yet replaced.
    pub entries: u64,
    /// Their octets, as reckoned.
    pub octets: u64,
    /// How many octets it may hold.
    pub capacity: u64,
}

/// The shared cache, and what keeps it right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedOverview {
    /// Whether a tracked connection tells of changes.
    pub tracked: bool,
    /// How old an answer from a cache may be just now.
    pub bound: StalenessBound,
    /// How far the watermark was behind the shared cache's time when it was read last.
    pub watermark_behind: Option<Duration>,
    /// How old the oldest change was that the last round of this process's relay found pending;
    /// `None` while another process's looks.
    pub relay_lag: Option<Duration>,
    /// Changes that this process's relay delivered.
    pub relayed: u64,
    /// Rounds of this process's relay that failed.
    pub relay_failures: u64,
    /// Invalidations of this process that the shared cache has not acknowledged.
    pub pending: u64,
}

/// One user in every tier.
#[derive(Debug)]
pub struct CachedKey {
    /// In this process.
    pub l1: Held,
    /// In the shared cache; the error when it did not answer, `None` where there is none.
    pub l2: Option<Result<Held, BoxError>>,
    /// The row; `None` when there is no such user.
    pub row: Result<Option<UserVersion>, StoreError>,
}

/// What a tier holds for one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Nothing.
    Nothing,
    /// The user.
    Value {
        /// At this version.
        version: UserVersion,
        /// How long it is still kept.
        ttl: Duration,
    },
    /// That there is no such user.
    Absent,
    /// That every version below this one is stale.
    Floor(UserVersion),
    /// That somebody is loading.
    Leased {
        /// Every version below it is stale.
        floor: UserVersion,
    },
}

#[derive(Debug, thiserror::Error)]
#[error("the database has not told yet whose values the shared cache holds")]
struct NamespaceUnknown;

impl CachedUsers {
    /// What an operator asks about first.
    pub(crate) fn overview(&self) -> CacheOverview {
        let (entries, octets) = self.near.size();
        let l1 = self.near.keeps().then_some(L1Overview {
            entries,
            octets,
            capacity: self.policy.l1_octets,
        });
        let shared = self.shared.as_ref().map(|shared| {
            let (relayed, relay_failures) = self.tally.relay();
            let now = self.runtime.clock.monotonic();
            let proof = shared.proofs.latest();
            let proof = proof.filter(|proof| proof.holds_in(self.near.era()));
            SharedOverview {
                tracked: self.near.connection() != ConnectionEpoch::UNTRACKED,
                bound: proof.map_or(StalenessBound::Unproven, |proof| {
                    StalenessBound::Proven(proof.bound(now))
                }),
                watermark_behind: self.tally.behind(),
                relay_lag: self.tally.lag(),
                relayed,
                relay_failures,
                pending: self.pending.len() as u64,
            }
        });
        CacheOverview {
            l1,
            shared,
            answers: [Tier::L1, Tier::L2, Tier::Database].map(|tier| self.tally.answers(tier)),
            unproven: self.tally.unproven(),
        }
    }

    /// One user in every tier, each read by itself.
    pub(crate) async fn inspect(&self, id: UserId) -> CachedKey {
        let l1 = match self.near.get(id) {
            None => Held::Nothing,
            Some(hit) => match hit.content {
                Kept::User(user) => Held::Value {
                    version: user.version,
                    ttl: hit.left,
                },
                Kept::Absent { .. } => Held::Absent,
            },
        };
        let l2 = match &self.shared {
            None => None,
            Some(shared) => Some(match shared.namespace.current().await {
                None => Err(NamespaceUnknown.into()),
                Some(namespace) => {
                    let found = shared.cache.get_many(namespace, &[id]).await;
                    let held = found.map(|mut found| {
                        found
                            .reply
                            .pop()
                            .map_or(Held::Nothing, |found| self.held(found))
                    });
                    held.map_err(BoxError::from)
                }
            }),
        };
        let row = self.users.ask(id).await;
        let row = row.map(|user| user.map(|user| user.version));
        CachedKey { l1, l2, row }
    }

    fn held(&self, found: CacheLookup) -> Held {
        let now: Timestamp = self.runtime.clock.now();
        match found {
            CacheLookup::Value {
                user, expires_at, ..
            } => Held::Value {
                version: Arc::unwrap_or_clone(user).version,
                ttl: expires_at.since(now),
            },
            CacheLookup::Absent { .. } => Held::Absent,
            CacheLookup::Floor { floor, .. } if floor == UserVersion::NONE => Held::Nothing,
            CacheLookup::Floor { floor, .. } => Held::Floor(floor),
            CacheLookup::Leased { floor } => Held::Leased { floor },
        }
    }

    /// Takes a user out of every tier; the error when the shared cache did not do it. Other
    /// processes drop what they keep as soon as they are told.
    pub(crate) async fn evict(&self, id: UserId) -> Result<(), CacheError> {
        self.near.invalidate(id);
        match &self.shared {
            None => Ok(()),
            Some(shared) => shared.cache.evict_many(&[id]).await,
        }
    }

    /// Makes everything that is cached a miss, in every process.
    pub(crate) async fn clear(&self) -> Result<(), StoreError> {
        match &self.shared {
            None => self.near.void(),
            Some(shared) => shared.relay.raise_epoch().await?,
        }
        Ok(())
    }
}
