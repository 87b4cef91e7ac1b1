//! Redis comes back with data that lacks what it had acknowledged.

use std::sync::Arc;
use std::time::Duration;

use roster_soak::{History, Load, Node, Stop, now, redis_addr};
use roster_test_services::{Dump, RedisServer};

use crate::cluster::{Cluster, PATIENCE, at, head, hit, stored, until};
use crate::database::{Database, run};
use crate::journal::{Journal, acknowledged_before, last_below, renumbered, version};
use crate::tries::{in_some_try, kept};

/// How long anything that was lost may be seen after the reconnect.
const HEALED_WITHIN: Duration = Duration::from_secs(1);
const USERS: usize = 4;

/// The promoted replica never heard of the invalidations; the change log has them still.
#[tokio::test(flavor = "multi_thread")]
async fn t07_a_failover_that_loses_invalidations_is_healed_by_replay() {
    let Some(cluster) = Cluster::start(2, USERS).await else {
        return;
    };
    let mut all = History::default();
    let mut versions = 1_u64..;
    in_some_try(async || {
        let old = versions.next().unwrap();
        cluster.warm(&[0, 1]).await;
        cluster.redis.follow().await.unwrap();
        let (epochs, connects) = (epochs(&cluster).await, cluster.connects().await);
        let watch = cluster.journal().watching(vec![0, 1]);

        cluster.redis.cut_link();
        let mut journal = cluster.journal();
        for user in 0..USERS {
            assert_eq!(journal.must_write(0, user).await, old + 1);
            let kept = stored(cluster.redis.replica(), cluster.users[user]).await;
            assert_eq!(
                head(kept.as_deref()),
                Some(('V', old)),
                "the replica knows nothing of it"
            );
        }
        cluster.redis.switch().await.unwrap();
        let reconnected = cluster.reconnected(&connects).await;
        let healed = old_values_gone(&cluster, old).await;
        at(reconnected + HEALED_WITHIN).await;
        let wrong = other_hits(&mut journal, old + 1).await;
        let history = watch.end().await;
        let answered = last_below(&history, |_| old + 1);
        let answered = answered.map(|last| last.saturating_sub(reconnected));
        let healed = healed.saturating_sub(reconnected);
        println!("t07: replayed {healed:?} after the reconnect");
        assert_eq!(
            self::epochs(&cluster).await,
            epochs,
            "by replay, not by clearing"
        );
        all.extend(history);
        all.extend(journal.history);
        kept(
            healed.max(answered.unwrap_or_default()) <= HEALED_WITHIN && wrong == 0,
            format!("healed after {healed:?}, old answers until {answered:?}, {wrong} later"),
        )
    })
    .await;
    cluster.assert_kept(&all).await;
}

/// The dump is older than the change log reaches back: nothing but the epoch can tell.
#[tokio::test(flavor = "multi_thread")]
async fn t07_a_restart_from_an_old_dump_is_healed_by_the_epoch() {
    let Some(cluster) = Cluster::start(2, USERS).await else {
        return;
    };
    let mut all = History::default();
    let mut versions = 1_u64..;
    in_some_try(async || {
        let old = versions.next().unwrap();
        cluster.warm(&[0, 1]).await;
        let dump = cluster.redis.primary().dump().await.unwrap();
        let Some(dump) = aged(&dump, &cluster.database).await else {
            return Ok(());
        };
        let mut journal = cluster.journal();
        for user in 0..USERS {
            assert_eq!(journal.must_write(0, user).await, old + 1);
        }
        // Which the keeper would do after the time by which the dump was made older.
        let mut sql = cluster.database.sql().await;
        run(&mut sql, "DELETE FROM user_changes").await;
        let (epochs, connects) = (epochs(&cluster).await, cluster.connects().await);
        let watch = cluster.journal().watching(vec![0, 1]);

        cluster.redis.primary().restart_from(&dump).await.unwrap();
        for user in 0..USERS {
            let kept = cluster.stored(user).await;
            assert!(head(kept.as_deref()).is_some(), "the dump has the users");
        }
        let reconnected = cluster.reconnected(&connects).await;
        let raised = until("the epoch is raised", PATIENCE, async || {
            (self::epochs(&cluster).await > epochs).then(now)
        })
        .await;
        at(reconnected + HEALED_WITHIN).await;
        let wrong = other_hits(&mut journal, old + 1).await;
        let history = watch.end().await;
        let answered = last_below(&history, |_| old + 1);
        let answered = answered.map(|last| last.saturating_sub(reconnected));
        println!(
            "t07: epoch raised {:?} after the reconnect, last old answer after {answered:?}",
            raised.saturating_sub(reconnected)
        );
        all.extend(history);
        all.extend(journal.history);
        kept(
            answered.unwrap_or_default() <= HEALED_WITHIN && wrong == 0,
            format!("old answers until {answered:?}, {wrong} later"),
        )
    })
    .await;
    cluster.assert_kept(&all).await;
}

/// Under a load of reads and writes, again and again.
#[tokio::test(flavor = "multi_thread")]
async fn f03_nothing_is_stale_a_second_after_a_failover_that_loses_invalidations() {
    const ROUNDS: usize = 3;
    let Some(cluster) = Cluster::start(3, USERS).await else {
        return;
    };
    cluster.warm(&[0, 1, 2]).await;
    let mut load = Load::new(
        cluster.users.clone(),
        cluster.nodes.iter().map(Node::address),
    );
    (load.clients, load.writes, load.pause) = (8, 0.2, Duration::from_millis(2));
    let load = Arc::new(load);
    let mut all = History::default();
    in_some_try(async || {
        let stop = Stop::after(u64::MAX);
        let running = tokio::spawn({
            let (load, stop) = (Arc::clone(&load), Arc::clone(&stop));
            async move { load.run(&stop).await }
        });
        let mut failovers = Vec::new();
        for _ in 0..ROUNDS {
            cluster.redis.follow().await.unwrap();
            let connects = cluster.connects().await;
            cluster.redis.cut_link();
            tokio::time::sleep(Duration::from_millis(200)).await;
            cluster.redis.switch().await.unwrap();
            let switched = now();
            let reconnected = cluster.reconnected(&connects).await;
            failovers.push((switched, reconnected));
            at(reconnected + HEALED_WITHIN + Duration::from_millis(300)).await;
        }
        stop.tell();
        let history = renumbered(running.await.unwrap().unwrap());
        let mut last = Vec::new();
        for (switched, reconnected) in &failovers {
            let newest = acknowledged_before(&history, USERS, *switched);
            let stale = last_below(&after(&history, *switched), |user| newest[user]);
            last.push(stale.map_or(Duration::ZERO, |at| at.saturating_sub(*reconnected)));
        }
        println!(
            "f03: {} operations; the last stale answers came {last:?} after the reconnects",
            history.len()
        );
        let failed = history.reads.iter().filter(|read| version(read).is_none());
        assert_eq!(failed.count(), 0, "every read is answered");
        all.extend(history);
        kept(
            last.iter().all(|stale| *stale <= HEALED_WITHIN),
            format!("stale {last:?} after the reconnects"),
        )
    })
    .await;
    cluster.assert_kept(&all).await;
}

/// The reads that were sent after a moment.
fn after(history: &History, moment: Duration) -> History {
    let reads = history.reads.iter().filter(|read| read.sent >= moment);
    History {
        reads: reads.cloned().collect(),
        ..History::default()
    }
}

/// How often any process has raised the cache epoch.
async fn epochs(cluster: &Cluster) -> u64 {
    cluster
        .metric_of_all("roster_cache_epochs_raised_total")
        .await
}

/// How many answers from memory have another version than this one.
async fn other_hits(journal: &mut Journal, expected: u64) -> usize {
    let mut others = 0;
    for user in 0..USERS {
        for node in [0, 1] {
            let read = hit(journal, node, user).await;
            others += usize::from(version(&read) != Some(expected));
        }
    }
    others
}

/// When Redis holds no user at this version any more.
async fn old_values_gone(cluster: &Cluster, version: u64) -> Duration {
    until("Redis holds no old version", PATIENCE, async || {
        for user in 0..cluster.users.len() {
            let kept = cluster.stored(user).await;
            if head(kept.as_deref()).is_some_and(|kept| kept == ('V', version)) {
                return None;
            }
        }
        Some(now())
    })
    .await
}

/// The same data, with a watermark whose snapshot of the database is ten minutes older: what a
/// dump of ten minutes ago would have, without the wait.
async fn aged(dump: &Dump, database: &Database) -> Option<Dump> {
    const TEN_MINUTES: u64 = 600_000_000;
    let server = RedisServer::start()?;
    server.restart_from(dump).await.unwrap();
    let (id, key) = (database.id().await, database.watermark_key().await);
    let redis = async |words: &[&[u8]]| redis_addr(server.addr(), words).await.unwrap();
    let redis::Value::BulkString(stored) = redis(&[b"GET", key.as_bytes()]).await else {
        panic!("the dump has no watermark");
    };
    let stored = String::from_utf8(stored).unwrap();
    let snapshot_at = u64::from_str_radix(&stored[18..34], 16).unwrap() - TEN_MINUTES;
    let (head, clock) = (
        format!("{}{snapshot_at:016x}{}", &stored[..18], &stored[34..66]),
        &stored[74..],
    );
    let mut crc = crc32fast::Hasher::new();
    for part in [id.as_bytes(), head.as_bytes(), clock.as_bytes()] {
        crc.update(part);
    }
    let aged = format!("{head}{:08x}{clock}", crc.finalize());
    redis(&[b"SET", key.as_bytes(), aged.as_bytes()]).await;
    Some(server.dump().await.unwrap())
}
