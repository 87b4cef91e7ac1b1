//! What the caches cost: a read out of the memory of the process, and an update beside the plain
//! design, which updates the row and deletes the key.
//!
//! `cargo bench -p roster-http --bench cache_cost`. It starts a PostgreSQL that writes to its
//! disk, and a Redis, both of its own. The round trips are counted by Redis itself, and the run
//! fails when an update takes more than one beyond the plain design's.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]
#![expect(
    clippy::expect_used,
    reason = "a benchmark whose surroundings fail has nothing to go on with"
)]

mod plain;
mod service;
mod traffic;

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use futures::FutureExt as _;
use roster_app::{Answer, Freshness, StalenessBound, UserService};
use roster_domain::UserId;
use roster_test_services::RedisServer;
use tokio::runtime::Runtime;

use plain::Plain;
use service::{Durable, id};
use traffic::Traffic;

/// Users that are read in turn.
const USERS: u128 = 1_000;
/// Updates whose round trips are counted.
const COUNTED: u32 = 1_000;

fn main() {
    let tokio = Runtime::new().expect("the runtime starts");
    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    embedded_hits(&tokio, &mut criterion);
    let redis = RedisServer::try_start(&[]).expect("redis-server starts");
    let durable = tokio.block_on(Durable::start(USERS));
    distributed_hits(&tokio, &mut criterion, &durable, &redis);
    updates(&tokio, &mut criterion, &durable, &redis);
    criterion.final_summary();
}

fn embedded_hits(tokio: &Runtime, criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("there is room for a file");
    let users = tokio.block_on(service::embedded(folder.path(), USERS));
    hits(tokio, criterion, "L1 hit, embedded", &users);
}

fn distributed_hits(
    tokio: &Runtime,
    criterion: &mut Criterion,
    durable: &Durable,
    redis: &RedisServer,
) {
    let users = tokio.block_on(async {
        let users = durable.service(redis);
        let upkeep = users.upkeep().expect("there is a shared cache");
        (users, tokio::spawn(upkeep.run()))
    });
    let (users, upkeep) = users;
    hits(tokio, criterion, "L1 hit, distributed", &users);
    upkeep.abort();
}

/// Reads that never wait: one hot user, and many in turn.
fn hits(tokio: &Runtime, criterion: &mut Criterion, name: &str, users: &UserService) {
    // An entry ends after a minute; then its read is a load, and a task.
    let _context = tokio.enter();
    for (which, count) in [("one user", 1), ("1,000 users in turn", USERS)] {
        tokio.block_on(warm(users, count));
        let mut next = 0;
        criterion.bench_function(&format!("{name}, {which}"), |bencher| {
            bencher.iter(|| {
                next = (next + 1) % count;
                hit(tokio, users, black_box(id(next)))
            });
        });
    }
}

/// Reads until each comes out of the memory of this process with a bound.
async fn warm(users: &UserService, count: u128) {
    for number in 0..count {
        for tries in 0.. {
            let answer = users.get(id(number), Freshness::CACHED).await;
            let answer = answer.expect("the user is there");
            let proven = matches!(answer.bound, StalenessBound::Proven(_));
            if proven
                && users
                    .get(id(number), Freshness::CACHED)
                    .now_or_never()
                    .is_some()
            {
                break;
            }
            assert!(tries < 1_000, "user {number} stays out of the cache");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn hit(tokio: &Runtime, users: &UserService, id: UserId) -> Answer {
    let at_once = users.get(id, Freshness::CACHED).now_or_never();
    let answer = at_once.unwrap_or_else(|| tokio.block_on(users.get(id, Freshness::CACHED)));
    answer.expect("the user is there")
}

/// Updates through the service and by the plain design, timed and counted.
fn updates(tokio: &Runtime, criterion: &mut Criterion, durable: &Durable, redis: &RedisServer) {
    // Nothing beside the updates: the relay and the probes of a process would be counted, too.
    let users = tokio.block_on(async { durable.service(redis) });
    let plain = tokio.block_on(Plain::connect(durable.url(), redis));
    tokio.block_on(async {
        let mut traffic = Traffic::connect(redis).await;
        users.get(id(0), Freshness::CACHED).await.expect("a read");
        let before = traffic.read().await;
        for count in 0..COUNTED {
            service::update(&users, id(0), count).await;
        }
        let ours = traffic.read().await.since(before);
        let before = traffic.read().await;
        for count in 0..COUNTED {
            plain.update(id(0), count).await;
        }
        let theirs = traffic.read().await.since(before);
        println!("{COUNTED} updates, as Redis counts them:");
        println!("  through the service: {ours}");
        println!("  the plain design:    {theirs}");
        let extra = ours.round_trips.saturating_sub(theirs.round_trips);
        // A heartbeat may fall among them.
        assert!(
            extra <= u64::from(COUNTED + COUNTED / 100),
            "an update takes more than one round trip more"
        );
    });
    let mut group = criterion.benchmark_group("update");
    group.sample_size(50);
    let mut count = 0;
    group.bench_function("through the service", |bencher| {
        bencher.to_async(tokio).iter(|| {
            count += 1;
            service::update(&users, id(0), count)
        });
    });
    group.bench_function("the plain design", |bencher| {
        bencher.to_async(tokio).iter(|| {
            count += 1;
            plain.update(id(0), count)
        });
    });
    group.bench_function("the row alone, with its change log", |bencher| {
        bencher.to_async(tokio).iter(|| {
            count += 1;
            durable.update(id(0), count)
        });
    });
    group.bench_function("the row alone, plainly", |bencher| {
        bencher.to_async(tokio).iter(|| {
            count += 1;
            plain.update_row(id(0), count)
        });
    });
    group.finish();
}
