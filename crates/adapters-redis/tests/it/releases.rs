//! Two releases on one server, and the keys of a cluster.

use std::net::TcpListener;

use roster_adapters_redis::PayloadFault;
use roster_domain::ports::{Acquired, CacheNamespace, FillOutcome, UserCache};
use roster_test_services::{RedisServer, ServiceError, or_skip};
use uuid::Uuid;

use crate::support::{Bench, ID, KEY, OURS, floor, granted, unusable, version};

/// A value that a later release stored, at version 5.
fn newer() -> Vec<u8> {
    let text = include_str!("../frozen/value-schema-2.hex");
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[tokio::test]
async fn an_old_release_neither_reads_nor_replaces_what_a_new_one_stored() {
    let bench = bench!();
    bench.put(&newer()).await;
    assert_eq!(bench.get().await, floor(5));
    assert_eq!(bench.refused(PayloadFault::NewerSchema), 1);
    // Nothing to name as unusable: read the database, fill nothing.
    assert_eq!(bench.acquire(1).await, Acquired::Found(floor(5)));
    assert_eq!(bench.fill(1, 5).await, FillOutcome::Refused);
    assert_eq!(bench.bytes().await, Some(newer()));
}

#[tokio::test]
async fn an_old_release_invalidates_what_a_new_one_stored() {
    let bench = bench!();
    bench.put(&newer()).await;
    assert!(!bench.invalidate(5).await);
    assert!(bench.invalidate(6).await);
    assert_eq!(bench.acquire(1).await, granted(6));
    assert_eq!(bench.fill(1, 6).await, FillOutcome::Stored);
}

#[tokio::test]
async fn a_new_value_of_a_cleared_cache_is_replaced() {
    let bench = bench!();
    bench.put(&newer()).await;
    let cleared = CacheNamespace { epoch: 1, ..OURS };
    let found = bench.cache.get_many(cleared, &[ID]).await.unwrap().reply;
    assert_eq!(bench.refused(PayloadFault::OtherEpoch), 1);
    let seen = unusable(&found[0]).unwrap();
    assert_eq!(bench.acquire_past(1, Some(seen)).await, granted(5));
}

#[tokio::test]
async fn a_cut_value_is_loaded_anew() {
    let bench = bench!();
    bench.acquire(1).await;
    bench.fill(1, 7).await;
    let whole = bench.bytes().await.unwrap();
    for length in [1, 16, 17, 50, 82, 83, whole.len() - 1] {
        bench.put(&whole[..length]).await;
        let found = bench.get().await;
        let seen = unusable(&found).unwrap_or_else(|| panic!("{length}: {found:?}"));
        let answer = bench.acquire_past(1, Some(seen)).await;
        assert!(matches!(answer, Acquired::Granted { .. }), "{length}");
        assert_eq!(bench.fill(1, 7).await, FillOutcome::Stored, "{length}");
        assert_eq!(version(&bench.get().await), Some(7));
    }
    assert_eq!(bench.refused(PayloadFault::Torn), 7);
}

#[tokio::test]
async fn every_call_works_on_a_node_of_a_cluster() {
    let Some(server) = or_skip(cluster_node()) else {
        return;
    };
    let Some(bench) = Bench::over(server).await else {
        return;
    };
    let _: () = bench.ask("CLUSTER ADDSLOTSRANGE 0 16383").await;
    while !bench
        .ask::<String>("CLUSTER INFO")
        .await
        .contains("cluster_state:ok")
    {
        tokio::task::yield_now().await;
    }
    let mget = redis::cmd("MGET").arg(KEY).arg("other").to_owned();
    let refusal = mget.exec_async(&mut bench.raw.clone()).await.unwrap_err();
    assert_eq!(refusal.code(), Some("CROSSSLOT"));

    let stranger = roster_domain::UserId::new(Uuid::from_u128(1));
    assert!(bench.invalidate(3).await);
    assert_eq!(bench.acquire(1).await, granted(3));
    bench.release(1).await;
    assert_eq!(bench.acquire(2).await, granted(3));
    assert_eq!(bench.fill(2, 3).await, FillOutcome::Stored);
    let found = bench.cache.get_many(OURS, &[ID, stranger]).await.unwrap();
    assert_eq!(version(&found.reply[0]), Some(3));
    assert_eq!(found.reply[1], floor(0));
}

/// Another process may take the port of the bus before the server does; then another one is tried.
fn cluster_node() -> Result<RedisServer, ServiceError> {
    let start = || {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|bus| bus.local_addr());
        let bus = free.unwrap().port().to_string();
        RedisServer::try_start(&["--cluster-enabled", "yes", "--cluster-port", &bus])
    };
    start().or_else(|_| start()).or_else(|_| start())
}
