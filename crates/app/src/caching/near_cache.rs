use std::sync::Arc;
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use roster_domain::ports::{Clock, ConnectionEpoch};
use roster_domain::{User, UserId, UserVersion};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::Rendition;
use crate::rendition::Room;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};

/// The cache in this process, guarded so that what was read before an invalidation is never
/// kept after it.
///
/// A read takes a [`Ticket`] before it asks and hands it back with what it got; the entry is
/// kept only when nothing of its stripe was invalidated in between, and when the connection
/// that invalidations arrive on is still the same. What voids everything begins a new era, in
/// which no older entry is seen: that takes no longer than counting up by one.
///
/// Generations are counted even where no entries are kept, because loads under way are told
/// apart by them.
pub(super) struct NearCache {
    entries: Option<Cache<UserId, Arc<Entry>, Octets>>,
    stripes: Box<[Stripe]>,
    era: AtomicU64,
    /// The connection that invalidations arrive on.
    connection: AtomicU64,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Stripe {
    counts: Mutex<Counts>,
    changed: Notify,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// All invalidations.
    generation: u64,
    /// Those by writes of this process.
    writes: u64,
}

/// A user, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    User(Arc<User>),
    /// Says nothing about versions from the floor on.
    Absent {
        floor: UserVersion,
    },
}

impl Kept {
    /// The user.
    pub(super) fn user(&self) -> Option<&Arc<User>> {
        match self {
            Self::User(user) => Some(user),
            Self::Absent { .. } => None,
        }
    }

    /// Every version below it is known to be stale.
    pub(super) fn floor(&self) -> UserVersion {
        match self {
            Self::User(user) => user.version,
            Self::Absent { floor } => *floor,
        }
    }
}

/// What is kept for one user.
pub(super) struct Hit {
    pub(super) content: Kept,
    /// How long it is still kept.
    pub(super) left: Duration,
    /// The era that it belongs to.
    pub(super) era: Era,
    /// What was made of it.
    pub(super) rendition: Rendition,
}

struct Entry {
    content: Kept,
    era: Era,
    /// On the monotonic clock.
    expires: Duration,
    room: Room,
}

impl AsRef<Room> for Entry {
    fn as_ref(&self) -> &Room {
        &self.room
    }
}

/// How often everything was void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Era(u64);

/// The right to keep what is read from now on, until the next invalidation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    stripe: usize,
    counts: Counts,
    era: Era,
    connection: ConnectionEpoch,
}

impl Ticket {
    /// What the writes of this process to the stripe had counted up to.
    pub(super) const fn writes(self) -> u64 {
        self.counts.writes
    }

    /// The era that it was taken in.
    pub(super) const fn era(self) -> Era {
        self.era
    }
}

impl NearCache {
    /// The explorer makes and drops them thousands of times.
    const STRIPES: usize = if cfg!(feature = "explored") { 2 } else { 1_024 };
    /// What an entry costs beyond the user's own octets: keys, counters, the map's slots, and what
    /// the allocator adds to a dozen small pieces. `cargo xtask bench --only memory` compares the
    /// sum with what is resident.
    const OVERHEAD: u64 = 520;
    /// What is made of a user has its texts once more, and so much around them.
    const RENDITION: usize = 320;
    /// Stands for the connection where this process is the only writer: its own invalidations
    /// are all there are.
    pub(super) const LOCAL: ConnectionEpoch = ConnectionEpoch(u64::MAX);

    /// A cache of the only writer, of up to so many octets.
    pub(super) fn local(octets: u64, clock: Arc<dyn Clock>) -> Self {
        let cache = Self::new(Some(octets), clock);
        cache.connected(Self::LOCAL);
        cache
    }

    /// A cache that keeps something only while it is told of changes by a connection.
    pub(super) fn tracked(octets: u64, clock: Arc<dyn Clock>) -> Self {
        Self::new(Some(octets), clock)
    }

    /// Keeps nothing and only counts generations.
    pub(super) fn counting(clock: Arc<dyn Clock>) -> Self {
        Self::new(None, clock)
    }

    fn new(octets: Option<u64>, clock: Arc<dyn Clock>) -> Self {
        let entries = octets.map(|octets| {
            let expected = usize::try_from(octets / 1_024)
                .unwrap_or(usize::MAX)
                .max(16);
            Cache::with_weighter(expected, octets, Octets)
        });
        Self {
            entries,
            stripes: (0..Self::STRIPES).map(|_| Stripe::default()).collect(),
            era: AtomicU64::new(0),
            connection: AtomicU64::new(ConnectionEpoch::UNTRACKED.0),
            clock,
        }
    }

    /// Whether entries are kept at all.
    pub(super) const fn keeps(&self) -> bool {
        self.entries.is_some()
    }

    /// Whether this process is the only writer, so that what is kept is never stale.
    pub(super) fn is_local(&self) -> bool {
        self.connection() == Self::LOCAL
    }

    /// The connection that invalidations arrive on; `UNTRACKED` while there is none.
    pub(super) fn connection(&self) -> ConnectionEpoch {
        ConnectionEpoch(self.connection.load(Ordering::Acquire))
    }

    /// The present era.
    pub(super) fn era(&self) -> Era {
        Era(self.era.load(Ordering::Acquire))
    }

    /// What is kept for a user.
    pub(super) fn get(&self, id: UserId) -> Option<Hit> {
        let entry = self.entries.as_ref()?.get(&id)?;
        if entry.era != self.era() {
            return None;
        }
        let left = entry.expires.checked_sub(self.clock.coarse())?;
        (!left.is_zero()).then(|| Hit {
            content: entry.content.clone(),
            left,
            era: entry.era,
            rendition: Rendition::beside(entry),
        })
    }

    /// The right to keep what is asked for after this call.
    pub(super) fn ticket(&self, id: UserId) -> Ticket {
        let stripe = Self::stripe_of(id);
        Ticket {
            era: self.era(),
            connection: self.connection(),
            counts: *self.stripe(stripe),
            stripe,
        }
    }

    /// Keeps what was read by a connection under a ticket; false when the ticket is void.
    pub(super) fn insert(
        &self,
        id: UserId,
        ticket: Ticket,
        read_by: ConnectionEpoch,
        content: Kept,
        ttl: Duration,
    ) -> bool {
        let entry = Arc::new(Entry {
            content,
            era: ticket.era,
            expires: self.clock.monotonic().saturating_add(ttl),
            room: Room::default(),
        });
        // The lock is held while the entry goes in: an invalidation comes wholly before it, and
        // voids the ticket, or wholly after it, and removes the entry. A new era needs no lock:
        // an entry of the old one that goes in afterwards is not seen.
        let counts = self.stripe(ticket.stripe);
        let valid = cfg!(feature = "without-guard")
            || *counts == ticket.counts
                && ticket.era == self.era()
                && read_by == ticket.connection
                && read_by != ConnectionEpoch::UNTRACKED;
        if let (true, Some(entries)) = (valid, &self.entries) {
            entries.insert(id, entry);
        }
        drop(counts);
        valid
    }

    /// Whether nothing was invalidated since the ticket was taken.
    pub(super) fn is_valid(&self, ticket: Ticket) -> bool {
        *self.stripe(ticket.stripe) == ticket.counts && ticket.era == self.era()
    }

    /// Removes a user that this process changed, and voids every ticket of its stripe.
    pub(super) fn invalidate(&self, id: UserId) {
        self.remove(id, |counts| counts.writes += 1);
    }

    /// Removes a user whose key in the shared cache changed, and voids every ticket of its stripe.
    pub(super) fn changed(&self, id: UserId) {
        self.remove(id, |_| {});
    }

    fn remove(&self, id: UserId, count: impl FnOnce(&mut Counts)) {
        let stripe = Self::stripe_of(id);
        let mut counts = self.stripe(stripe);
        counts.generation += 1;
        count(&mut counts);
        if let Some(entries) = &self.entries {
            entries.remove(&id);
        }
        drop(counts);
        self.stripes[stripe].changed.notify_waiters();
    }

    /// From now on, what this connection reads may be kept, and nothing that was read before.
    pub(super) fn connected(&self, connection: ConnectionEpoch) {
        self.void();
        self.connection.store(connection.0, Ordering::Release);
        // A ticket that was taken between the two names this connection and an older era.
        self.void();
    }

    /// From now on nothing is kept.
    pub(super) fn disconnected(&self) {
        self.connection
            .store(ConnectionEpoch::UNTRACKED.0, Ordering::Release);
        self.void();
    }

    /// Begins a new era: nothing that is kept, or read under a ticket of before, is seen again.
    pub(super) fn void(&self) {
        self.era.fetch_add(1, Ordering::AcqRel);
        for stripe in &self.stripes {
            stripe.changed.notify_waiters();
        }
    }

    /// Ends when the stripe of a user is invalidated, or everything is, after this call.
    pub(super) fn change_of(&self, id: UserId) -> Notified<'_> {
        self.stripes[Self::stripe_of(id)].changed.notified()
    }

    /// How many entries are stored, those of earlier eras included, and their octets as reckoned.
    pub(super) fn size(&self) -> (u64, u64) {
        self.entries
            .as_ref()
            .map_or((0, 0), |entries| (entries.len() as u64, entries.weight()))
    }

    fn stripe(&self, stripe: usize) -> MutexGuard<'_, Counts> {
        // A counter cannot be left half changed by a panic.
        self.stripes[stripe % Self::STRIPES]
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The random end of a UUID spreads evenly, whatever its version.
    fn stripe_of(id: UserId) -> usize {
        let octets = id.get().into_bytes();
        usize::from(u16::from_be_bytes([octets[14], octets[15]])) % Self::STRIPES
    }
}

#[derive(Clone)]
struct Octets;

impl Weighter<UserId, Arc<Entry>> for Octets {
    fn weight(&self, _: &UserId, entry: &Arc<Entry>) -> u64 {
        let user = entry.content.user().map_or(0, |user| {
            let texts = user.email.octets()
                + user.name.as_str().len()
                + user
                    .locale
                    .as_ref()
                    .map_or(0, |locale| locale.as_str().len())
                + user.avatar_url.as_ref().map_or(0, |url| url.as_str().len())
                + user.metadata.as_str().len();
            size_of::<User>() + 2 * texts + NearCache::RENDITION
        });
        NearCache::OVERHEAD + user as u64
    }
}

#[cfg(all(test, not(feature = "explored")))]
mod tests;
