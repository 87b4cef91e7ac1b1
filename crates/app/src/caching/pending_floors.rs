use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use roster_domain::ports::Invalidation;
use roster_domain::{UserId, UserVersion};

/// The invalidations that the shared cache has not acknowledged yet: until it has, reads of
/// this process take nothing below these floors from it.
#[derive(Default)]
pub(super) struct PendingFloors {
    floors: Mutex<HashMap<UserId, UserVersion>>,
    /// Their number, so that reads need no lock while there is none.
    count: AtomicUsize,
    /// Until when one that was refused may be needed, in milliseconds of the monotonic clock.
    incomplete_until: AtomicU64,
}

impl PendingFloors {
    /// Above this, the cache has been away for long and a write storm is on: the oldest are
    /// worth no more than the newest, so new ones are refused and the relay alone delivers them.
    pub(super) const MOST: usize = if cfg!(feature = "explored") {
        2
    } else {
        100_000
    };

    /// Raises a floor; false when there are too many, and then floors are incomplete until
    /// the change log has no use for this one either.
    pub(super) fn raise(&self, invalidation: Invalidation, until: Duration) -> bool {
        let mut floors = self.lock();
        if floors.len() >= Self::MOST && !floors.contains_key(&invalidation.id) {
            let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
            self.incomplete_until.fetch_max(until, Ordering::Release);
            return false;
        }
        let floor = floors.entry(invalidation.id).or_default();
        *floor = invalidation.floor.max(*floor);
        self.count.store(floors.len(), Ordering::Release);
        true
    }

    /// Drops a floor that was acknowledged, unless it has been raised since.
    pub(super) fn acknowledge(&self, invalidation: Invalidation) {
        let mut floors = self.lock();
        if floors
            .get(&invalidation.id)
            .is_some_and(|floor| *floor <= invalidation.floor)
        {
            floors.remove(&invalidation.id);
        }
        self.count.store(floors.len(), Ordering::Release);
    }

    /// The floor of a user.
    pub(super) fn of(&self, id: UserId) -> UserVersion {
        if self.count.load(Ordering::Acquire) == 0 {
            return UserVersion::NONE;
        }
        self.lock().get(&id).copied().unwrap_or_default()
    }

    /// Whether a floor that was refused may be needed at this moment.
    pub(super) fn are_incomplete(&self, now: Duration) -> bool {
        let until = self.incomplete_until.load(Ordering::Acquire);
        until > 0 && now < Duration::from_millis(until)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Up to so many of them.
    pub(super) fn some(&self, limit: usize) -> Vec<Invalidation> {
        self.lock()
            .iter()
            .take(limit)
            .map(|(id, floor)| Invalidation {
                id: *id,
                floor: *floor,
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, UserVersion>> {
        self.floors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caching::test_users::id;

    const LATER: Duration = Duration::from_mins(2);

    #[test]
    fn a_floor_only_rises_and_ends_when_its_highest_is_acknowledged() {
        let pending = PendingFloors::default();
        let floor = |version| Invalidation {
            id: id(1),
            floor: UserVersion::new(version),
        };
        assert!(pending.raise(floor(5), LATER) && pending.raise(floor(3), LATER));
        assert_eq!(pending.of(id(1)), UserVersion::new(5));
        pending.acknowledge(floor(4));
        assert_eq!(pending.of(id(1)), UserVersion::new(5));
        pending.acknowledge(floor(5));
        assert_eq!(pending.of(id(1)), UserVersion::NONE);
        assert!(pending.some(10).is_empty());
    }

    #[test]
    fn their_number_is_bounded() {
        let pending = PendingFloors::default();
        for n in 0..PendingFloors::MOST as u128 {
            let invalidation = Invalidation {
                id: id(n),
                floor: UserVersion::FIRST,
            };
            assert!(pending.raise(invalidation, LATER));
        }
        assert!(!pending.are_incomplete(Duration::ZERO));
        let one_more = Invalidation {
            id: id(u128::MAX),
            floor: UserVersion::FIRST,
        };
        assert!(!pending.raise(one_more, LATER));
        assert!(pending.are_incomplete(Duration::ZERO) && !pending.are_incomplete(LATER));
        let higher = Invalidation {
            id: id(1),
            floor: UserVersion::new(9),
        };
        assert!(pending.raise(higher, LATER));
    }
}
