//! A process dies while it writes.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use roster_soak::{History, Load, Node, Stop, Tier, WriteOutcome, now};
use roster_test_services::Fault;

use crate::cluster::{Cluster, PATIENCE, at, head, hit, until};
use crate::journal::{last_below, renumbered, tier, version};
use crate::tries::{TRIES, in_some_try, kept};

/// After the death of its writer nothing older than the row may be anywhere.
const GONE_WITHIN: Duration = Duration::from_millis(500);

/// The writer's word to Redis is held back on the way, so that it dies after its commit and
/// before its invalidation; what was held back dies with it.
#[tokio::test(flavor = "multi_thread")]
async fn t04_a_writer_killed_between_commit_and_invalidation_leaves_nothing_old() {
    const ROUNDS: usize = 4;
    // Each try writes a user that nobody has written.
    let Some(mut cluster) = Cluster::start(3, ROUNDS * TRIES).await else {
        return;
    };
    let mut users = 0..ROUNDS * TRIES;
    let mut history = History::default();
    let (mut worst, mut left_behind, mut unanswered) = (Duration::ZERO, 0, 0);
    for _ in 0..ROUNDS {
        in_some_try(async || {
            let user = users.next().unwrap();
            cluster.warm(&[1, 2]).await;
            let watch = cluster.journal().watching(vec![1, 2]);
            cluster.redis.proxy(0).set(Fault::BlackHole);
            let mut writer = cluster.journal();
            let writing = tokio::spawn(async move {
                writer.write(0, user).await;
                writer.history
            });
            let mut sql = cluster.database.sql().await;
            until("the write is committed", PATIENCE, async || {
                (cluster
                    .database
                    .version(&mut sql, cluster.users[user])
                    .await
                    == 2)
                    .then_some(())
            })
            .await;
            cluster.nodes[0].kill();
            let died = now();
            cluster.redis.proxy(0).set(Fault::Cut);

            // Two processes and Redis still hold the old row, and nobody tells them but a relay.
            let mut held = died;
            while now() < died + GONE_WITHIN + Duration::from_millis(200) {
                if head(cluster.stored(user).await.as_deref()) == Some(('V', 1)) {
                    held = now();
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let written = writing.await.unwrap();
            unanswered += usize::from(written.writes[0].outcome == WriteOutcome::Lost);
            let seen = watch.end().await;
            let stale = |key| if key == user { 2 } else { 1 };
            let answered =
                last_below(&seen, stale).map_or(Duration::ZERO, |at| at.saturating_sub(died));
            left_behind += usize::from(held > died);
            let gone = answered.max(held - died);
            worst = worst.max(gone);
            history.extend(written);
            history.extend(seen);

            cluster.restart(0);
            let mut journal = cluster.journal();
            assert_eq!(version(&hit(&mut journal, 0, user).await), Some(2));
            history.extend(journal.history);
            kept(
                gone <= GONE_WITHIN,
                format!("an old row was there {gone:?} after its writer died"),
            )
        })
        .await;
    }
    println!(
        "t04: of {} writers {unanswered} died without an answer, {left_behind} left an old row \
         behind; the last was gone after {worst:?}",
        users.start
    );
    assert!(
        left_behind > 0 && unanswered > 0,
        "no writer died before its invalidation"
    );
    cluster.assert_kept(&history).await;
}

/// One process after the other is killed at some moment of a load of writes.
#[tokio::test(flavor = "multi_thread")]
async fn f09_a_kill_at_any_moment_loses_no_acknowledged_write_and_doubles_none() {
    const ROUNDS: usize = 6;
    let Some(mut cluster) = Cluster::start(3, 6).await else {
        return;
    };
    let addresses = || cluster.nodes.iter().map(Node::address);
    let mut load = Load::new(cluster.users.clone(), addresses());
    (load.clients, load.writes) = (12, 0.5);
    let load = Arc::new(load);
    let mut history = History::default();
    let mut worst = Duration::ZERO;
    for round in 0..ROUNDS {
        let victim = round % 3;
        in_some_try(async || {
            let stop = Stop::after(u64::MAX);
            let running = tokio::spawn({
                let (load, stop) = (Arc::clone(&load), Arc::clone(&stop));
                async move { load.run(&stop).await }
            });
            let moment = rand::rng().random_range(150..450);
            tokio::time::sleep(Duration::from_millis(moment)).await;
            cluster.nodes[victim].kill();
            let died = now();
            stop.tell();
            history.extend(renumbered(running.await.unwrap().unwrap()));

            let others: Vec<usize> = (0..3).filter(|node| *node != victim).collect();
            let mut journal = cluster.journal();
            let right = until("all answer the rows", PATIENCE, async || {
                let asked = now();
                let wrong = cluster.disagreements(&mut journal, &others).await;
                wrong.is_empty().then_some(asked)
            })
            .await;
            let took = right - died;
            worst = worst.max(took);
            at(died + GONE_WITHIN).await;
            let wrong = cluster.disagreements(&mut journal, &others).await;
            history.extend(journal.history);

            cluster.restart(victim);
            load.moved(victim, cluster.nodes[victim].address());
            cluster.warm(&[victim]).await;
            kept(
                took <= GONE_WITHIN && wrong.is_empty(),
                format!("the caches were right {took:?} after a death; then {wrong:?}"),
            )
        })
        .await;
    }
    let done = |write: &&roster_soak::Write| matches!(write.outcome, WriteOutcome::Done(_));
    let acknowledged = history.writes.iter().filter(done).count();
    let unknown = history.writes.len() - acknowledged;
    println!(
        "f09: {acknowledged} writes acknowledged, {unknown} without an answer; all caches right \
         {worst:?} after a kill"
    );
    assert!(
        acknowledged > 50,
        "only {acknowledged} writes were acknowledged"
    );
    let memory = history
        .reads
        .iter()
        .filter(|read| tier(read) == Some(Tier::L1));
    assert!(memory.count() > 0, "no cache was put to the test");
    cluster.assert_kept(&history).await;
}
