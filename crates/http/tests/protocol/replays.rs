//! Relays that die before they acknowledge, and what they deliver again and again.

use std::sync::atomic::Ordering;

use rand::seq::SliceRandom as _;
use roster_domain::ports::{Invalidation, UserCache as _};
use roster_domain::{UserId, UserVersion};

use crate::support::{Node, World, until};

const KEYS: usize = 20;
const VERSIONS: u64 = 5;

/// Users at the last of their versions, kept by every node.
async fn warm_users(nodes: &[&Node]) -> Vec<UserId> {
    let mut ids = Vec::new();
    for _ in 0..KEYS {
        let id = nodes[0].create().await.id;
        for version in 1..VERSIONS {
            nodes[0].rename(id, &format!("after {version}")).await;
        }
        for node in nodes {
            node.settle().await;
            assert_eq!(node.warm(id).await, VERSIONS);
        }
        ids.push(id);
    }
    ids
}

/// What would show that a fresh row was thrown away: queries and pushes of each node.
fn losses(nodes: &[&Node], ids: &[UserId]) -> Vec<(usize, usize)> {
    let pushes = |node: &Node| ids.iter().map(|id| node.cache.pushes(*id)).sum();
    nodes
        .iter()
        .map(|node| (node.users.queries(), pushes(node)))
        .collect()
}

async fn hold_the_last_versions(world: &World, nodes: &[&Node], ids: &[UserId]) {
    for id in ids {
        assert_eq!(world.tag(*id).await, Some('V'));
        for node in nodes {
            assert_eq!(node.near_version(*id).await, Some(VERSIONS));
            assert_eq!(node.version(*id).await, Some(VERSIONS));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t08_relays_that_die_before_they_acknowledge_throw_away_nothing_fresh() {
    let world = world!();
    let (one, other) = (world.node().await, world.node().await);
    let nodes = [&one, &other];
    for node in nodes {
        node.log
            .dies_before_acknowledging
            .store(true, Ordering::SeqCst);
    }
    let ids = warm_users(&nodes).await;
    let before = losses(&nodes, &ids);
    let changes = KEYS * usize::try_from(VERSIONS).unwrap();

    let delivered = || one.log.handed_out() + other.log.handed_out();
    let goal = delivered() + 10 * changes;
    until("the changes are delivered tenfold", || delivered() >= goal).await;
    hold_the_last_versions(&world, &nodes, &ids).await;
    assert_eq!(losses(&nodes, &ids), before);
    assert_eq!(one.log.acknowledged() + other.log.acknowledged(), 0);

    for node in nodes {
        node.log
            .dies_before_acknowledging
            .store(false, Ordering::SeqCst);
    }
    let acknowledged = || one.log.acknowledged() + other.log.acknowledged();
    until("the changes are acknowledged", || acknowledged() >= changes).await;
    hold_the_last_versions(&world, &nodes, &ids).await;
    assert_eq!(losses(&nodes, &ids), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn t08_a_tenfold_replay_in_any_order_throws_away_nothing_fresh() {
    let world = world!();
    let (one, other) = (world.node().await, world.node().await);
    let nodes = [&one, &other];
    let ids = warm_users(&nodes).await;
    let before = losses(&nodes, &ids);
    let mut replay: Vec<Invalidation> = ids
        .iter()
        .flat_map(|id| (1..=VERSIONS).map(|version| (*id, UserVersion::new(version))))
        .map(|(id, floor)| Invalidation { id, floor })
        .collect();
    for _ in 0..10 {
        replay.shuffle(&mut rand::rng());
        let (half, rest) = replay.split_at(replay.len() / 2);
        let halves = [
            one.cache.invalidate_many(half),
            other.cache.invalidate_many(rest),
        ];
        for changed in futures::future::join_all(halves).await {
            assert!(changed.unwrap().iter().all(|changed| !changed));
        }
    }
    for node in nodes {
        node.settle().await;
    }
    hold_the_last_versions(&world, &nodes, &ids).await;
    assert_eq!(losses(&nodes, &ids), before);
}

/// A key that was lost takes the floors in any order, and the highest stays.
#[tokio::test(flavor = "multi_thread")]
async fn t08_no_floor_goes_back() {
    let world = world!();
    let node = world.quiet_node().await;
    let id = node.create().await.id;
    let mut floors: Vec<u64> = (1..=50).collect();
    floors.shuffle(&mut rand::rng());
    let _: () = world.redis(&["DEL", &world.key(id)]).await;
    let mut highest = 0;
    for floor in floors {
        let invalidation = Invalidation {
            id,
            floor: UserVersion::new(floor),
        };
        let changed = node.cache.invalidate_many(&[invalidation]).await.unwrap();
        assert_eq!(changed, [floor > highest]);
        highest = highest.max(floor);
        let stored = world.stored(id).await.unwrap();
        assert_eq!(stored, format!("T{highest:016x}").into_bytes());
    }
}
