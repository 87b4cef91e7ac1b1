//! What the server says by itself, and the lives of the connection that it says it by.

use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use roster_adapters_redis::{RedisEvent, RedisSettings, RedisUserCache};
use roster_domain::UserId;
use roster_domain::ports::{CacheError, CachePush, ConnectionEpoch, InvalidationSink, UserCache};
use roster_test_services::{Fault, FaultProxy, RedisServer};
use tokio::time::timeout;

use crate::support::{
    Bench, Heard, ID, KEY, OURS, cache, floor, get, key, numbered, patient, until,
};

/// The stamp of a reply.
async fn stamp(cache: &RedisUserCache) -> ConnectionEpoch {
    cache.get_many(OURS, &[ID]).await.unwrap().connection
}

/// Changes a key as nobody of ours would.
async fn touch(bench: &Bench, id: UserId) {
    let _: i64 = bench.ask(&format!("APPEND {} x", key(id))).await;
}

/// Returns when every push is in that was sent before.
async fn all_in(bench: &Bench, heard: &Heard) {
    let last = numbered(0xffff);
    bench.cache.get_many(OURS, &[last]).await.unwrap();
    let before = heard.changed().len();
    touch(bench, last).await;
    until(|| heard.changed()[before..].contains(&last)).await;
}

#[tokio::test]
async fn each_life_is_told_before_it_replies_and_ends_before_the_next_begins() {
    let bench = bench!();
    let heard = Heard::of(&bench.cache);
    let reading = tokio::spawn({
        let (cache, heard) = (Arc::clone(&bench.cache), Arc::clone(&heard));
        async move {
            let mut stamps = Vec::new();
            loop {
                if let Ok(reply) = cache.get_many(OURS, &[ID]).await {
                    let connected = CachePush::Connected(reply.connection);
                    assert!(heard.has(&connected), "{connected:?} came after a reply");
                    if stamps.last() != Some(&reply.connection) {
                        stamps.push(reply.connection);
                    }
                    if stamps.len() > 10 {
                        return stamps;
                    }
                }
                tokio::task::yield_now().await;
            }
        }
    });
    let mut round = 0_u32;
    while !reading.is_finished() {
        let _: i64 = bench.ask("CLIENT KILL TYPE normal SKIPME yes").await;
        // Some pauses are long enough for a slow machine to connect in.
        tokio::time::sleep(Duration::from_millis(5) * (round % 20)).await;
        round += 1;
    }
    let stamps = reading.await.unwrap();
    assert!(
        stamps.is_sorted_by(|one, next| one.0 < next.0),
        "{stamps:?}"
    );
    let told = heard.of_the_connection();
    let mut last = ConnectionEpoch::UNTRACKED;
    for pair in told.chunks(2) {
        let CachePush::Connected(life) = pair[0] else {
            panic!("{told:?}");
        };
        assert!(life.0 > last.0, "{told:?}");
        last = life;
        assert!(
            matches!(pair[1..], [] | [CachePush::Disconnected]),
            "{told:?}"
        );
    }
}

/// Notes with each push about a life whether calls are sent just then.
#[derive(Default)]
struct Order {
    cache: OnceLock<Weak<RedisUserCache>>,
    told: Mutex<Vec<(&'static str, bool)>>,
}

impl InvalidationSink for Order {
    fn push(&self, push: CachePush) {
        let what = match push {
            CachePush::Connected(_) => "connected",
            CachePush::Disconnected => "disconnected",
            CachePush::Changed(_) | CachePush::AllChanged => return,
        };
        let cache = self.cache.get().and_then(Weak::upgrade);
        let is_served = cache.is_some_and(|cache| cache.is_connected());
        self.told.lock().unwrap().push((what, is_served));
    }
}

#[tokio::test]
async fn a_life_serves_after_it_was_told_and_until_its_loss_is() {
    let bench = bench!();
    let cache = Arc::new(RedisUserCache::new(patient(&bench.server.url())).unwrap());
    let order = Arc::new(Order::default());
    order.cache.set(Arc::downgrade(&cache)).unwrap();
    cache.subscribe(Arc::<Order>::clone(&order));
    // Killed by its server, and then left for what the server became.
    until(|| cache.is_connected()).await;
    bench.cut().await;
    until(|| order.told.lock().unwrap().len() >= 3 && cache.is_connected()).await;
    let _: () = bench.ask("REPLICAOF 127.0.0.1 1").await;
    until(|| order.told.lock().unwrap().len() >= 4).await;
    let expected = [
        ("connected", false),
        ("disconnected", true),
        ("connected", false),
        ("disconnected", true),
    ];
    assert_eq!(*order.told.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_loss_is_told_before_calls_are_refused() {
    let bench = bench!();
    let heard = Heard::of(&bench.cache);
    bench.server.kill();
    while get(&bench.cache).await.is_ok() {}
    assert_eq!(
        heard.of_the_connection().last(),
        Some(&CachePush::Disconnected)
    );
}

#[tokio::test]
async fn whoever_subscribes_late_hears_which_life_serves() {
    let bench = bench!();
    bench.cut().await;
    until(|| bench.cache.is_connected()).await;
    let serving = stamp(&bench.cache).await;
    let heard = Heard::of(&bench.cache);
    assert_eq!(heard.all(), [CachePush::Connected(serving)]);
    assert_ne!(serving, ConnectionEpoch(1));
}

#[tokio::test]
async fn a_key_is_told_once_for_each_time_that_it_was_read() {
    let bench = bench!();
    let heard = Heard::of(&bench.cache);
    for reads in 1..=3 {
        bench.get().await;
        for _ in 0..3 {
            touch(&bench, ID).await;
        }
        all_in(&bench, &heard).await;
        let told = heard.changed();
        assert_eq!(
            told.iter().filter(|id| **id == ID).count(),
            reads,
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn a_key_that_ends_by_its_time_is_told() {
    let bench = bench!();
    let heard = Heard::of(&bench.cache);
    bench.put(b"x").await;
    let _: i64 = bench.ask(&format!("PEXPIRE {KEY} 10")).await;
    bench.get().await;
    until(|| heard.changed().contains(&ID)).await;
}

#[tokio::test]
async fn a_flush_is_told_as_any_change_and_keeps_the_connection() {
    let bench = bench!();
    let heard = Heard::of(&bench.cache);
    let before = stamp(&bench.cache).await;
    let _: () = bench.ask("FLUSHALL").await;
    until(|| heard.has(&CachePush::AllChanged)).await;
    bench.get().await;
    all_in(&bench, &heard).await;
    assert_eq!(stamp(&bench.cache).await, before);
    let told = [CachePush::Connected(before), CachePush::AllChanged];
    assert_eq!(heard.of_the_connection(), told);
}

#[tokio::test]
async fn a_demoted_server_drops_its_data_and_is_left() {
    let bench = bench!();
    let Some(other) = RedisServer::start() else {
        return;
    };
    let mut settings = patient(&bench.server.url());
    // Only what the server says by itself can make it look.
    settings.heartbeat_interval = Duration::from_hours(1);
    let (cache, tally) = cache(settings).await;
    let heard = Heard::of(&cache);
    let before = stamp(&cache).await;
    bench.server.replicate(&other).await.unwrap();
    until(|| heard.has(&CachePush::Disconnected)).await;
    until(|| tally.of(RedisEvent::ConnectFailed) > 0).await;
    let told = [
        CachePush::Connected(before),
        CachePush::AllChanged,
        CachePush::Disconnected,
    ];
    assert_eq!(heard.of_the_connection(), told);
    get(&cache).await.unwrap_err();
}

#[tokio::test]
async fn a_demoted_server_is_left_though_its_new_primary_is_not_there() {
    let bench = bench!();
    let heard = Heard::of(&bench.cache);
    let _: () = bench.ask("REPLICAOF 127.0.0.1 1").await;
    until(|| heard.has(&CachePush::Disconnected)).await;
    assert!(!heard.has(&CachePush::AllChanged));
}

#[tokio::test]
async fn a_black_hole_is_told_within_about_a_second() {
    let bench = bench!();
    // Nominally up to 0.9 s: a busy machine may be late for once, and not each time.
    for _ in 0..3 {
        let proxy = FaultProxy::start(bench.server.addr());
        let mut settings = RedisSettings::new(format!("redis://{}", proxy.addr()));
        settings.connect_timeout = Duration::from_secs(10);
        let (cache, _) = cache(settings).await;
        let heard = Heard::of(&cache);
        proxy.set(Fault::BlackHole);
        let is_told = || heard.has(&CachePush::Disconnected);
        let soon = timeout(Duration::from_millis(1_200), until(is_told)).await;
        if soon.is_ok() {
            return;
        }
        until(is_told).await;
    }
    panic!("not told within 1.2 s, three times in a row");
}

#[tokio::test]
async fn a_call_that_is_slow_once_is_no_loss() {
    let bench = bench!();
    let proxy = FaultProxy::start(bench.server.addr());
    let mut settings = patient(&format!("redis://{}", proxy.addr()));
    settings.command_timeout = Duration::from_millis(20);
    settings.heartbeat_timeout = Duration::from_secs(2);
    let (cache, tally) = cache(settings).await;
    let heard = Heard::of(&cache);
    let serving = heard.all();
    proxy.set(Fault::Delay(Duration::from_millis(500)));
    for _ in 0..3 {
        let refusal = get(&cache).await.unwrap_err();
        assert!(matches!(refusal, CacheError::TimedOut), "{refusal}");
    }
    proxy.set(Fault::Pass);
    // The heartbeat that was asked for was answered by then.
    until(|| tally.of(RedisEvent::TimedOut) >= 3).await;
    let served = async { while get(&cache).await.is_err() {} };
    timeout(Duration::from_secs(10), served).await.unwrap();
    assert_eq!(heard.all(), serving);
    assert_eq!(tally.of(RedisEvent::Disconnected), 0);
}

#[tokio::test]
async fn what_a_full_tracking_table_forgets_is_told() {
    let bench = bench!();
    let heard = Heard::of(&bench.cache);
    let _: () = bench.ask("CONFIG SET tracking-table-max-keys 1").await;
    let ids: Vec<_> = (1..=50).map(numbered).collect();
    for id in &ids {
        bench.cache.get_many(OURS, &[*id]).await.unwrap();
    }
    until(|| heard.changed().len() >= 49).await;
    let mut told = heard.changed();
    told.sort_unstable();
    told.dedup();
    assert!(told.len() >= 49 && told.iter().all(|id| ids.contains(id)));
}

/// Makes a user of the server that may do everything but this; false where that cannot be said.
pub(crate) async fn forbid(bench: &Bench, command: &str) -> bool {
    let mut rules = redis::cmd("ACL");
    rules.arg("SETUSER").arg("limited");
    rules.arg(&["on", ">pass", "~*", "&*", "+@all"]);
    rules.arg(format!("-{command}"));
    rules.exec_async(&mut bench.raw.clone()).await.is_ok()
}

/// Settings for that user.
pub(crate) fn limited(bench: &Bench) -> RedisSettings {
    patient(
        &bench
            .server
            .url()
            .replace("redis://", "redis://limited:pass@"),
    )
}

#[tokio::test]
async fn a_server_that_refuses_to_track_is_used_without() {
    let bench = bench!();
    if !forbid(&bench, "client|tracking").await {
        return;
    }
    let (cache, tally) = cache(limited(&bench)).await;
    let heard = Heard::of(&cache);
    assert_eq!(get(&cache).await.unwrap(), floor(0));
    assert_eq!(stamp(&cache).await, ConnectionEpoch::UNTRACKED);
    let _: i64 = bench.ask("CLIENT KILL TYPE normal SKIPME yes").await;
    until(|| tally.of(RedisEvent::Connected) > 1).await;
    assert_eq!(stamp(&cache).await, ConnectionEpoch::UNTRACKED);
    assert_eq!(heard.all(), []);
}
