use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use roster_domain::ports::Clock;
use roster_domain::{User, UserId};

/// The cache in this process, guarded so that what was loaded before an invalidation is never
/// kept after it.
///
/// A load takes a [`Ticket`] before it reads and hands it back with what it read; the entry is
/// kept only when nothing of its stripe was invalidated in between. Generations are counted
/// even where no entries are kept, because loads under way are told apart by them.
pub(super) struct NearCache {
    entries: Option<Cache<UserId, Arc<Entry>, Octets>>,
    stripes: Box<[Mutex<u64>]>,
    clock: Arc<dyn Clock>,
}

/// A user, or that there is none.
pub(super) type Kept = Option<Arc<User>>;

struct Entry {
    content: Kept,
    /// On the monotonic clock.
    expires: Duration,
}

/// The right to keep what is read from now on, until the next invalidation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    stripe: usize,
    generation: u64,
}

impl Ticket {
    /// What the stripe's invalidations had counted up to.
    pub(super) const fn generation(self) -> u64 {
        self.generation
    }
}

impl NearCache {
    const STRIPES: usize = 1_024;
    /// What an entry costs beyond the user's own octets: keys, counters, the map's slots.
    const OVERHEAD: u64 = 256;

    /// A cache of up to so many octets; `None` keeps nothing and only counts generations.
    pub(super) fn new(octets: Option<u64>, clock: Arc<dyn Clock>) -> Self {
        let entries = octets.map(|octets| {
            let expected = usize::try_from(octets / 1_024)
                .unwrap_or(usize::MAX)
                .max(16);
            Cache::with_weighter(expected, octets, Octets)
        });
        let stripes = (0..Self::STRIPES).map(|_| Mutex::new(0)).collect();
        Self {
            entries,
            stripes,
            clock,
        }
    }

    /// Whether entries are kept at all.
    pub(super) const fn keeps(&self) -> bool {
        self.entries.is_some()
    }

    /// What is kept for a user, and for how long still.
    pub(super) fn get(&self, id: UserId) -> Option<(Kept, Duration)> {
        let entry = self.entries.as_ref()?.get(&id)?;
        let left = entry.expires.checked_sub(self.clock.monotonic())?;
        (!left.is_zero()).then(|| (entry.content.clone(), left))
    }

    /// The right to keep what is read after this call.
    pub(super) fn ticket(&self, id: UserId) -> Ticket {
        let stripe = Self::stripe_of(id);
        Ticket {
            stripe,
            generation: *self.lock(stripe),
        }
    }

    /// Keeps what was read under a ticket; false when the ticket is void.
    pub(super) fn insert(&self, id: UserId, ticket: Ticket, content: Kept, ttl: Duration) -> bool {
        let entry = Arc::new(Entry {
            content,
            expires: self.clock.monotonic().saturating_add(ttl),
        });
        // The lock is held while the entry goes in: an invalidation comes wholly before it, and
        // voids the ticket, or wholly after it, and removes the entry.
        let generation = self.lock(ticket.stripe);
        let valid = *generation == ticket.generation;
        if let (true, Some(entries)) = (valid, &self.entries) {
            entries.insert(id, entry);
        }
        drop(generation);
        valid
    }

    /// Removes a user and voids every ticket of its stripe.
    pub(super) fn invalidate(&self, id: UserId) {
        let mut generation = self.lock(Self::stripe_of(id));
        *generation += 1;
        if let Some(entries) = &self.entries {
            entries.remove(&id);
        }
        drop(generation);
    }

    /// How many octets the entries are reckoned at.
    #[cfg(test)]
    fn octets(&self) -> u64 {
        self.entries.as_ref().map_or(0, Cache::weight)
    }

    fn lock(&self, stripe: usize) -> std::sync::MutexGuard<'_, u64> {
        // A counter cannot be left half changed by a panic.
        self.stripes[stripe % Self::STRIPES]
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
        let user = entry.content.as_ref().map_or(0, |user| {
            let texts = user.email.as_str().len()
                + user.email.normalized().len()
                + user.name.as_str().len()
                + user
                    .locale
                    .as_ref()
                    .map_or(0, |locale| locale.as_str().len())
                + user.avatar_url.as_ref().map_or(0, |url| url.as_str().len())
                + user.metadata.as_str().len();
            size_of::<User>() + texts
        });
        NearCache::OVERHEAD + user as u64
    }
}

#[cfg(test)]
mod tests {
    use roster_adapters_memory::ManualClock;

    use super::*;
    use crate::caching::test_users::{id, user};

    const HOUR: Duration = Duration::from_hours(1);

    fn cache(clock: &Arc<ManualClock>) -> NearCache {
        NearCache::new(Some(1 << 20), Arc::clone(clock) as Arc<dyn Clock>)
    }

    #[test]
    fn what_was_read_before_an_invalidation_is_not_kept_after_it() {
        let cache = cache(&Arc::new(ManualClock::default()));
        let ticket = cache.ticket(id(1));
        cache.invalidate(id(1));
        assert!(!cache.insert(id(1), ticket, Some(user(1, 1)), HOUR));
        assert!(cache.get(id(1)).is_none());
    }

    #[test]
    fn an_invalidation_removes_what_is_kept() {
        let cache = cache(&Arc::new(ManualClock::default()));
        assert!(cache.insert(id(1), cache.ticket(id(1)), Some(user(1, 1)), HOUR));
        assert!(cache.get(id(1)).is_some());
        cache.invalidate(id(1));
        assert!(cache.get(id(1)).is_none());
    }

    #[test]
    fn an_entry_ends_with_its_time() {
        let clock = Arc::new(ManualClock::default());
        let cache = cache(&clock);
        assert!(cache.insert(id(1), cache.ticket(id(1)), None, HOUR));
        assert_eq!(cache.get(id(1)).map(|(_, left)| left), Some(HOUR));
        clock.advance(HOUR);
        assert!(cache.get(id(1)).is_none());
    }

    #[test]
    fn octets_bound_what_is_kept() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let cache = NearCache::new(Some(64 * 1_024), clock);
        for n in 0..10_000 {
            cache.insert(id(n), cache.ticket(id(n)), Some(user(n, 1)), HOUR);
        }
        assert!(cache.octets() <= 64 * 1_024, "{}", cache.octets());
        assert!(cache.octets() > 32 * 1_024, "{}", cache.octets());
    }

    #[test]
    fn without_entries_generations_still_count() {
        let cache = NearCache::new(None, Arc::new(ManualClock::default()));
        let ticket = cache.ticket(id(1));
        assert!(cache.insert(id(1), ticket, None, HOUR));
        assert!(cache.get(id(1)).is_none());
        cache.invalidate(id(1));
        assert!(!cache.insert(id(1), ticket, None, HOUR));
    }
}
