use roster_adapters_memory::ManualClock;

use super::*;
use crate::caching::test_users::{id, user};

const HOUR: Duration = Duration::from_hours(1);
const FIRST: ConnectionEpoch = ConnectionEpoch(1);

fn cache(clock: &Arc<ManualClock>) -> NearCache {
    let cache = NearCache::tracked(1 << 20, Arc::clone(clock) as Arc<dyn Clock>);
    cache.connected(FIRST);
    cache
}

fn keep(cache: &NearCache, number: u128, ticket: Ticket) -> bool {
    let content = Kept::User(user(number, 1));
    cache.insert(id(number), ticket, ticket.connection, content, HOUR)
}

#[test]
fn what_was_read_before_an_invalidation_is_not_kept_after_it() {
    for invalidate in [NearCache::invalidate, NearCache::changed] {
        let cache = cache(&Arc::default());
        let ticket = cache.ticket(id(1));
        invalidate(&cache, id(1));
        assert!(!keep(&cache, 1, ticket));
        assert!(cache.get(id(1)).is_none());
    }
}

#[test]
fn an_invalidation_removes_what_is_kept() {
    for invalidate in [NearCache::invalidate, NearCache::changed] {
        let cache = cache(&Arc::default());
        assert!(keep(&cache, 1, cache.ticket(id(1))));
        assert!(cache.get(id(1)).is_some());
        invalidate(&cache, id(1));
        assert!(cache.get(id(1)).is_none());
    }
}

#[test]
fn only_writes_of_this_process_count_as_such() {
    let cache = cache(&Arc::default());
    cache.changed(id(1));
    assert_eq!(cache.ticket(id(1)).writes(), 0);
    cache.invalidate(id(1));
    assert_eq!(cache.ticket(id(1)).writes(), 1);
}

#[test]
fn a_lost_connection_hides_what_is_kept_and_voids_every_ticket() {
    for lose in [NearCache::disconnected, NearCache::void] {
        let cache = cache(&Arc::default());
        assert!(keep(&cache, 1, cache.ticket(id(1))));
        let ticket = cache.ticket(id(2));
        lose(&cache);
        assert!(cache.get(id(1)).is_none());
        assert!(!keep(&cache, 2, ticket));
    }
}

#[test]
fn what_another_connection_read_is_not_kept() {
    let cache = cache(&Arc::default());
    let old = cache.ticket(id(1));
    cache.disconnected();
    assert!(!keep(&cache, 1, cache.ticket(id(1))), "nobody would tell");
    cache.connected(ConnectionEpoch(2));
    assert!(!keep(&cache, 1, old));
    let content = Kept::User(user(1, 1));
    let ticket = cache.ticket(id(1));
    assert!(!cache.insert(id(1), ticket, FIRST, content, HOUR));
    assert!(keep(&cache, 1, cache.ticket(id(1))));
}

#[tokio::test]
async fn whoever_waits_for_a_change_hears_of_it() {
    let cache = cache(&Arc::default());
    for change in [
        (|cache: &NearCache| cache.changed(id(1))) as fn(&NearCache),
        |cache| cache.void(),
        NearCache::disconnected,
    ] {
        let waiting = cache.change_of(id(1));
        change(&cache);
        waiting.await;
    }
}

#[test]
fn an_entry_ends_with_its_time() {
    let clock = Arc::new(ManualClock::default());
    let cache = cache(&clock);
    assert!(keep(&cache, 1, cache.ticket(id(1))));
    assert_eq!(cache.get(id(1)).map(|hit| hit.left), Some(HOUR));
    clock.advance(HOUR);
    assert!(cache.get(id(1)).is_none());
}

#[test]
fn octets_bound_what_is_kept() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let cache = NearCache::local(64 * 1_024, clock);
    for n in 0..10_000 {
        assert!(keep(&cache, n, cache.ticket(id(n))));
    }
    let (_, octets) = cache.size();
    assert!(octets <= 64 * 1_024, "{octets}");
    assert!(octets > 32 * 1_024, "{octets}");
}

#[test]
fn without_entries_generations_still_count() {
    let cache = NearCache::counting(Arc::new(ManualClock::default()));
    let ticket = cache.ticket(id(1));
    assert!(cache.is_valid(ticket));
    cache.invalidate(id(1));
    assert!(!cache.is_valid(ticket));
    assert!(cache.get(id(1)).is_none());
}
