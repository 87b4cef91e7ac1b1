//! Two processes over one store and one cache: what they hold when all is quiet, and what each
//! reads of its own writes.

use std::sync::Arc;
use std::time::Duration;

use roster_domain::UserVersion;
use roster_domain::ports::Invalidation;
use shuttle::future::{block_on, spawn, yield_now};

use super::fleet::Fleet;
use super::{at_random, with_few_switches};
use crate::caching::pending_floors::PendingFloors;
use crate::caching::test_users::id;

/// Everything at once.
fn race() {
    block_on(async {
        let Fleet { here, there, cache } = Fleet::warm().await;

        let mut tasks = Vec::new();
        for node in [&here, &there] {
            let reader = Arc::clone(node);
            tasks.push(spawn(async move {
                reader.read().await;
                reader.read().await;
            }));
            let pushes = Arc::clone(node);
            tasks.push(spawn(async move { pushes.read_pushes().await }));
        }
        let writer = Arc::clone(&here);
        tasks.push(spawn(async move {
            let version = writer.write("Written").await;
            assert!(writer.read().await >= version, "reads its own write");
        }));
        let dying = Arc::clone(&there);
        tasks.push(spawn(async move {
            // Late enough that it is often the last change.
            dying.read().await;
            dying.commit("Left behind").await;
        }));
        let relay = Arc::clone(&there);
        tasks.push(spawn(async move { relay.relay().await }));
        let evictor = Arc::clone(&cache);
        tasks.push(spawn(async move {
            yield_now().await;
            evictor.evict(id(1));
        }));
        for task in tasks {
            task.await.unwrap();
        }

        // Quiet: one round and one push later every tier holds the last version or nothing.
        here.relay().await;
        for node in [&here, &there] {
            node.wire.read(u64::MAX);
            assert_eq!(node.read().await, 3);
        }
        here.is_quiet().await;
    });
}

/// Another process writes while a reply is in the hands of a reader: the push is handled first,
/// and what the reply brought is not kept after it.
fn reply_that_waits() {
    block_on(async {
        let Fleet { here, there, .. } = Fleet::warm().await;
        let mut tasks = Vec::new();
        let reader = Arc::clone(&here);
        tasks.push(spawn(async move {
            reader.read().await;
        }));
        let pushes = Arc::clone(&here);
        tasks.push(spawn(async move { pushes.read_pushes().await }));
        let writer = Arc::clone(&there);
        tasks.push(spawn(async move {
            writer.write("Written").await;
        }));
        for task in tasks {
            task.await.unwrap();
        }
        // An invalidation that took too long is delivered; one that was, says nothing again.
        there.relay().await;
        here.wire.read(u64::MAX);
        assert_eq!(here.read().await, 2);
        here.is_quiet().await;
    });
}

/// A process writes while its own readers ask, and has not read the push yet when it answers.
fn own_write() {
    block_on(async {
        let Fleet { here, .. } = Fleet::warm().await;
        let mut tasks = Vec::new();
        for pause in 2..=4 {
            let reader = Arc::clone(&here);
            tasks.push(spawn(async move {
                // So that often one of them asks between the commit and the invalidation.
                for _ in 0..pause {
                    yield_now().await;
                }
                reader.read().await;
            }));
        }
        let writer = Arc::clone(&here);
        tasks.push(spawn(async move {
            let version = writer.write("Written").await;
            assert!(writer.read().await >= version, "reads its own write");
        }));
        for task in tasks {
            task.await.unwrap();
        }
        here.is_quiet().await;
    });
}

/// The same, and the shared cache goes on holding what was before.
fn own_write_without_invalidation() {
    block_on(async {
        let Fleet { here, .. } = Fleet::warm().await;
        here.wire.lose_invalidations(true);
        let reader = Arc::clone(&here);
        let reader = spawn(async move {
            reader.read().await;
        });
        let version = here.write("Written").await;
        assert!(here.read().await >= version, "reads its own write");
        reader.await.unwrap();
        assert!(
            here.read().await >= version,
            "and what a reader left changes nothing"
        );
        here.wire.lose_invalidations(false);
        here.is_quiet().await;
    });
}

/// A process writes while so many floors are pending that it can note no other: what a reader
/// asked for before the invalidation is not kept after it.
fn own_write_without_a_floor() {
    block_on(async {
        let Fleet { here, .. } = Fleet::warm().await;
        for n in 0..PendingFloors::MOST as u128 {
            let invalidation = Invalidation {
                id: id(100 + n),
                floor: UserVersion::new(1),
            };
            assert!(here.cached.pending.raise(invalidation, Duration::MAX));
        }
        let reader = Arc::clone(&here);
        let reader = spawn(async move {
            // So that it often asks between the commit and the invalidation.
            for _ in 0..3 {
                yield_now().await;
            }
            reader.read().await;
        });
        let version = here.write("Written").await;
        assert!(here.read().await >= version, "reads its own write");
        reader.await.unwrap();
        here.is_quiet().await;
    });
}

/// Several loads, each run by its caller, and one lane for all: those that wait are taken from the
/// line by whoever is done, and some callers go away meanwhile. Every load ends.
fn one_lane() {
    block_on(async {
        let Fleet { here, .. } = Fleet::with_lanes(1).await;
        let mut tasks = Vec::new();
        for number in 2..=5 {
            let reader = Arc::clone(&here);
            tasks.push(spawn(async move { reader.read_absent(number).await }));
        }
        let gone = Arc::clone(&here);
        let gone = spawn(async move { gone.read_absent(5).await });
        yield_now().await;
        gone.abort();
        for task in tasks {
            task.await.unwrap();
        }
        here.is_quiet().await;
    });
}

#[test]
fn explored_loads_that_wait_for_a_lane_end() {
    at_random(one_lane, 3_000);
    with_few_switches(one_lane, 2_000, 4);
}

#[test]
fn explored_two_processes_agree_in_random_schedules() {
    at_random(race, 1_000);
}

#[test]
fn explored_two_processes_agree_in_schedules_of_few_switches() {
    with_few_switches(race, 2_000, 4);
}

#[test]
fn explored_a_reply_that_waits_is_not_kept() {
    at_random(reply_that_waits, 1_500);
    with_few_switches(reply_that_waits, 1_500, 3);
}

#[test]
fn explored_a_process_reads_what_it_wrote() {
    at_random(own_write, 3_000);
}

#[test]
fn explored_a_process_reads_what_it_wrote_also_when_its_invalidation_is_lost() {
    at_random(own_write_without_invalidation, 500);
}

#[test]
fn explored_a_process_reads_what_it_wrote_also_when_it_can_note_no_floor() {
    at_random(own_write_without_a_floor, 3_000);
}
