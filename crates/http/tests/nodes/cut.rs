//! A process that cannot reach Redis, or whose connection to it is half open.

use std::sync::Arc;
use std::time::Duration;

use roster_soak::{History, Load, Read, Stop, Tier, WriteOutcome, now};
use roster_test_services::Fault;
use sqlx::Connection as _;

use crate::cluster::{Cluster, PATIENCE, at, hit, until};
use crate::database::run;
use crate::journal::{cached_bound, last_below, renumbered, tier, version};
use crate::tries::{in_some_try, kept};

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
    let mut all = History::default();
    in_some_try(async || {
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
        let history = watch.end().await;
        let stale = last_below(&history, |key| if key == 0 { last } else { 1 });
        let was_stale = stale.is_some();
        let told = format!(
            "relayed {relayed:?} after the last write; the writer kept users again after \
             {recovered:?}; a reader was put to the test: {was_stale}"
        );
        println!("t05: {told}");
        for part in [history, writer.history, journal.history] {
            all.extend(part);
        }
        let in_time = relayed <= Duration::from_secs(1) && recovered <= Duration::from_secs(2);
        kept(in_time && was_stale, told)
    })
    .await;
    cluster.assert_kept(&all).await;
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
        in_some_try(async || {
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
            let told = format!(
                "{each_way:?} each way: {late} of {} invalidations failed; the other process \
                 answered what was stale for {stalest:?} at the most, of {answers} answers; \
                 the writer kept users again after {recovered:?}",
                written.writes.len()
            );
            println!("t05: {told}");
            for part in [written, seen, journal.history] {
                history.extend(part);
            }
            let in_time = stalest <= Duration::from_secs(1) && recovered <= Duration::from_secs(3);
            kept(in_time && late > 20, told)
        })
        .await;
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
    let mut all = History::default();
    in_some_try(async || {
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
        let mut afterwards = Duration::ZERO;
        for node in &others {
            let read = hit(&mut journal, *node, 0).await;
            afterwards = afterwards.max(cached_bound(&read).unwrap());
        }

        cluster.redis.proxy(relaying).set(Fault::Pass);
        assert_eq!(version(&hit(&mut journal, relaying, 0).await), Some(last));
        let history = watch.end().await;
        let bounds = history.reads.iter().filter_map(cached_bound);
        let most = bounds.max().unwrap();
        let told = format!(
            "another relay after {:?}, all delivered after {delivered:?}, bounds up to {most:?}, \
             a second after the cut {afterwards:?}",
            taken_over - cut
        );
        println!("t05: {told}");
        all.extend(history);
        all.extend(journal.history);
        kept(
            delivered <= Duration::from_secs(1) && afterwards < ORDINARY,
            told,
        )
    })
    .await;
    cluster.assert_kept(&all).await;
}

/// No relay can read the change log, and the writer cannot reach Redis: readers go on with what
/// they hold, and say how old it may be.
#[tokio::test(flavor = "multi_thread")]
async fn t05_readers_without_any_relay_show_a_growing_bound() {
    let Some(cluster) = Cluster::start(2, 2).await else {
        return;
    };
    let mut all = History::default();
    in_some_try(async || {
        cluster.warm(&[0, 1]).await;
        let watch = cluster.journal().watching(vec![1]);
        let mut journal = cluster.journal();
        let connects = cluster.connects().await;

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
        let mut reads = Vec::new();
        for round in 1..=4 {
            at(acknowledged + round * Duration::from_millis(400)).await;
            reads.push(journal.read(1, 0).await);
        }

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
        all.extend(watch.end().await);
        all.extend(journal.history);
        // Nobody tells the reader, and its proof is from before the outage; but where the machine
        // stood still, it may have given up its connection, and what it held with that.
        let is_old = |read: &Read| version(read) == Some(last - 1) && cached_bound(read).is_some();
        let goes_on = reads.iter().all(is_old);
        let was_lost = cluster.connects().await[1] > connects[1];
        assert!(goes_on || was_lost, "{reads:?}");
        kept(goes_on, "the reader lost its connection".to_owned())?;
        let mut bounds = Vec::new();
        for read in reads {
            let bound = cached_bound(&read).unwrap();
            assert!(
                bound + ROUNDING >= read.sent - acknowledged,
                "{:?}",
                read.outcome
            );
            bounds.push(bound);
        }
        println!("t05: bounds {bounds:?}; recovered after {recovered:?}");
        assert!(bounds.is_sorted(), "{bounds:?}");
        kept(
            recovered <= Duration::from_secs(2),
            format!("recovered after {recovered:?}"),
        )
    })
    .await;
    cluster.assert_kept(&all).await;
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
        in_some_try(async || {
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
            let told = format!(
                "{outage:?} half open: {memory} answers from memory, {database} from the database"
            );
            println!("t06: {told}");
            let noticed = database > 0 && cluster.connects().await[1] > connects[1];
            if is_noticed && noticed {
                // Once the connection was given up, the first hit is of what was read by the next
                // one.
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
            kept(memory > 0 && (noticed || !is_noticed), told)
        })
        .await;
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
