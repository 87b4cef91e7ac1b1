use std::sync::Arc;
use std::time::Duration;

use roster_adapters_memory::ManualClock;

use super::*;

const ROUTE: &str = "/v1/users";

struct Fixture {
    capacity: Arc<Capacity>,
    clock: Arc<ManualClock>,
}

fn fixture(max_in_flight: usize) -> Fixture {
    let settings = HttpSettings {
        max_in_flight,
        max_streams: 3,
        target_latency: Duration::from_millis(100),
        ..HttpSettings::default()
    };
    let clock = Arc::new(ManualClock::default());
    let metrics = Arc::new(Metrics::new());
    let capacity = Capacity::new(&settings, Arc::<ManualClock>::clone(&clock) as _, &metrics);
    Fixture { capacity, clock }
}

impl Fixture {
    fn fill(&self, class: Class, caller: u64) -> Vec<Place> {
        std::iter::from_fn(|| self.capacity.enter(class, ROUTE, caller).ok()).collect()
    }

    /// All places are taken for so long, again and again.
    fn rounds(&self, count: usize, took: Duration) {
        for _ in 0..count {
            let places = self.fill(Class::Write, 1);
            self.clock.advance(took);
            for place in places {
                place.finish(false);
            }
        }
    }
}

#[test]
fn places_run_out_for_streams_first_then_for_reads_and_for_writes_last() {
    let fixture = fixture(100);
    let streams = fixture.fill(Class::Stream, 1);
    assert_eq!(streams.len(), 2);
    let reads = fixture.fill(Class::Read, 1);
    assert_eq!(streams.len() + reads.len(), 90);
    assert!(fixture.capacity.enter(Class::Stream, ROUTE, 1).is_err());
    let writes = fixture.fill(Class::Write, 1);
    assert_eq!(writes.len(), 10);
    let health = fixture.capacity.enter(Class::Health, ROUTE, 1);
    assert!(health.is_ok());
    drop((streams, reads, writes, health));
    assert_eq!(fixture.capacity.taken.load(Ordering::Relaxed), 0);
    assert_eq!(fixture.capacity.streams.load(Ordering::Relaxed), 0);
    assert_eq!(fixture.fill(Class::Write, 1).len(), 100);
}

#[test]
fn the_last_stream_is_not_for_somebody_who_has_all_others() {
    let fixture = fixture(100);
    let held = fixture.fill(Class::Stream, 1);
    assert_eq!(held.len(), 2);
    let other = fixture.fill(Class::Stream, 2);
    assert_eq!(other.len(), 1);
    assert!(fixture.capacity.enter(Class::Stream, ROUTE, 3).is_err());
    drop((held, other));
    assert_eq!(fixture.fill(Class::Stream, 2).len(), 2);
}

#[test]
fn a_refusal_says_when_to_come_back_and_leaves_no_trace() {
    let fixture = fixture(1);
    let place = fixture.capacity.enter(Class::Write, ROUTE, 1).ok();
    let refusal = fixture.capacity.enter(Class::Write, ROUTE, 1).err();
    let kind = refusal.map(|problem| problem.kind());
    assert_eq!(kind, Some(ProblemType::TemporaryReducedCapacity));
    drop(place);
    assert!(fixture.capacity.enter(Class::Write, ROUTE, 1).is_ok());
}

#[test]
fn the_limit_falls_while_requests_are_late_and_rises_when_they_are_not() {
    let fixture = fixture(1_000);
    fixture.rounds(20, Duration::from_millis(400));
    let fallen = fixture.capacity.limit.current();
    assert_eq!(fallen, 16, "it does not fall for ever");
    fixture.rounds(80, Duration::from_millis(60));
    assert_eq!(fixture.capacity.limit.current(), 1_000);
}

#[test]
fn a_route_that_is_always_slow_is_not_late() {
    let fixture = fixture(100);
    for _ in 0..300 {
        let place = fixture.capacity.enter(Class::Read, ROUTE, 1).ok();
        fixture.clock.advance(Duration::from_millis(300));
        place.unwrap().finish(false);
    }
    fixture.rounds(20, Duration::from_millis(400));
    assert_eq!(fixture.capacity.limit.current(), 100);
    fixture.rounds(20, Duration::from_millis(900));
    assert_eq!(fixture.capacity.limit.current(), 16);
}

#[test]
fn a_route_is_not_called_slow_by_what_a_crowd_makes_of_it() {
    let fixture = fixture(1_000);
    // Twelve at once, far below the limit, wait for one another from the beginning.
    for _ in 0..50 {
        let places: Vec<_> = (0..12)
            .filter_map(|_| fixture.capacity.enter(Class::Read, ROUTE, 1).ok())
            .collect();
        fixture.clock.advance(Duration::from_millis(90));
        for place in places {
            place.finish(false);
        }
    }
    fixture.rounds(20, Duration::from_millis(150));
    assert!(fixture.capacity.limit.current() < 100);
}

#[test]
fn some_that_are_late_among_others_that_are_not_lower_nothing() {
    let fixture = fixture(100);
    for _ in 0..20 {
        let places = fixture.fill(Class::Write, 1);
        for (number, place) in places.into_iter().enumerate() {
            if number == 60 {
                fixture.clock.advance(Duration::from_millis(400));
            }
            place.finish(false);
        }
    }
    assert_eq!(fixture.capacity.limit.current(), 100);
}

#[test]
fn a_limit_that_grows_waits_for_what_its_last_step_did() {
    let fixture = fixture(1_000);
    fixture.rounds(20, Duration::from_millis(400));
    // Always full, and each request takes 72 to 90 ms: a step for each of them, not for each
    // window.
    let mut places = std::collections::VecDeque::from(fixture.fill(Class::Write, 1));
    let mut pass = |ninths: usize| {
        for _ in 0..ninths {
            fixture.clock.advance(Duration::from_millis(9));
            for _ in 0..places.len().div_ceil(10) {
                places.pop_front().unwrap().finish(false);
            }
            places.extend(fixture.fill(Class::Write, 1));
        }
        fixture.capacity.limit.current()
    };
    let before = pass(60);
    let grown = pass(40);
    // 360 ms are four steps of an eighth; by windows of 50 ms there would be seven.
    assert!(
        grown > before && grown < before * 18 / 10,
        "{before} to {grown}"
    );
}

#[test]
fn an_idle_process_does_not_raise_its_limit() {
    let fixture = fixture(1_000);
    fixture.rounds(20, Duration::from_millis(400));
    for _ in 0..100 {
        let place = fixture.capacity.enter(Class::Read, ROUTE, 1).ok();
        fixture.clock.advance(Duration::from_millis(60));
        place.unwrap().finish(false);
    }
    assert!(fixture.capacity.limit.current() < 24);
}

#[test]
fn a_caller_among_others_keeps_to_an_equal_part_and_one_alone_has_all() {
    let fixture = fixture(100);
    let alone = fixture.fill(Class::Write, 1);
    assert_eq!(alone.len(), 100);
    drop(alone);
    let guest = fixture.capacity.enter(Class::Write, ROUTE, 2).ok();
    let greedy = fixture.fill(Class::Write, 1);
    assert_eq!(greedy.len(), 79, "a fifth is left for whoever has less");
    let guests = fixture.fill(Class::Write, 2);
    assert_eq!(guests.len() + 1 + greedy.len(), 100);
    drop(guest);
}

#[tokio::test]
async fn a_stream_pauses_while_much_is_under_way_and_not_for_ever() {
    let fixture = fixture(10);
    fixture.capacity.make_way().await;
    let places = fixture.fill(Class::Write, 1);
    let capacity = Arc::clone(&fixture.capacity);
    let stream = tokio::spawn(async move { capacity.make_way().await });
    for _ in 0..50 {
        while fixture.clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(!stream.is_finished());
        fixture.clock.advance(Duration::from_millis(10));
        while fixture.clock.sleepers() > 0 && !stream.is_finished() {
            tokio::task::yield_now().await;
            if fixture.clock.sleepers() > 0 {
                break;
            }
        }
    }
    stream.await.unwrap();
    drop(places);
}
