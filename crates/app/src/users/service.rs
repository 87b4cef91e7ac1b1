use std::sync::Arc;

use roster_domain::ports::{CacheError, StoreError, UserRepository, UserWrites};
use roster_domain::{AvatarUrl, Email, JsonObject, Locale, UserId, UserName};

use super::UserError;
use super::counts::Counts;
use super::settling::Settling;
use crate::batching::{Batched, Pages};
use crate::caching::CachedUsers;
use crate::{
    Answer, AtHand, CacheObserver, CacheOverview, CachePolicy, CacheUpkeep, CachedKey, Caches,
    Found, Freshness, Runtime,
};

/// Everything that can be done with users.
///
/// Reads go through the caches; a cache that fails is passed by, and never fails a request.
/// Writes run to their end, the invalidation included, also when the caller goes away.
pub struct UserService {
    pub(super) users: Arc<dyn UserRepository>,
    pub(super) pages: Batched<Pages>,
    pub(super) counts: Counts,
    pub(super) writes: Arc<dyn UserWrites>,
    pub(super) cached: CachedUsers,
    pub(super) settling: Arc<Settling>,
    pub(super) runtime: Runtime,
}

/// A user as a caller describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserDraft {
    /// The id; made here when there is none.
    pub id: Option<UserId>,
    /// The address.
    pub email: Email,
    /// The name.
    pub name: UserName,
    /// The preferred language.
    pub locale: Option<Locale>,
    /// Where the picture is.
    pub avatar_url: Option<AvatarUrl>,
    /// What the deployment keeps beside the fields.
    pub metadata: JsonObject,
}

impl UserService {
    /// The most pages that the store is asked for at once: together they have fewer rows than
    /// it reads within a statement's time, also from a disk.
    const PAGES: usize = 16;

    /// A service over a store and the caches in front of it.
    pub fn new(
        users: Arc<dyn UserRepository>,
        writes: Arc<dyn UserWrites>,
        caches: Caches,
        policy: CachePolicy,
        observer: Arc<dyn CacheObserver>,
        runtime: Runtime,
    ) -> Self {
        let pages = Pages(Arc::clone(&users));
        let most = Self::PAGES.min(policy.batch);
        let pages = Batched::new(pages, policy.store_lanes, most, runtime.clone());
        let counts = Counts::new(Arc::clone(&users), runtime.clone());
        let cached = CachedUsers::new(
            Arc::clone(&users),
            caches,
            policy,
            observer,
            runtime.clone(),
        );
        let settling = Arc::new(Settling::new(
            Arc::clone(&cached.reader),
            Arc::clone(&cached.invalidator),
            runtime.clone(),
        ));
        Self {
            users,
            pages,
            counts,
            writes,
            cached,
            settling,
            runtime,
        }
    }

    /// One user. [`UserError::NotFound`] when there is none, [`UserError::VersionAhead`] when
    /// the primary is below the minimum version asked for.
    pub async fn get(&self, id: UserId, freshness: Freshness) -> Result<Answer, UserError> {
        let found = self.cached.reader.get(id, freshness).await?;
        found.user().ok_or(UserError::NotFound)
    }

    /// The same where it matters how old it may be that there is no such user.
    // Not `async`: the state of one more layer is copied with every read.
    pub fn find(
        &self,
        id: UserId,
        freshness: Freshness,
    ) -> impl Future<Output = Result<Found, UserError>> + Send + '_ {
        self.cached.reader.get(id, freshness)
    }

    /// What can be said of a user without asking anybody, so that a caller can answer from
    /// memory whatever else is overloaded.
    pub fn at_hand(&self, id: UserId, freshness: Freshness) -> AtHand {
        self.cached.reader.at_hand(id, freshness)
    }

    /// The users with these ids in the order asked, `None` where there is none. At most 256.
    pub async fn get_many(
        &self,
        ids: &[UserId],
        freshness: Freshness,
    ) -> Result<Vec<Option<Answer>>, UserError> {
        self.cached.reader.get_many(ids, freshness).await
    }

    /// The user who has this address: the claim is read from the store, the user through the caches.
    pub async fn find_by_email(
        &self,
        email: &Email,
        freshness: Freshness,
    ) -> Result<Answer, UserError> {
        let id = self
            .users
            .find_id_by_email(email)
            .await?
            .ok_or(UserError::NotFound)?;
        match self.get(id, freshness).await {
            Ok(answer) if answer.user.email.normalized() == email.normalized() => {
                return Ok(answer);
            }
            Ok(_) | Err(UserError::NotFound) => {}
            Err(error) => return Err(error),
        }
        // The claim moved and the caches do not know it yet, or the other way round.
        let answer = self
            .get(
                id,
                Freshness {
                    strong: true,
                    ..freshness
                },
            )
            .await?;
        let owns = answer.user.email.normalized() == email.normalized();
        if owns {
            Ok(answer)
        } else {
            Err(UserError::NotFound)
        }
    }

    /// What has to run beside the requests; `None` without a shared cache.
    pub fn upkeep(&self) -> Option<CacheUpkeep> {
        self.cached.upkeep()
    }

    /// The caches as an operator sees them.
    pub fn cache_overview(&self) -> CacheOverview {
        self.cached.overview()
    }

    /// One user in every tier.
    pub async fn inspect_cached(&self, id: UserId) -> CachedKey {
        self.cached.inspect(id).await
    }

    /// Takes one user out of every cache. The row is read anew when it is asked for next.
    pub async fn evict_cached(&self, id: UserId) -> Result<(), CacheError> {
        self.cached.evict(id).await
    }

    /// Makes everything that is cached a miss, in every process.
    pub async fn clear_caches(&self) -> Result<(), StoreError> {
        self.cached.clear().await
    }
}
