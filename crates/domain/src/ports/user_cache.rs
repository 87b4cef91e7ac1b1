use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{CacheError, CacheNamespace};
use crate::{Timestamp, User, UserId, UserVersion};

/// A cache of users shared by many processes, ordered by leases and version floors.
///
/// Per user it holds one of: a value, "known to be absent", a floor (every version below it is
/// stale), or a lease (somebody is loading). The rules that keep it right:
///
/// - Only the holder of a lease may fill, and only while nobody invalidated since the grant.
/// - An invalidation destroys a lease, an absence and every value below its floor.
/// - A value is never replaced by an older one.
/// - Whatever is stored but not valid for the caller's namespace (foreign, torn, of another
///   schema, epoch or entity) is a miss, and never an error.
///
/// Every batch is answered in the order asked, one result an entry. Each key is atomic on its
/// own; a batch is not. Calls fail whole, within the implementation's time limit, and may be
/// tried again: each is idempotent.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait UserCache: Send + Sync {
    /// What is stored for these users.
    async fn get_many(
        &self,
        namespace: CacheNamespace,
        ids: &[UserId],
    ) -> Result<Stamped<Vec<CacheLookup>>, CacheError>;

    /// Asks for the right to load these users. A value or an absence that is stored is
    /// answered instead, unless it is the very bytes that the caller found unusable.
    async fn acquire_many(
        &self,
        namespace: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError>;

    /// Stores what the holders of leases loaded, and ends the leases. A value below the
    /// lease's floor is [`FillOutcome::StaleSource`], and the floor stays.
    async fn fill_many(
        &self,
        namespace: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError>;

    /// Gives leases back without a value: floors stay, the keys can be acquired at once. What
    /// is no longer this caller's lease is left alone.
    async fn release_many(&self, leases: &[Lease]) -> Result<(), CacheError>;

    /// Says that every version below a floor is stale; true where that changed something.
    /// Repeats and any order come to the same end.
    async fn invalidate_many(
        &self,
        invalidations: &[Invalidation],
    ) -> Result<Vec<bool>, CacheError>;

    /// Takes whatever is stored for these users away: values, absences, floors and leases. Always
    /// safe, because a lease that is gone refuses its fill.
    async fn evict_many(&self, ids: &[UserId]) -> Result<(), CacheError>;

    /// Sends every push to `sink` from now on, in order with the replies of the connection that
    /// it stamps. A cache without pushes keeps the sink silent and stamps every reply
    /// [`ConnectionEpoch::UNTRACKED`].
    fn subscribe(&self, sink: Arc<dyn InvalidationSink>);
}

/// A reply, and the connection that it came by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped<T> {
    /// Pushes about what was read arrive on this connection and no other.
    pub connection: ConnectionEpoch,
    /// The reply.
    pub reply: T,
}

/// One life of the connection on which invalidations arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionEpoch(pub u64);

impl ConnectionEpoch {
    /// No push will tell when the reply becomes stale: it must not be kept in the process.
    pub const UNTRACKED: Self = Self(0);
}

/// The stored bytes of one look-up, for [`AcquireRequest::unusable`]; nobody reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenBytes(pub Arc<[u8]>);

/// What is stored for one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheLookup {
    /// The user, at a version that nobody had invalidated.
    Value {
        /// The row.
        user: Arc<User>,
        /// When the value should be loaded anew, by the filler's wall clock.
        expires_at: Timestamp,
        /// The bytes it was read from.
        seen: SeenBytes,
    },
    /// There was no such user when the lease with this floor was filled.
    Absent {
        /// The floor: an absence says nothing about versions from here on.
        floor: UserVersion,
        /// The bytes it was read from.
        seen: SeenBytes,
    },
    /// Nothing that can be used; every version below the floor is stale.
    Floor {
        /// [`UserVersion::NONE`] when nothing is known.
        floor: UserVersion,
        /// The bytes of something that must be passed over, if that is what is stored.
        unusable: Option<SeenBytes>,
    },
    /// Somebody is loading.
    Leased {
        /// Every version below it is stale.
        floor: UserVersion,
    },
}

impl CacheLookup {
    /// Whether nothing at all is stored, as far as a look-up can tell.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Floor { floor, unusable: None } if *floor == UserVersion::NONE)
    }
}

/// A wish to load one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcquireRequest {
    /// The lease that is asked for.
    pub lease: Lease,
    /// How long the lease holds; afterwards anybody may take it over.
    pub hold_for: Duration,
    /// What the caller saw and cannot use.
    pub unusable: Option<SeenBytes>,
    /// A guess that nothing is stored, so that an adapter can try first what is cheap where that
    /// is so. The answer is the same either way.
    pub likely_absent: bool,
}

/// The right to fill one key, while it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Whose key.
    pub id: UserId,
    /// Who holds it.
    pub token: LeaseToken,
}

/// 16 random octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub [u8; 16]);

/// The answer to a wish to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// The lease is the caller's; the row must be read after this, from the primary.
    Granted {
        /// Every version below it is stale.
        floor: UserVersion,
    },
    /// Something was stored meanwhile: [`CacheLookup::Value`], [`CacheLookup::Absent`], or a
    /// [`CacheLookup::Floor`] with the bytes to name as unusable in the next request.
    Found(CacheLookup),
    /// Another holder is loading.
    Wait {
        /// How long its lease holds at the most.
        remaining: Duration,
    },
}

/// What the holder of a lease loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FillRequest {
    /// The lease.
    pub lease: Lease,
    /// What was loaded.
    pub filling: Filling,
    /// How long it is kept.
    pub ttl: Duration,
}

/// A loaded user, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filling {
    /// The row, and when it should be loaded anew.
    User(Arc<User>, Timestamp),
    /// No such user; the floor is that of the grant.
    Absent(UserVersion),
}

/// What became of a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillOutcome {
    /// Stored.
    Stored,
    /// The lease was gone: somebody invalidated, took over, or the key was lost.
    Refused,
    /// The row is older than the lease's floor: the source lags. The floor stays.
    StaleSource,
}

/// Every version of a user below the floor is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalidation {
    /// Whose key.
    pub id: UserId,
    /// The lowest version that is not stale.
    pub floor: UserVersion,
}

/// Takes pushes, in order with the replies of their connection; called inline, so it must not block.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait InvalidationSink: Send + Sync {
    /// Takes one push.
    fn push(&self, push: CachePush);
}

/// What a tracked connection says by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CachePush {
    /// Replies stamped with this epoch may be kept from now on, and no others.
    Connected(ConnectionEpoch),
    /// These keys changed.
    Changed(Vec<UserId>),
    /// Any key may have changed.
    AllChanged,
    /// Pushes may have been lost: nothing kept so far may be served.
    Disconnected,
}
