//! Rounds of the relay and its watermark, while the server goes, comes, and changes its mind.

use std::time::Duration;

use roster_adapters_redis::{PayloadFault, RedisCacheRelay, RedisEvent};
use roster_domain::Timestamp;
use roster_domain::ports::{
    CacheError, CachePush, CacheRelay, Invalidation, LeaseToken, Probe, RelayClaim, RelayRound,
};
use roster_test_services::{Fault, FaultProxy, RedisServer};

use crate::support::{Bench, Heard, ID, OURS, cache, floor, get, patient, until, user, version};

const WATERMARK: &str = "roster:wm:{0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d}";
const CLAIM: &str = "roster:relay:{0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d}";

fn relay(bench: &Bench) -> RedisCacheRelay {
    RedisCacheRelay::new(&bench.cache)
}

async fn begin(relay: &RedisCacheRelay) -> Box<dyn RelayRound> {
    let round = relay.begin_round(OURS.database, None).await;
    round.unwrap().unwrap()
}

async fn mark(round: &dyn RelayRound) -> Result<bool, CacheError> {
    round.set_watermark(Timestamp::UNIX_EPOCH, OURS.epoch).await
}

async fn probe(relay: &RedisCacheRelay) -> Probe {
    relay.probe(OURS.database).await.unwrap().reply
}

/// Whether the watermark is of the clock that it was read by.
fn is_proof(probe: &Probe) -> bool {
    let watermark = probe.watermark.as_ref();
    watermark.is_some_and(|watermark| watermark.clock == probe.clock)
}

async fn wait_for_the_clock(relay: &RedisCacheRelay, round: &dyn RelayRound) {
    let begun = round.begun().now;
    while probe(relay).await.now <= begun {}
}

#[tokio::test]
async fn a_round_names_the_server_as_its_operator_does() {
    let bench = bench!();
    let round = begin(&relay(&bench)).await;
    let info: String = bench.ask("INFO").await;
    let field = |name: &str| {
        let mut lines = info.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    let incarnation = &round.begun().incarnation;
    assert_eq!(Some(&*incarnation.clock), field("run_id"));
    assert_eq!(Some(&*incarnation.history), field("master_replid"));
    let told = i64::try_from(round.begun().now.0 / 1_000).unwrap();
    let now = bench.now_ms().await;
    assert!((now - 5_000..=now).contains(&told), "{told} at {now}");
}

#[tokio::test]
async fn a_watermark_is_stored_for_good_and_a_claim_for_its_time() {
    let bench = bench!();
    let claim = RelayClaim {
        holder: LeaseToken(*b"0123456789abcdef"),
        hold_for: Duration::from_mins(1),
    };
    let relay = relay(&bench);
    let round = relay.begin_round(OURS.database, Some(claim)).await;
    let round = round.unwrap().unwrap();
    let holder: String = bench.ask(&format!("GET {CLAIM}")).await;
    assert_eq!(holder, "0123456789abcdef");
    let left: i64 = bench.ask(&format!("PTTL {CLAIM}")).await;
    assert!((1..=60_000).contains(&left), "{left}");
    assert!(mark(&*round).await.unwrap());
    let stored: String = bench.ask(&format!("GET {WATERMARK}")).await;
    let begun = round.begun();
    let head = format!("W1{:016x}{:016x}{:032x}", begun.now.0, 0, OURS.epoch);
    assert!(stored.starts_with(&head), "{stored}");
    assert!(stored.ends_with(&begun.incarnation.clock), "{stored}");
    assert_eq!(stored.len(), 74 + begun.incarnation.clock.len());
    let left: i64 = bench.ask(&format!("PTTL {WATERMARK}")).await;
    assert_eq!(left, -1);
}

#[tokio::test]
async fn a_promoted_replica_has_the_watermark_of_another_clock() {
    let bench = bench!();
    let old = relay(&bench);
    let first = begin(&old).await;
    assert!(mark(&*first).await.unwrap());
    assert!(is_proof(&probe(&old).await));
    let Some(replica) = RedisServer::start_replica_of(&bench.server) else {
        return;
    };
    let late = begin(&old).await;
    replica.promote().await.unwrap();

    let promoted = Bench::over(replica).await.unwrap();
    let new = relay(&promoted);
    let found = begin(&new).await;
    let (then, now) = (first.begun(), found.begun());
    assert_eq!(
        now.watermark.as_ref().unwrap().clock,
        then.incarnation.clock
    );
    assert_ne!(now.incarnation.clock, then.incarnation.clock);
    assert_ne!(now.incarnation.history, then.incarnation.history);
    assert!(!is_proof(&probe(&new).await));
    assert!(mark(&*found).await.unwrap());
    assert!(is_proof(&probe(&new).await));

    // The old primary joins the new one; whoever still relays to it marks nothing.
    bench.server.replicate(&promoted.server).await.unwrap();
    bench
        .server
        .wait_until_synced(&promoted.server)
        .await
        .unwrap();
    assert!(!matches!(mark(&*late).await, Ok(true)));
    let kept = probe(&new).await.watermark.unwrap();
    assert_eq!(kept.clock, now.incarnation.clock);
}

#[tokio::test]
async fn a_replica_that_missed_an_invalidation_is_pending_by_its_name() {
    let bench = bench!();
    bench.acquire(1).await;
    bench.fill(1, 3).await;
    let Some(replica) = RedisServer::start_replica_of(&bench.server) else {
        return;
    };
    let dump = bench.server.dump().await.unwrap();
    replica.promote().await.unwrap();
    assert!(bench.invalidate(4).await);
    // On the promoted server the value is back: only the name of its data tells.
    let promoted = Bench::over(replica).await.unwrap();
    assert_eq!(version(&promoted.get().await), Some(3));
    let round = begin(&relay(&promoted)).await;
    let before = begin(&relay(&bench)).await.begun().incarnation.clone();
    assert_ne!(round.begun().incarnation, before);
    let floor = user(4).version;
    let replayed = [Invalidation { id: ID, floor }];
    round.invalidate_many(&replayed).await.unwrap();
    assert_eq!(promoted.get().await, self::floor(4));

    // So it is after a restart from an old dump.
    bench.server.restart_from(&dump).await.unwrap();
    until(|| bench.tally.of(RedisEvent::Connected) > 1).await;
    assert_eq!(version(&bench.get().await), Some(3));
    let restarted = begin(&relay(&bench)).await.begun().incarnation.clone();
    assert_ne!(restarted.clock, before.clock);
    assert_ne!(restarted.history, before.history);
}

#[tokio::test]
async fn a_server_that_came_back_from_a_dump_has_no_proof() {
    let bench = bench!();
    let relay = relay(&bench);
    let old = begin(&relay).await;
    assert!(mark(&*old).await.unwrap());
    let dump = bench.server.dump().await.unwrap();
    wait_for_the_clock(&relay, &*old).await;
    assert!(mark(&*begin(&relay).await).await.unwrap());
    bench.server.restart_from(&dump).await.unwrap();
    until(|| bench.tally.of(RedisEvent::Connected) > 1).await;
    let found = probe(&relay).await;
    assert!(!is_proof(&found));
    assert_eq!(found.watermark.unwrap().at, old.begun().now);
    mark(&*old).await.unwrap_err();
    assert!(mark(&*begin(&relay).await).await.unwrap());
    assert!(is_proof(&probe(&relay).await));
}

#[tokio::test]
async fn what_is_no_watermark_is_counted_and_does_not_stand_in_the_way() {
    let bench = bench!();
    let relay = relay(&bench);
    let clock = begin(&relay).await.begun().incarnation.clock.clone();
    let ahead = format!("W1{}{}{}", "f".repeat(16), "0".repeat(56), clock);
    for (round, (stored, fault)) in [
        ("hello", PayloadFault::Foreign),
        ("W1", PayloadFault::Torn),
        // As a script reads it, it is of this clock and ahead of everything.
        (&*ahead, PayloadFault::Torn),
    ]
    .into_iter()
    .enumerate()
    {
        let _: () = bench.ask(&format!("SET {WATERMARK} {stored}")).await;
        let before = bench.refused(fault);
        assert_eq!(probe(&relay).await.watermark, None, "{stored}");
        let round_of_it = begin(&relay).await;
        assert_eq!(round_of_it.begun().watermark, None, "{stored}");
        assert_eq!(bench.refused(fault), before + 2, "{round}");
        assert!(mark(&*round_of_it).await.unwrap(), "{stored}");
        assert!(is_proof(&probe(&relay).await), "{stored}");
    }
    let _: i64 = bench.ask(&format!("DEL {WATERMARK}")).await;
    let _: i64 = bench.ask(&format!("RPUSH {WATERMARK} x")).await;
    let round = begin(&relay).await;
    assert_eq!(round.begun().watermark, None);
    assert!(mark(&*round).await.unwrap());
    assert!(is_proof(&probe(&relay).await));
}

#[tokio::test]
async fn a_watermark_that_came_meanwhile_is_not_taken_for_the_broken_one() {
    let bench = bench!();
    let relay = relay(&bench);
    let _: () = bench.ask(&format!("SET {WATERMARK} broken")).await;
    let older = begin(&relay).await;
    wait_for_the_clock(&relay, &*older).await;
    let newer = begin(&relay).await;
    assert!(mark(&*newer).await.unwrap());
    assert!(!mark(&*older).await.unwrap());
}

/// The script as the adapter sends it, with names that no round on one connection can have.
#[tokio::test]
async fn the_script_compares_clock_and_history_by_itself() {
    let bench = bench!();
    let begun = begin(&relay(&bench)).await.begun().incarnation.clone();
    let source = concat!(
        include_str!("../../src/scripts/relay.lua"),
        include_str!("../../src/scripts/set_watermark.lua"),
    );
    let run = async |clock: &str, history: &str, watermark: &str| -> i64 {
        let mut eval = redis::cmd("EVAL");
        eval.arg(source).arg(1).arg(WATERMARK);
        eval.arg(clock).arg(history).arg(watermark);
        eval.query_async(&mut bench.raw.clone()).await.unwrap()
    };
    let at = |moment: u64, clock: &str| format!("W1{moment:016x}{:056}{clock}", 0);
    let (clock, history) = (&*begun.clock, &*begun.history);
    let other = "0".repeat(40);

    assert_eq!(run(&other, history, &at(5, &other)).await, 0);
    assert_eq!(run(clock, &other, &at(5, clock)).await, 0);
    let stored: Option<String> = bench.ask(&format!("GET {WATERMARK}")).await;
    assert_eq!(stored, None);

    // Of another clock no moment is ahead.
    let ahead = at(u64::MAX, &other);
    let _: () = bench.ask(&format!("SET {WATERMARK} {ahead}")).await;
    assert_eq!(run(clock, history, &at(5, clock)).await, 1);
    for (moment, answer) in [(4, 0), (5, 0), (6, 1), (0x10, 1), (0xf, 0)] {
        assert_eq!(run(clock, history, &at(moment, clock)).await, answer);
    }
}

#[tokio::test]
async fn each_script_of_the_relay_is_loaded_again_after_a_flush() {
    let bench = bench!();
    let relay = relay(&bench);
    let flush = async || {
        let _: () = bench.ask("SCRIPT FLUSH").await;
    };
    flush().await;
    let round = begin(&relay).await;
    flush().await;
    let floor = user(2).version;
    let invalidations = [Invalidation { id: ID, floor }; 3];
    round.invalidate_many(&invalidations).await.unwrap();
    flush().await;
    assert!(mark(&*round).await.unwrap());
    flush().await;
    assert!(is_proof(&probe(&relay).await));
}

#[tokio::test]
async fn a_full_server_takes_rounds_and_no_watermark() {
    let bench = bench!();
    let relay = relay(&bench);
    bench.acquire(1).await;
    bench.fill(1, 1).await;
    let _: () = bench.ask("CONFIG SET maxmemory-policy noeviction").await;
    let _: () = bench.ask("CONFIG SET maxmemory 1").await;
    let claim = RelayClaim {
        holder: LeaseToken([1; 16]),
        hold_for: Duration::from_mins(1),
    };
    let round = relay.begin_round(OURS.database, Some(claim)).await;
    let round = round.unwrap().unwrap();
    let floor = user(2).version;
    let stale = [Invalidation { id: ID, floor }];
    round.invalidate_many(&stale).await.unwrap();
    assert_eq!(bench.bytes().await, None);
    mark(&*round).await.unwrap_err();
    assert_eq!(probe(&relay).await.watermark, None);
    assert!(bench.cache.is_connected());
}

#[tokio::test]
async fn changes_of_the_watermark_are_not_told_as_those_of_users() {
    let bench = bench!();
    let relay = relay(&bench);
    let heard = Heard::of(&bench.cache);
    for _ in 0..3 {
        let round = begin(&relay).await;
        assert!(mark(&*round).await.unwrap());
        wait_for_the_clock(&relay, &*round).await;
    }
    // Its push came before this one.
    bench.get().await;
    let _: i64 = bench
        .ask(&format!("APPEND {} x", crate::support::KEY))
        .await;
    until(|| heard.changed() == [ID]).await;
    assert_eq!(heard.all().len(), 2);
}

#[tokio::test]
async fn a_replica_answers_no_probe_and_is_left() {
    let bench = bench!();
    let mut settings = patient(&bench.server.url());
    settings.heartbeat_interval = Duration::from_hours(1);
    let (cache, _) = cache(settings).await;
    let heard = Heard::of(&cache);
    let relay = RedisCacheRelay::new(&cache);
    probe(&relay).await;
    let _: () = bench.ask("REPLICAOF 127.0.0.1 1").await;
    relay.probe(OURS.database).await.unwrap_err();
    until(|| heard.has(&CachePush::Disconnected)).await;
}

#[tokio::test]
async fn a_round_does_not_come_back_with_a_connection_that_was_given_up() {
    let bench = bench!();
    let proxy = FaultProxy::start(bench.server.addr());
    let (cache, tally) = cache(patient(&format!("redis://{}", proxy.addr()))).await;
    let relay = RedisCacheRelay::new(&cache);
    let round = begin(&relay).await;
    proxy.set(Fault::BlackHole);
    until(|| tally.of(RedisEvent::Disconnected) > 0).await;
    // The old connection would carry on as if nothing had been.
    proxy.set(Fault::Pass);
    until(|| cache.is_connected()).await;
    mark(&*round).await.unwrap_err();
    assert!(mark(&*begin(&relay).await).await.unwrap());
}

#[tokio::test]
async fn a_relay_waits_longer_than_a_request() {
    let bench = bench!();
    let proxy = FaultProxy::start(bench.server.addr());
    let mut settings = patient(&format!("redis://{}", proxy.addr()));
    settings.command_timeout = Duration::from_millis(20);
    settings.relay_timeout = Duration::from_secs(10);
    let (cache, _) = cache(settings).await;
    let relay = RedisCacheRelay::new(&cache);
    proxy.set(Fault::Delay(Duration::from_millis(500)));
    let refusal = get(&cache).await.unwrap_err();
    assert!(matches!(refusal, CacheError::TimedOut), "{refusal}");
    assert!(mark(&*begin(&relay).await).await.unwrap());
    assert!(is_proof(&probe(&relay).await));
}

#[tokio::test]
async fn without_a_server_every_call_fails_at_once() {
    let bench = bench!();
    let relay = relay(&bench);
    let round = begin(&relay).await;
    bench.server.kill();
    until(|| !bench.cache.is_connected()).await;
    mark(&*round).await.unwrap_err();
    round.invalidate_many(&[]).await.unwrap();
    let refusal = relay.probe(OURS.database).await.unwrap_err();
    assert!(matches!(refusal, CacheError::Unavailable(_)), "{refusal}");
    assert!(relay.begin_round(OURS.database, None).await.is_err());
}
