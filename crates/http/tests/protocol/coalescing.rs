//! Many who ask for the same, and loaders that go away, panic or die.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use roster_app::{CacheEvent, CachePolicy, Freshness, UserError};
use roster_domain::UserId;
use roster_domain::ports::StoreError;

use crate::support::{Making, Node, PATIENCE, World, until};

const CALLERS: usize = 1_000;

/// Polls a future so many times, each when it asked for it, and drops it; its output if it
/// ended by then.
async fn polled<T>(future: impl Future<Output = T>, times: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn collapsed(node: &Node) -> usize {
    node.events.count(|event| *event == CacheEvent::Collapsed)
}

/// The first of many callers goes away after so many polls; true when it came to its end.
async fn the_first_goes_away(world: &World, node: &Node, polls: usize) -> bool {
    let id = node.create().await.id;
    let (queries, joined) = (node.users.queries(), collapsed(node));
    node.users.before_read.stop_next(1);
    let service = Arc::clone(&node.service);
    let first = async move { service.get(id, Freshness::CACHED).await };
    let first = tokio::spawn(polled(first, polls));
    if polls > 0 {
        node.users.before_read.stopped(1).await;
    }
    let others: Vec<_> = (1..CALLERS).map(|_| node.reading(id)).collect();
    // The leader of the load collapses with nobody.
    let share = CALLERS - 1 - usize::from(polls == 0);
    until("all share one load", || collapsed(node) == joined + share).await;
    node.users.before_read.stopped(1).await;
    node.users.before_read.open();

    for other in others {
        let answer = other.await.unwrap().unwrap();
        assert_eq!(answer.user.version.get(), 1);
    }
    assert_eq!(node.users.queries(), queries + 1, "after {polls} polls");
    // Who asked in time is answered before the fill.
    node.landed(id).await;
    assert_ne!(world.tag(id).await, Some('L'), "a lease is left");
    let ended = first.await.unwrap();
    assert!(ended.as_ref().is_none_or(Result::is_ok));
    ended.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_the_first_of_many_goes_away_at_any_point_and_the_others_finish() {
    let world = world!();
    let node = world.node().await;
    let mut polls = 0;
    while !the_first_goes_away(&world, &node, polls).await {
        polls += 1;
    }
    assert!(polls >= 2, "the first caller never waited");
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_a_loader_that_panics_leaves_nobody_waiting_and_no_lease() {
    let world = world!();
    let node = world.node().await;
    let id = node.create().await.id;
    node.users.before_read.stop_next(1);
    node.users.panics.store(1, Ordering::SeqCst);
    let callers: Vec<_> = (0..CALLERS).map(|_| node.reading(id)).collect();
    until("all share one load", || collapsed(&node) == CALLERS - 1).await;
    node.users.before_read.stopped(1).await;
    assert_eq!(world.tag(id).await, Some('L'));
    node.users.before_read.open();

    for caller in callers {
        let failed = tokio::time::timeout(PATIENCE, caller).await.unwrap();
        let failed = failed.unwrap().unwrap_err();
        let unavailable = matches!(failed, UserError::Store(StoreError::Unavailable(_)));
        assert!(unavailable, "{failed:?}");
    }
    assert_eq!(node.users.queries(), 1);
    assert_eq!(
        world.tag(id).await,
        Some('T'),
        "the floor stays, the lease goes"
    );
    assert_eq!(node.version(id).await, Some(1));
    assert_eq!(node.users.queries(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_the_key_of_a_dead_loader_is_filled_again_within_the_lease_time() {
    let world = world!();
    // Leases hold and are waited for no longer than in production.
    let policy = CachePolicy {
        invalidate_limit: PATIENCE,
        ..CachePolicy::default()
    };
    let lease = policy.lease_ttl;
    let making = || Making {
        policy: policy.clone(),
        upkeep: false,
        ..Making::default()
    };
    let dying = world.node_with(making()).await;
    let alive = world.node_with(making()).await;
    let id = alive.create().await.id;
    alive.rename(id, "second").await;
    assert_eq!(world.tag(id).await, Some('T'));
    let tombstone: i64 = world.redis(&["PTTL", &world.key(id)]).await;
    assert!(Duration::from_millis(tombstone.unsigned_abs()) > 2 * lease);

    let began = alive.runtime.clock.monotonic();
    dying.cache.after_acquire.stop_next(1);
    let dead = dying.reading(id);
    dying.cache.after_acquire.stopped(1).await;
    assert_eq!(world.tag(id).await, Some('L'));
    while world.tag(id).await != Some('V') {
        assert_eq!(alive.version(id).await, Some(2));
        let waited = alive.runtime.clock.monotonic().saturating_sub(began);
        assert!(waited < lease + PATIENCE, "the lease is never taken over");
    }
    let filled = alive.runtime.clock.monotonic().saturating_sub(began);
    println!("filled again {} ms after the question", filled.as_millis());
    // A second for a busy machine; the tombstone would have held it for half a minute.
    assert!(filled < lease + Duration::from_secs(1), "{filled:?}");
    dead.abort();
}

/// Many callers on each of two nodes at once.
async fn all_ask(nodes: [&Node; 2], id: UserId, callers: usize) {
    let callers: Vec<_> = (0..callers).map(|n| nodes[n % 2].reading(id)).collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().user.version.get(), 1);
    }
}

fn waits(nodes: [&Node; 2]) -> Vec<(Duration, bool)> {
    let waited = |event: &CacheEvent| match *event {
        CacheEvent::LeaseWaited { waited, served } => Some((waited, served)),
        _ => None,
    };
    nodes
        .iter()
        .flat_map(|node| node.events.of(waited))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn f14_while_a_lease_holds_two_nodes_make_one_query() {
    let world = world!();
    let (one, other) = (world.quiet_node().await, world.quiet_node().await);
    let nodes = [&one, &other];
    let id = one.create().await.id;
    for node in nodes {
        node.users.before_read.stop_next(1);
    }
    let callers: Vec<_> = (0..CALLERS).map(|n| nodes[n % 2].reading(id)).collect();
    let shared = || collapsed(&one) + collapsed(&other);
    until("each node has one load", || shared() == CALLERS - 2).await;
    let queries = || one.users.queries() + other.users.queries();
    until("somebody has the lease", || queries() > 0).await;
    // The other node is told to wait, and hears of nothing until the fill.
    while !nodes.iter().any(|node| node.cache.told_to_wait()) {
        tokio::task::yield_now().await;
    }
    for node in nodes {
        node.users.before_read.open();
    }
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().user.version.get(), 1);
    }
    assert_eq!(queries(), 1);
    let waits = waits(nodes);
    // A wait without a push would have ended unserved, after all the patience there is.
    assert!(matches!(waits[..], [(_, true)]), "{waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f14_those_who_wait_for_a_lease_are_woken_by_the_push() {
    const ROUNDS: usize = 40;
    let world = world!();
    // A waiter that no push wakes gives up after these 50 ms, as in production.
    let policy = CachePolicy {
        invalidate_limit: PATIENCE,
        ..CachePolicy::default()
    };
    let limit = policy.lease_wait;
    let making = || Making {
        policy: policy.clone(),
        upkeep: false,
        ..Making::default()
    };
    let (one, other) = (
        world.node_with(making()).await,
        world.node_with(making()).await,
    );
    let nodes = [&one, &other];
    for _ in 0..ROUNDS {
        let id = one.create().await.id;
        let before = nodes.map(|node| node.users.queries());
        all_ask(nodes, id, CALLERS).await;
        for (node, before) in nodes.iter().zip(before) {
            assert!(
                node.users.queries() <= before + 1,
                "more than one query of a node"
            );
        }
    }
    let waits = waits(nodes);
    let mut served: Vec<Duration> = waits
        .iter()
        .filter_map(|(waited, served)| served.then_some(*waited))
        .collect();
    served.sort();
    println!("{} waits, {} served: {served:?}", waits.len(), served.len());
    assert!(!served.is_empty(), "nobody waited");
    let median = served[served.len() / 2];
    assert!(median < limit / 2, "{median:?}");
}
