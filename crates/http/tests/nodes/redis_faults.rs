//! Redis comes back, is emptied, is full, or forgets its scripts.

use std::sync::Arc;
use std::time::Duration;

use roster_soak::{
    History, Load, Node, ReadOutcome, Stop, WriteOutcome, now, redis_addr, redis_command,
};

use crate::cluster::{Cluster, PATIENT, at, hit};
use crate::journal::renumbered;
use crate::tries::{in_some_try, kept};

/// From its return on: by then it is used, and nothing is stale.
const BACK_WITHIN: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn f02_a_redis_that_comes_back_is_used_again_and_nothing_is_stale() {
    const USERS: usize = 8;
    let Some(cluster) = Cluster::start(2, USERS).await else {
        return;
    };
    let mut history = History::default();
    for from_dump in [false, true] {
        in_some_try(async || {
            cluster.warm(&[0, 1]).await;
            let dump = cluster.redis.primary().dump().await.unwrap();
            let watch = cluster.journal().watching(vec![0, 1]);
            let mut journal = cluster.journal();

            cluster.redis.primary().kill();
            for user in 0..USERS {
                journal.must_write(user % 2, user).await;
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
            for user in 0..USERS {
                journal.must_write(user % 2, user).await;
            }

            // Empty, or with the values of before the outage.
            if from_dump {
                cluster.redis.primary().restart_from(&dump).await.unwrap();
            } else {
                cluster.redis.primary().restart().await.unwrap();
            }
            let back = now();
            let mut used = Vec::new();
            for node in [0, 1] {
                hit(&mut journal, node, 0).await;
                used.push(now() - back);
            }
            at(back + BACK_WITHIN).await;
            let wrong = cluster.disagreements(&mut journal, &[0, 1]).await;
            let seen = watch.end().await;
            println!(
                "f02: {}: used again after {used:?}; {} answers meanwhile",
                if from_dump { "from a dump" } else { "empty" },
                seen.reads.len()
            );
            assert_eq!(unanswered(&seen), 0, "every read is answered");
            history.extend(seen);
            history.extend(journal.history);
            kept(
                used.iter().all(|used| *used <= BACK_WITHIN) && wrong.is_empty(),
                format!("used again after {used:?}; after {BACK_WITHIN:?} {wrong:?}"),
            )
        })
        .await;
    }
    cluster.assert_kept(&history).await;
}

/// What is broken while a load runs, three times.
struct Stage {
    name: &'static str,
    commands: &'static [&'static str],
    /// Which share of the load are writes.
    writes: f64,
    /// How many queries for users the database may see, by the users and the writes.
    most_queries: fn(u64, u64) -> u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn f05_flush_a_full_redis_and_lost_scripts_cost_no_error_and_few_queries() {
    const USERS: usize = 32;
    const STAGES: [Stage; 3] = [
        Stage {
            name: "FLUSHALL",
            commands: &["FLUSHALL"],
            writes: 0.0,
            // Once for the lost values; and once by each process for the lost watermark, which
            // raises the epoch: until one has heard of that, it takes the other's for foreign.
            most_queries: |users, _| 3 * (1 + 2) * users,
        },
        Stage {
            name: "SCRIPT FLUSH",
            commands: &["SCRIPT FLUSH"],
            writes: 0.1,
            most_queries: |_, writes| writes,
        },
        Stage {
            name: "maxmemory, allkeys-lru",
            commands: &["CONFIG SET maxmemory-policy allkeys-lru"],
            writes: 0.1,
            most_queries: |users, writes| writes + 3 * users,
        },
    ];
    let Some(cluster) = Cluster::counting(2, USERS, &PATIENT).await else {
        return;
    };
    let addresses = cluster.nodes.iter().map(Node::address);
    let mut load = Load::new(cluster.users.clone(), addresses);
    load.strong = 0.0;
    let mut load = Arc::new(load);
    let mut history = History::default();
    for stage in STAGES {
        in_some_try(async || {
            cluster.warm(&[0, 1]).await;
            let before = troubles(&cluster).await;
            cluster.database.count_anew().await;
            let seen = under_load(&mut load, stage.writes, async || {
                for _ in 0..3 {
                    for command in stage.commands {
                        redis_command(cluster.redis.primary(), command)
                            .await
                            .unwrap();
                    }
                    if stage.name.starts_with("maxmemory") {
                        fill_up(&cluster).await;
                    }
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
            })
            .await;
            let queries: u64 = cluster.database.user_reads(2).await.into_iter().sum();
            let (reads, writes) = (seen.reads.len(), seen.writes.len());
            let most = (stage.most_queries)(USERS as u64, writes as u64);
            let told = format!(
                "{}: {reads} reads and {writes} writes without an error, {queries} queries of \
                 at most {most}",
                stage.name
            );
            println!("f05: {told}");
            assert_eq!(unanswered(&seen), 0, "{}", stage.name);
            history.extend(seen);
            // Where Redis stood still, memory was void and every read a query.
            let stood_still = troubles(&cluster).await > before;
            assert!(queries <= most || stood_still, "{told}");
            kept(queries <= most && reads > 100, told)
        })
        .await;
    }

    // Full, and it refuses to store: everything goes on without it.
    let refuse = [
        "CONFIG SET maxmemory-policy noeviction",
        "CONFIG SET maxmemory 1000000",
    ];
    in_some_try(async || {
        let seen = under_load(&mut load, 0.1, async || {
            for command in refuse {
                redis_command(cluster.redis.primary(), command)
                    .await
                    .unwrap();
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
        })
        .await;
        println!(
            "f05: maxmemory, noeviction: {} reads and {} writes without an error",
            seen.reads.len(),
            seen.writes.len()
        );
        assert_eq!(unanswered(&seen), 0, "a full Redis that evicts nothing");
        history.extend(seen);

        redis_command(cluster.redis.primary(), "CONFIG SET maxmemory 0")
            .await
            .unwrap();
        let mended = now();
        let mut journal = cluster.journal();
        for node in [0, 1] {
            hit(&mut journal, node, 0).await;
        }
        let recovered = now() - mended;
        history.extend(journal.history);
        kept(
            recovered <= BACK_WITHIN,
            format!("recovered after {recovered:?}"),
        )
    })
    .await;
    cluster.assert_kept(&history).await;
}

/// Reads and writes through both processes while something breaks. One load for all stages: no
/// value may be written twice, because a patch that changes nothing keeps the version.
async fn under_load(load: &mut Arc<Load>, writes: f64, breaking: impl AsyncFnOnce()) -> History {
    Arc::get_mut(load).unwrap().writes = writes;
    let stop = Stop::after(u64::MAX);
    let running = tokio::spawn({
        let (load, stop) = (Arc::clone(load), Arc::clone(&stop));
        async move { load.run(&stop).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    breaking().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.tell();
    renumbered(running.await.unwrap().unwrap())
}

/// How often a process lost Redis and connected again, or waited for it in vain.
async fn troubles(cluster: &Cluster) -> u64 {
    cluster.metric_of_all("roster_redis_events_total").await
}

/// Gives Redis no more memory than it has now, and a little, and stores twice that of other things.
async fn fill_up(cluster: &Cluster) {
    let server = cluster.redis.primary();
    let redis::Value::BulkString(info) = redis_command(server, "INFO memory").await.unwrap() else {
        panic!("Redis says nothing of its memory");
    };
    let mut lines = std::str::from_utf8(&info).unwrap().lines();
    let used = lines
        .find_map(|line| line.strip_prefix("used_memory:"))
        .unwrap();
    let limit = used.trim().parse::<u64>().unwrap() + 2_097_152;
    redis_command(server, &format!("CONFIG SET maxmemory {limit}"))
        .await
        .unwrap();
    for number in 0..256 {
        let (key, filler) = (format!("filler:{number}"), [b'x'; 16_384]);
        // It may not get room in time, which is part of being full.
        let _ = redis_addr(server.addr(), &[b"SET", key.as_bytes(), &filler]).await;
    }
}

/// Reads and writes that were not answered as they should be.
fn unanswered(history: &History) -> usize {
    let reads = history.reads.iter();
    let reads = reads.filter(|read| !matches!(read.outcome, ReadOutcome::Found { .. }));
    let writes = history.writes.iter();
    let writes = writes.filter(|write| !matches!(write.outcome, WriteOutcome::Done(_)));
    reads.count() + writes.count()
}
