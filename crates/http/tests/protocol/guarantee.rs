//! The sentences of the guarantee, each under concurrent reads and writes of two nodes.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use roster_app::{CacheEvent, Freshness, Held, StalenessBound};
use roster_domain::UserId;

use crate::support::{Node, World, at_least, is_soak, until};

const KEYS: usize = 8;

/// How long reads and writes go on.
fn span() -> Duration {
    Duration::from_secs(if is_soak() { 60 } else { 3 })
}

/// Two nodes and some users.
async fn two_nodes(world: &World) -> (Node, Node, Vec<UserId>) {
    let (reader, writer) = (world.node().await, world.node().await);
    let mut ids = Vec::new();
    for _ in 0..KEYS {
        ids.push(writer.create().await.id);
    }
    (reader, writer, ids)
}

/// What becomes of a write's own invalidation.
#[derive(Clone, Copy)]
enum Writer {
    Invalidates,
    /// It dies after its commit: nothing but a relay tells of it.
    Dies,
}

impl Writer {
    async fn write(self, node: &Node, id: UserId) -> u64 {
        match self {
            Self::Invalidates => node.write(id).await,
            Self::Dies => node.commit_alone(id).await,
        }
    }
}

/// Runs `act` again and again, side by side on every key, until the time is over.
#[expect(
    clippy::future_not_send,
    reason = "a test waits for it where it stands"
)]
async fn for_a_while(node: &Node, ids: &[UserId], act: impl AsyncFn(usize, UserId)) {
    let end = node.runtime.clock.monotonic() + span();
    let each = ids.iter().enumerate().map(async |(key, id)| {
        while node.runtime.clock.monotonic() < end {
            act(key, *id).await;
            tokio::task::yield_now().await;
        }
    });
    join_all(each).await;
}

/// Whatever Redis holds is no older than what was acknowledged before it was looked at.
#[tokio::test(flavor = "multi_thread")]
async fn fill_safety_the_shared_cache_never_holds_what_was_invalidated_before() {
    let world = world!();
    let (reader, writer, ids) = two_nodes(&world).await;
    let acknowledged: Vec<AtomicU64> = ids.iter().map(|_| AtomicU64::new(1)).collect();
    let values = AtomicUsize::default();
    let write = for_a_while(&writer, &ids, async |key, id| {
        let written = writer.write(id).await;
        acknowledged[key].fetch_max(written, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..4))).await;
    });
    let read = for_a_while(&reader, &ids, async |_, id| {
        reader.version(id).await;
    });
    let evict = for_a_while(&reader, &ids[..2], async |_, id| {
        let _: i64 = world.redis(&["DEL", &world.key(id)]).await;
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..4))).await;
    });
    let look = for_a_while(&reader, &ids, async |key, id| {
        let least = acknowledged[key].load(Ordering::SeqCst);
        let Some(stored) = world.stored(id).await else {
            return;
        };
        if stored[0] == b'V' {
            let digits = std::str::from_utf8(&stored[1..17]).unwrap();
            let version = u64::from_str_radix(digits, 16).unwrap();
            assert!(version >= least, "{version} after {least} was acknowledged");
            values.fetch_add(1, Ordering::SeqCst);
        }
    });
    tokio::join!(write, read, evict, look);
    let values = values.into_inner();
    assert!(values > 100, "only {values} values were seen");
}

/// What a client was told by a writer, and when.
type Acknowledged = Mutex<Vec<(Duration, u64)>>;

/// No answer with a bound is older than the bound says, though every writer dies before it
/// invalidates.
#[tokio::test(flavor = "multi_thread")]
async fn bounded_staleness_no_answer_is_older_than_its_bound() {
    let world = world!();
    let (reader, writer, ids) = two_nodes(&world).await;
    // One clock for both: that of the reader.
    let now = || reader.runtime.clock.monotonic();
    let acknowledged: Vec<Acknowledged> = ids.iter().map(|_| Mutex::default()).collect();
    let write = for_a_while(&writer, &ids, async |key, id| {
        let written = writer.commit_alone(id).await;
        acknowledged[key].lock().unwrap().push((now(), written));
        tokio::time::sleep(Duration::from_millis(rand::random_range(10..60))).await;
    });
    let (stale, proven, unproven) = (
        AtomicUsize::default(),
        AtomicUsize::default(),
        AtomicUsize::default(),
    );
    let read = for_a_while(&reader, &ids, async |key, id| {
        let asked_at = now();
        let answer = reader.read(id).await;
        let StalenessBound::Proven(bound) = answer.bound else {
            unproven.fetch_add(1, Ordering::SeqCst);
            return;
        };
        proven.fetch_add(1, Ordering::SeqCst);
        let version = answer.user.version.get();
        let acknowledged = acknowledged[key].lock().unwrap();
        let newer = acknowledged.iter().find(|(_, written)| *written > version);
        if let Some((at, written)) = newer {
            // The answer was given later than it was asked for, which can only excuse less.
            let age = asked_at.saturating_sub(*at);
            assert!(
                age <= bound,
                "{version} was answered with a bound of {bound:?}, {age:?} after {written}"
            );
            stale.fetch_add(usize::from(!age.is_zero()), Ordering::SeqCst);
        }
    });
    tokio::join!(write, read);
    let (stale, proven) = (stale.into_inner(), proven.into_inner());
    let unproven = unproven.into_inner();
    println!("{proven} answers with a bound, {stale} of them stale; {unproven} without");
    assert!(
        stale > 10,
        "only {stale} stale answers put the bound to the test"
    );
    assert!(proven > unproven, "{unproven} answers had no bound");
}

/// One client of both nodes: what it wrote or saw is the least that it is answered.
async fn be_a_client(writer: Writer, nodes: [&Node; 2], id: UserId, known: &AtomicU64) {
    let node = nodes[rand::random_range(0..2)];
    let least = known.load(Ordering::SeqCst);
    if rand::random_range(0..4) == 0 {
        let written = writer.write(node, id).await;
        assert!(written > least);
        known.fetch_max(written, Ordering::SeqCst);
        return;
    }
    let answer = node.service.get(id, at_least(least)).await.unwrap();
    let version = answer.user.version.get();
    assert!(version >= least, "{version} after {least}");
    known.fetch_max(version, Ordering::SeqCst);
}

#[tokio::test(flavor = "multi_thread")]
async fn read_your_writes_monotonic_reads_no_client_goes_back_on_any_node() {
    let world = world!();
    for writer in [Writer::Invalidates, Writer::Dies] {
        let (one, other, ids) = two_nodes(&world).await;
        let clients = (0..4).map(async |_| {
            let known: Vec<AtomicU64> = ids.iter().map(|_| AtomicU64::new(1)).collect();
            for_a_while(&one, &ids, async |key, id| {
                be_a_client(writer, [&one, &other], id, &known[key]).await;
            })
            .await;
        });
        join_all(clients).await;
    }
}

/// Without a minimum, a node still never takes back what one of its own writers was told.
#[tokio::test(flavor = "multi_thread")]
async fn read_your_writes_a_node_that_cannot_invalidate_still_answers_its_own_write() {
    let world = world!();
    let (_, writer, ids) = two_nodes(&world).await;
    let lost = &writer.cache.loses_invalidations;
    lost.store(true, Ordering::SeqCst);
    for_a_while(&writer, &ids, async |_, id| {
        writer.version(id).await;
        let written = writer.write(id).await;
        assert_eq!(writer.version(id).await, Some(written));
    })
    .await;
}

/// Returns when a round of somebody's relay that began after this call is done, and its pushes
/// have arrived everywhere.
async fn one_relay_round_and_one_push(nodes: [&Node; 2]) {
    let relayed = |event: &CacheEvent| matches!(event, CacheEvent::Relayed { .. });
    let rounds = || nodes.map(|node| node.events.count(relayed));
    // The first to end may have begun before.
    let before = rounds();
    until("a relay has done a round", || {
        let now = rounds();
        now[0] >= before[0] + 2 || now[1] >= before[1] + 2
    })
    .await;
    for node in nodes {
        node.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn convergence_after_one_round_and_one_push_every_tier_holds_the_last_version_or_nothing() {
    let world = world!();
    for how in [Writer::Invalidates, Writer::Dies] {
        let (reader, writer, ids) = two_nodes(&world).await;
        let last: Vec<AtomicU64> = ids.iter().map(|_| AtomicU64::new(1)).collect();
        let stop = Arc::new(AtomicBool::default());
        let write = async {
            for_a_while(&writer, &ids, async |key, id| {
                let written = how.write(&writer, id).await;
                last[key].fetch_max(written, Ordering::SeqCst);
                writer.version(id).await;
            })
            .await;
            one_relay_round_and_one_push([&reader, &writer]).await;
            stop.store(true, Ordering::SeqCst);
        };
        // Reads go on, and so do fills, until the tiers are looked at.
        let read = join_all(ids.iter().map(async |id| {
            while !stop.load(Ordering::SeqCst) {
                reader.version(*id).await;
                tokio::task::yield_now().await;
            }
        }));
        tokio::join!(write, read);
        for (id, last) in ids.iter().zip(&last) {
            let last = last.load(Ordering::SeqCst);
            for node in [&reader, &writer] {
                let held = node.inspect(*id).await;
                assert_eq!(held.row.unwrap().unwrap().get(), last);
                for tier in [held.l1, held.l2.unwrap().unwrap()] {
                    match tier {
                        Held::Value { version, .. } => assert_eq!(version.get(), last),
                        Held::Absent => panic!("an absence, with the row at {last}"),
                        Held::Nothing | Held::Floor(_) | Held::Leased { .. } => {}
                    }
                }
                let answer = node.service.get(*id, Freshness::CACHED).await.unwrap();
                assert_eq!(answer.user.version.get(), last);
            }
        }
    }
}
