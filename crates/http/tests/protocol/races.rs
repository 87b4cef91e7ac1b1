//! A reader that stops between its query and its fill, while somebody writes.

use roster_app::{CacheEvent, Held};
use roster_domain::UserId;
use roster_domain::ports::FillOutcome;

use crate::support::{Making, Node, World, until};

/// What becomes of the key after the write, before the reader goes on.
#[derive(Clone, Copy)]
enum Loss {
    Nothing,
    /// Redis makes room: the floor is gone.
    Eviction,
    Flush,
}

/// A reader reads version 1 and stops before it fills; version 2 is committed and the key
/// invalidated, and perhaps lost; the reader goes on.
async fn a_reader_is_overtaken(world: &World, loss: Loss, upkeep: bool) {
    let making = || Making {
        upkeep,
        ..Making::default()
    };
    let reader = world.node_with(making()).await;
    let writer = world.node_with(making()).await;
    let id = writer.create().await.id;

    reader.cache.before_fill.stop_next(1);
    let reading = reader.reading(id);
    reader.cache.before_fill.stopped(1).await;
    assert_eq!(world.tag(id).await, Some('L'));
    assert_eq!(writer.rename(id, "second").await.version.get(), 2);
    match loss {
        Loss::Nothing => assert_eq!(world.tag(id).await, Some('T')),
        Loss::Eviction => world.redis(&["DEL", &world.key(id)]).await,
        Loss::Flush => world.redis(&["FLUSHALL"]).await,
    }
    reader.cache.before_fill.open();

    // It asked before the write was acknowledged, so either version is right.
    reading.await.unwrap().unwrap();
    reader.landed(id).await;
    assert_eq!(reader.cache.fills(), [FillOutcome::Refused]);
    holds_nothing_below(&reader, id, 2).await;
    for node in [&reader, &writer] {
        node.settle().await;
        assert_eq!(node.version(id).await, Some(2));
    }
}

/// No tier of a node holds the user at a lower version.
async fn holds_nothing_below(node: &Node, id: UserId, least: u64) {
    let held = node.inspect(id).await;
    for tier in [held.l1, held.l2.unwrap().unwrap()] {
        if let Held::Value { version, .. } = tier {
            assert!(version.get() >= least, "{tier:?}");
        }
        assert_ne!(tier, Held::Absent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t01_a_reader_that_was_overtaken_stores_nothing() {
    let world = world!();
    for upkeep in [false, true] {
        a_reader_is_overtaken(&world, Loss::Nothing, upkeep).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t01_nor_when_the_tombstone_was_evicted() {
    let world = world!();
    for upkeep in [false, true] {
        a_reader_is_overtaken(&world, Loss::Eviction, upkeep).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t01_nor_when_everything_was_flushed() {
    let world = world!(own_redis);
    for upkeep in [false, true] {
        a_reader_is_overtaken(&world, Loss::Flush, upkeep).await;
    }
}

/// The near copy comes from a read of its own, which may be overtaken as well.
#[tokio::test(flavor = "multi_thread")]
async fn t01_what_was_read_before_an_invalidation_is_not_kept_after_it() {
    let world = world!();
    let reader = world.quiet_node().await;
    let writer = world.quiet_node().await;
    let id = writer.create().await.id;
    writer.version(id).await;

    reader.cache.after_get.stop_next(1);
    let reading = reader.reading(id);
    reader.cache.after_get.stopped(1).await;
    writer.rename(id, "second").await;
    until("the push arrived", || reader.cache.pushes(id) > 0).await;
    reader.cache.after_get.open();

    assert_eq!(reading.await.unwrap().unwrap().user.version.get(), 1);
    assert_eq!(reader.near_version(id).await, None);
    assert_eq!(
        reader
            .events
            .count(|event| *event == CacheEvent::TicketRefused),
        1
    );
    assert_eq!(reader.version(id).await, Some(2));
}

const CALLERS: usize = 100;

/// Callers that share one load, which has read version 1 and stops there.
async fn a_coalesced_load(
    node: &Node,
    id: UserId,
) -> Vec<tokio::task::JoinHandle<Result<roster_app::Answer, roster_app::UserError>>> {
    node.users.after_read.stop_next(1);
    let callers: Vec<_> = (0..CALLERS).map(|_| node.reading(id)).collect();
    node.users.after_read.stopped(1).await;
    let collapsed = || node.events.count(|event| *event == CacheEvent::Collapsed);
    until("all callers share the load", || collapsed() == CALLERS - 1).await;
    callers
}

#[tokio::test(flavor = "multi_thread")]
async fn t03_a_late_caller_sees_this_nodes_write_before_the_coalesced_load_ends() {
    let world = world!();
    let node = world.node().await;
    let id = node.create().await.id;
    let callers = a_coalesced_load(&node, id).await;

    node.rename(id, "second").await;
    // While the load still stands.
    assert_eq!(node.version(id).await, Some(2));
    node.users.after_read.open();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(node.users.queries(), 2);
    holds_nothing_below(&node, id, 2).await;
    assert_eq!(node.warm(id).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn t03_a_late_caller_sees_another_nodes_write() {
    let world = world!();
    let node = world.node().await;
    let other = world.node().await;
    let id = other.create().await.id;
    let callers = a_coalesced_load(&node, id).await;

    other.rename(id, "second").await;
    let late = node.reading(id);
    let collapsed = || node.events.count(|event| *event == CacheEvent::Collapsed);
    until("the late caller joins", || collapsed() == CALLERS).await;
    node.users.after_read.open();
    assert_eq!(late.await.unwrap().unwrap().user.version.get(), 2);
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(node.users.queries(), 2);
    holds_nothing_below(&node, id, 2).await;
    assert_eq!(node.warm(id).await, 2);
}
