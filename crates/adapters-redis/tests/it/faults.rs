//! Break it, see a clean error at once, mend it, see it back.

use std::sync::Arc;
use std::time::Duration;

use roster_adapters_redis::{RedisEvent, RedisReadiness, RedisSettings, RedisUserCache};
use roster_domain::ports::{CacheError, CacheLookup, FillOutcome, Readiness, UserCache};
use roster_test_services::{Fault, FaultProxy, RedisServer, or_skip};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{ID, OURS, cache, floor, get, granted, patient, until, version};

/// How soon a cache that came back is used again.
const BACK_WITHIN: Duration = Duration::from_secs(2);

async fn is_back(cache: &RedisUserCache) {
    let back = until(|| cache.is_connected());
    timeout(BACK_WITHIN, back).await.expect("not back in time");
}

/// The answer of a call that must not wait for anything: it is there when first asked for.
async fn at_once(cache: &RedisUserCache) -> CacheError {
    timeout(Duration::ZERO, get(cache))
        .await
        .expect("the call waited")
        .unwrap_err()
}

/// A cache behind a proxy, with the limits that it has in earnest.
async fn proxied(server: &RedisServer) -> (Arc<RedisUserCache>, FaultProxy) {
    let proxy = FaultProxy::start(server.addr());
    let earnest = RedisSettings::new("");
    let mut settings = patient(&format!("redis://{}", proxy.addr()));
    settings.command_timeout = earnest.command_timeout;
    settings.heartbeat_timeout = earnest.heartbeat_timeout;
    (cache(settings).await.0, proxy)
}

#[tokio::test]
async fn a_server_that_is_absent_at_start_is_used_when_it_comes() {
    let bench = bench!();
    bench.server.kill();
    let cache = RedisUserCache::new(patient(&bench.server.url())).unwrap();
    let refusal = at_once(&cache).await;
    assert!(matches!(refusal, CacheError::Unavailable(_)), "{refusal}");
    assert!(RedisReadiness::new(&cache).check().await.is_err());
    bench.server.restart().await.unwrap();
    is_back(&cache).await;
    assert_eq!(get(&cache).await.unwrap(), floor(0));
    RedisReadiness::new(&cache).check().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_fails_calls_at_once_and_is_used_when_it_is_back() {
    let bench = bench!();
    for round in 1..=3 {
        bench.server.kill();
        until(|| !bench.cache.is_connected()).await;
        let refusal = at_once(&bench.cache).await;
        assert!(matches!(refusal, CacheError::Unavailable(_)), "{refusal}");
        bench.server.restart().await.unwrap();
        is_back(&bench.cache).await;
        // The scripts went with the old process.
        assert_eq!(bench.acquire(round).await, granted(0));
        assert_eq!(bench.fill(round, 1).await, FillOutcome::Stored);
    }
    assert_eq!(bench.tally.of(RedisEvent::Connected), 4);
    assert_eq!(bench.tally.of(RedisEvent::Disconnected), 3);
}

#[tokio::test]
async fn a_call_under_way_ends_with_its_server() {
    let bench = bench!();
    bench.server.pause();
    let call = tokio::spawn({
        let cache = Arc::clone(&bench.cache);
        async move { get(&cache).await }
    });
    tokio::task::yield_now().await;
    bench.server.kill();
    let refusal = call.await.unwrap().unwrap_err();
    assert!(matches!(refusal, CacheError::Unavailable(_)), "{refusal}");
}

#[tokio::test]
async fn a_stopped_server_is_found_by_its_silence() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let mut settings = patient(&server.url());
    settings.command_timeout = Duration::from_millis(20);
    let (cache, tally) = cache(settings).await;
    server.pause();
    let refusal = get(&cache).await.unwrap_err();
    assert!(matches!(refusal, CacheError::TimedOut), "{refusal}");
    assert_eq!(tally.of(RedisEvent::TimedOut), 1);
    until(|| !cache.is_connected()).await;
    at_once(&cache).await;
    server.resume();
    is_back(&cache).await;
    until_served(&cache).await;
}

#[tokio::test]
async fn a_call_without_an_answer_has_the_silence_looked_into_at_once() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let mut settings = patient(&server.url());
    settings.heartbeat_interval = Duration::from_hours(1);
    settings.command_timeout = Duration::from_millis(20);
    let (cache, _) = cache(settings).await;
    server.pause();
    get(&cache).await.unwrap_err();
    until(|| !cache.is_connected()).await;
    server.resume();
    is_back(&cache).await;
}

#[tokio::test]
async fn a_slow_connection_that_brings_replies_is_kept() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let proxy = FaultProxy::start(server.addr());
    let mut settings = patient(&format!("redis://{}", proxy.addr()));
    settings.heartbeat_timeout = Duration::from_millis(500);
    let (cache, tally) = cache(settings).await;
    // There and back takes longer than a heartbeat may.
    proxy.set(Fault::Delay(Duration::from_millis(300)));
    // Of several callers one is answered well before two heartbeats are missed.
    let mut callers = JoinSet::new();
    for caller in 0..4_u32 {
        let cache = Arc::clone(&cache);
        callers.spawn(async move {
            tokio::time::sleep(Duration::from_millis(75) * caller).await;
            for _ in 0..5 {
                assert_eq!(get(&cache).await.unwrap(), floor(0));
            }
        });
    }
    callers.join_all().await;
    assert_eq!(tally.of(RedisEvent::Disconnected), 0);
}

#[tokio::test]
async fn an_idle_connection_into_a_black_hole_is_found_as_well() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (cache, proxy) = proxied(&server).await;
    proxy.set(Fault::BlackHole);
    until(|| !cache.is_connected()).await;
    at_once(&cache).await;
    proxy.set(Fault::Pass);
    is_back(&cache).await;
    until_served(&cache).await;
}

#[tokio::test]
async fn a_reset_connection_is_replaced() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (cache, proxy) = proxied(&server).await;
    proxy.set(Fault::Refuse);
    until(|| !cache.is_connected()).await;
    at_once(&cache).await;
    proxy.set(Fault::Pass);
    is_back(&cache).await;
    until_served(&cache).await;
    proxy.set(Fault::Cut);
    until_served(&cache).await;
}

#[tokio::test]
async fn a_late_reply_is_nobody_elses() {
    let bench = bench!();
    bench.acquire(1).await;
    bench.fill(1, 7).await;
    let (cache, proxy) = proxied(&bench.server).await;
    until_served(&cache).await;
    proxy.set(Fault::Delay(Duration::from_millis(200)));
    for _ in 0..5 {
        let refusal = get(&cache).await.unwrap_err();
        assert!(matches!(refusal, CacheError::TimedOut), "{refusal}");
    }
    proxy.set(Fault::Pass);
    // Replies with a value are still on their way; nobody asked for this one before.
    let stranger = [roster_domain::UserId::new(uuid::Uuid::from_u128(1))];
    loop {
        match cache.get_many(OURS, &stranger).await {
            Ok(answer) => break assert_eq!(answer.reply, [floor(0)]),
            Err(refusal) => assert!(matches!(refusal, CacheError::TimedOut), "{refusal}"),
        }
    }
    assert_eq!(version(&until_served(&cache).await), Some(7));
}

#[tokio::test]
async fn sliced_packets_are_put_together() {
    let bench = bench!();
    let proxy = FaultProxy::start(bench.server.addr());
    let url = format!("redis://{}", proxy.addr());
    let (cache, _) = cache(patient(&url)).await;
    proxy.set(Fault::Slice(1));
    bench.acquire(1).await;
    bench.fill(1, 7).await;
    for _ in 0..20 {
        assert_eq!(version(&get(&cache).await.unwrap()), Some(7));
        let both = cache.get_many(OURS, &[ID, ID]).await.unwrap().reply;
        assert_eq!(both.iter().filter_map(version).collect::<Vec<_>>(), [7, 7]);
    }
}

#[tokio::test]
async fn a_killed_client_comes_back_by_itself() {
    let bench = bench!();
    for _ in 0..5 {
        let _: i64 = bench.ask("CLIENT KILL TYPE normal SKIPME yes").await;
        until_served(&bench.cache).await;
    }
    assert!(bench.tally.of(RedisEvent::Disconnected) >= 1);
}

#[tokio::test]
async fn a_primary_that_became_a_replica_is_not_asked() {
    let bench = bench!();
    let Some(other) = RedisServer::start() else {
        return;
    };
    let primary = format!("REPLICAOF 127.0.0.1 {}", other.addr().port());
    let _: () = bench.ask(&primary).await;
    // Whether the server drops its clients or answers READONLY, nothing is read from it.
    let _ = bench
        .cache
        .invalidate_many(&[roster_domain::ports::Invalidation {
            id: ID,
            floor: roster_domain::UserVersion::FIRST,
        }])
        .await
        .unwrap_err();
    until(|| !bench.cache.is_connected()).await;
    until(|| bench.tally.of(RedisEvent::ConnectFailed) >= 1).await;
    at_once(&bench.cache).await;
    let _: () = bench.ask("REPLICAOF NO ONE").await;
    is_back(&bench.cache).await;
    assert!(bench.invalidate(1).await);
}

#[tokio::test]
async fn a_wrong_password_is_no_connection_and_no_panic() {
    let Some(server) = or_skip(RedisServer::try_start(&["--requirepass", "secret"])) else {
        return;
    };
    let port = server.addr().port();
    let url = format!("redis://:secret@127.0.0.1:{port}/3");
    let (right, _) = cache(patient(&url)).await;
    assert_eq!(get(&right).await.unwrap(), floor(0));
    let url = format!("redis://:wrong@127.0.0.1:{port}/3");
    let wrong = RedisUserCache::new(patient(&url)).unwrap();
    at_once(&wrong).await;
    let error = RedisReadiness::new(&wrong).check().await.unwrap_err();
    assert!(!format!("{error:?}").contains("wrong"));
}

#[tokio::test]
async fn one_named_connection_serves_and_ends_with_the_cache() {
    let bench = bench!();
    let names = async || {
        let list: String = bench.ask("CLIENT LIST TYPE normal").await;
        list.matches(" name=roster ").count()
    };
    assert_eq!(names().await, 1);
    let list: String = bench.ask("CLIENT LIST TYPE normal").await;
    let ours = list.lines().find(|line| line.contains("name=roster"));
    assert!(ours.unwrap().contains(" resp=3"), "{list}");
    let (second, _) = cache(patient(&bench.server.url())).await;
    assert_eq!(names().await, 2);
    drop(second);
    timeout(Duration::from_secs(10), async {
        while names().await > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the connection outlives its cache");
}

#[test]
fn outside_a_runtime_it_is_refused_rather_than_a_panic() {
    let refusal = RedisUserCache::new(RedisSettings::new("redis://127.0.0.1")).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "the cache is not made inside a Tokio runtime"
    );
}

/// Asks until there is an answer: the limit of a call is short, and this machine may be slow.
async fn until_served(cache: &RedisUserCache) -> CacheLookup {
    let served = async {
        loop {
            if let Ok(found) = get(cache).await {
                break found;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), served)
        .await
        .expect("never served")
}
