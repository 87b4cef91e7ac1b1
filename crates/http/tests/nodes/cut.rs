//! A process that cannot reach Redis, or whose connection to it is half open.

use std::sync::Arc;
use std::time::Duration;

use roster_soak::{History, Load, Stop, Tier, WriteOutcome, now};
use roster_test_services::Fault;
use sqlx::Connection as _;

use crate::cluster::{Cluster, PATIENCE, at, hit, until};
use crate::database::run;
use crate::journal::{cached_bound, last_below, renumbered, tier, version};

/// A bound has three digits behind the point.
const ROUNDING: Duration = Duration::from_millis(1);
/// Above this a bound has grown: a round of a relay and one of a proof, each of 100 ms, are in any.
const ORDINARY: Duration = Duration::from_millis(600);

/// The writer cannot tell Redis; the relays of the others can.
#[tokio::test(flavor = "multi_thread")]
async fn t05_a_writer_cut_from_redis_is_relayed_by_the_others() {
    let Some(cluster) = Cluster::start(3, 3).await else {
        return;
    };
    cluster.warm(&[0, 1, 2]).await;
    let watch = cluster.journal().watching(vec![1, 2]);
    let mut writer = cluster.journal();

    cluster.redis.proxy(0).set(Fault::Refuse);
    let mut last = 1;
    for _ in 0..20 {
        last = writer.must_write(0, 0).await;
        let own = writer.read(0, 0).await;
        assert_eq!(version(&own), Some(last), "the writer reads its own write");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let acknowledged = now();
    let mut journal = cluster.journal();
    for node in [1, 2] {
        until("the others have the last version", PATIENCE, async || {
            let read = journal.read(node, 0).await;
            (version(&read) == Some(last)).then_some(())
        })
        .await;
    }
    let relayed = now() - acknowledged;

    cluster.redis.proxy(0).set(Fault::Pass);
    let mended = now();
    assert_eq!(version(&hit(&mut journal, 0, 0).await), Some(last));
    let recovered = now() - mended;
    let mut history = watch.end().await;
    let stale = last_below(&history, |key| if key == 0 { last } else { 1 });
    assert!(stale.is_some(), "no reader was put to the test");
    println!(
        "t05: relayed {relayed:?} after the last write; the writer kept users again after {recovered:?}"
    );
    assert!(
        relayed <= Duration::from_secs(1),
        "relayed after {relayed:?}"
    );
    assert!(
        recovered <= Duration::from_secs(2),
        "recovered after {recovered:?}"
    );
    history.extend(writer.history);
    history.extend(journal.history);
    cluster.assert_kept(&history).await;
}

/// Redis is well, but answers one process later than that waits for it: its breaker opens, and
/// what it writes under load is delivered by the relays all the same.
#[tokio::test(flavor = "multi_thread")]
async fn t05_a_writer_that_redis_answers_late_is_relayed() {
    const USERS: usize = 8;
    let Some(cluster) = Cluster::start(2, USERS).await else {
        return;
    };
    let mut history = History::default();
    let mut load = Load::new(cluster.users.clone(), [cluster.nodes[0].address()]);
    (load.clients, load.writes, load.strong) = (4, 0.5, 0.0);
    let load = Arc::new(load);
    for each_way in [12, 60].map(Duration::from_millis) {
        cluster.warm(&[0, 1]).await;
        let watch = cluster.journal().watching(vec![1]);
        let failed = "roster_cache_invalidations_failed_total";
        let before = cluster.metric(0, failed, "").await;
        let stop = Stop::after(u64::MAX);

        cluster.redis.proxy(0).set(Fault::Delay(each_way));
        let running = tokio::spawn({
            let (load, stop) = (Arc::clone(&load), Arc::clone(&stop));
            async move { load.run(&stop).await }
        });
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        stop.tell();
        let written = renumbered(running.await.unwrap().unwrap());
        let late = cluster.metric(0, failed, "").await - before;

        cluster.redis.proxy(0).set(Fault::Pass);
        let mended = now();
        let mut journal = cluster.journal();
        for user in 0..USERS {
            hit(&mut journal, 0, user).await;
        }
        let recovered = now() - mended;
        let seen = watch.end().await;
        let (answers, stalest) = (seen.reads.len(), staleness(&written, &seen));
        println!(
            "t05: {each_way:?} each way: {late} of {} invalidations failed; the other process \
             answered what was stale for {stalest:?} at the most, of {answers} answers; the writer \
             kept users again after {recovered:?}",
            written.writes.len()
        );
        assert!(late > 20, "only {late} invalidations failed");
        assert!(
            stalest <= Duration::from_secs(1),
            "stale for {stalest:?} with {each_way:?} each way"
        );
        assert!(
            recovered <= Duration::from_secs(3),
            "recovered after {recovered:?}"
        );
        history.extend(written);
        history.extend(seen);
        history.extend(journal.history);
    }
    cluster.assert_kept(&history).await;
}

/// How long before it was asked for a newer version than the one answered was acknowledged, at
/// the most.
fn staleness(written: &History, seen: &History) -> Duration {
    let mut worst = Duration::ZERO;
    for read in &seen.reads {
        let Some(found) = version(read) else { continue };
        let newer = written.writes.iter().filter(|write| {
            let done = matches!(write.outcome, WriteOutcome::Done(version) if version > found);
            write.key == read.key && done
        });
        if let Some(acknowledged) = newer.map(|write| write.answered).min() {
            worst = worst.max(read.sent.saturating_sub(acknowledged));
        }
    }
    worst
}

/// The process whose relay works is cut off: another one takes over.
#[tokio::test(flavor = "multi_thread")]
async fn t05_a_relay_cut_from_redis_is_replaced() {
    let Some(cluster) = Cluster::start(3, 2).await else {
        return;
    };
    cluster.warm(&[0, 1, 2]).await;
    let before = rounds(&cluster).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let after = rounds(&cluster).await;
    let grown = |node: &usize| after[*node] - before[*node];
    let relaying = (0..3).max_by_key(grown).unwrap();
    let others: Vec<usize> = (0..3).filter(|node| *node != relaying).collect();
    let watch = cluster.journal().watching(others.clone());

    cluster.redis.proxy(relaying).set(Fault::BlackHole);
    let cut = now();
    let before = rounds(&cluster).await;
    let mut journal = cluster.journal();
    // Its writer's own invalidation does not arrive either.
    let last = journal.must_write(relaying, 0).await;
    let taken_over = until("another process relays", PATIENCE, async || {
        let after = rounds(&cluster).await;
        let grown = others.iter().any(|node| after[*node] > before[*node]);
        grown.then(now)
    })
    .await;
    for node in &others {
        until("it delivers what the other cannot", PATIENCE, async || {
            let read = journal.read(*node, 0).await;
            (version(&read) == Some(last)).then_some(())
        })
        .await;
    }
    let delivered = now() - cut;
    at(cut + Duration::from_secs(1)).await;
    for node in &others {
        let read = hit(&mut journal, *node, 0).await;
        assert!(cached_bound(&read) < Some(ORDINARY), "{:?}", read.outcome);
    }

    cluster.redis.proxy(relaying).set(Fault::Pass);
    assert_eq!(version(&hit(&mut journal, relaying, 0).await), Some(last));
    let mut history = watch.end().await;
    let bounds = history.reads.iter().filter_map(cached_bound);
    let most = bounds.max().unwrap();
    println!(
        "t05: another relay after {:?}, all delivered after {delivered:?}, bounds up to {most:?}",
        taken_over - cut
    );
    assert!(
        delivered <= Duration::from_secs(1),
        "delivered after {delivered:?}"
    );
    history.extend(journal.history);
    cluster.assert_kept(&history).await;
}

/// No relay can read the change log, and the writer cannot reach Redis: readers go on with what
/// they hold, and say how old it may be.
#[tokio::test(flavor = "multi_thread")]
async fn t05_readers_without_any_relay_show_a_growing_bound() {
    let Some(cluster) = Cluster::start(2, 2).await else {
        return;
    };
    cluster.warm(&[0, 1]).await;
    let watch = cluster.journal().watching(vec![1]);
    let mut journal = cluster.journal();

    let mut sql = cluster.database.sql().await;
    let mut lock = sql.begin().await.unwrap();
    run(
        &mut lock,
        "LOCK TABLE cache_namespace IN ACCESS EXCLUSIVE MODE",
    )
    .await;
    cluster.redis.proxy(0).set(Fault::Refuse);
    let last = journal.must_write(0, 0).await;
    let acknowledged = now();
    let mut bounds = Vec::new();
    for round in 1..=4 {
        at(acknowledged + round * Duration::from_millis(400)).await;
        let read = journal.read(1, 0).await;
        assert_eq!(
            version(&read),
            Some(1),
            "nobody tells the reader: {:?}",
            read.outcome
        );
        let bound = cached_bound(&read).expect("its proof is from before the outage");
        assert!(
            bound + ROUNDING >= read.sent - acknowledged,
            "{:?}",
            read.outcome
        );
        bounds.push(bound);
    }
    assert!(bounds.is_sorted(), "{bounds:?}");

    lock.rollback().await.unwrap();
    cluster.redis.proxy(0).set(Fault::Pass);
    let mended = now();
    for node in [0, 1] {
        until(
            "both hold the last version with an ordinary bound",
            PATIENCE,
            async || {
                let read = journal.read(node, 0).await;
                let ordinary = cached_bound(&read).is_some_and(|bound| bound < ORDINARY);
                (version(&read) == Some(last) && ordinary).then_some(())
            },
        )
        .await;
    }
    let recovered = now() - mended;
    println!("t05: bounds {bounds:?}; recovered after {recovered:?}");
    assert!(
        recovered <= Duration::from_secs(2),
        "recovered after {recovered:?}"
    );
    let mut history = watch.end().await;
    history.extend(journal.history);
    cluster.assert_kept(&history).await;
}

/// Nothing arrives any more, and nothing says so.
#[tokio::test(flavor = "multi_thread")]
async fn t06_no_answer_over_a_half_open_connection_claims_less_than_the_outage() {
    const USERS: usize = 4;
    let Some(cluster) = Cluster::start(2, USERS).await else {
        return;
    };
    let mut history = History::default();
    // A short one that the connection survives, and a long one that ends it.
    for (outage, is_noticed) in [(150, false), (1_800, true)] {
        let outage = Duration::from_millis(outage);
        cluster.warm(&[0, 1]).await;
        let watch = cluster.journal().watching(vec![1]);
        let connects = cluster.connects().await;
        let mut writer = cluster.journal();

        cluster.redis.proxy(1).set(Fault::BlackHole);
        let broken = now();
        let mut last = [0; USERS];
        for (user, last) in last.iter_mut().enumerate() {
            *last = writer.must_write(0, user).await;
        }
        at(broken + outage).await;
        let mended = now();
        cluster.redis.proxy(1).set(Fault::Pass);

        for user in 0..USERS {
            hit(&mut writer, 1, user).await;
        }
        let seen = watch.end().await;
        let during = |tiers: &[Tier]| {
            let reads = seen.reads.iter().filter(|read| read.sent > broken);
            let reads = reads.filter(|read| read.answered < mended);
            reads
                .filter(|read| tier(read).is_some_and(|tier| tiers.contains(&tier)))
                .count()
        };
        let (memory, database) = (during(&[Tier::L1]), during(&[Tier::Database]));
        for read in seen.reads.iter().filter(|read| read.answered < mended) {
            if let Some(bound) = cached_bound(read) {
                let outage = read.sent.saturating_sub(broken);
                assert!(
                    bound + ROUNDING >= outage,
                    "{outage:?} into the outage: {:?}",
                    read.outcome
                );
            }
        }
        println!(
            "t06: {outage:?} half open: {memory} answers from memory, {database} from the database"
        );
        assert!(memory > 0, "nothing was put to the test");
        if is_noticed {
            assert!(database > 0, "the outage was not noticed");
            assert!(cluster.connects().await[1] > connects[1]);
            // Once the connection was given up, the first hit is of what was read by the next one.
            let first = |user| {
                let mut hits = seen.reads.iter().filter(|read| read.sent > mended);
                hits.find(|read| read.key == user && tier(read) == Some(Tier::L1))
            };
            for (user, last) in last.iter().enumerate() {
                let first = first(user).and_then(version);
                assert_eq!(first.unwrap_or(*last), *last, "user {user}");
            }
        }
        history.extend(seen);
        history.extend(writer.history);
    }
    cluster.assert_kept(&history).await;
}

/// How many rounds the relay of each process has done.
async fn rounds(cluster: &Cluster) -> Vec<u64> {
    let mut rounds = Vec::new();
    for node in 0..cluster.nodes.len() {
        rounds.push(cluster.metric(node, "roster_relay_rounds_total", "").await);
    }
    rounds
}
