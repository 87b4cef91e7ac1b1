//! What goes on beside the requests: the relay heals what writers leave behind, and the bound
//! of an answer says how far it got.

use std::sync::atomic::Ordering;
use std::time::Duration;

use roster_adapters_memory::MemoryChangeLog;
use roster_app::{CacheEvent, StalenessBound};
use roster_domain::UserVersion;
use roster_domain::ports::ChangeLog as _;

use crate::fleet::{Fleet, Node, ROUNDS, SECOND, pass};
use crate::support::{draft, id, renamed};

#[tokio::test(start_paused = true)]
async fn what_a_dead_writer_left_behind_is_gone_within_two_rounds() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    assert_eq!(fleet.far.warm(1).await, 1);

    fleet.commit_and_die(1, "Changed").await;
    assert_eq!(fleet.far.read(1).await.0, 1, "nobody has said it yet");
    pass(ROUNDS).await;

    assert_eq!(fleet.far.read(1).await.0, 2);
    assert_eq!(fleet.near.read(1).await.0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_is_pushed_to_the_memory_of_the_other_process() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    assert_eq!(fleet.far.warm(1).await, 1);
    let renamed = renamed("Changed");
    let written = fleet.near.service.update(id(1), renamed, None).await;
    assert_eq!(written.unwrap().version, UserVersion::new(2));
    assert_eq!(fleet.far.read(1).await.0, 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_a_cache_says_how_old_it_may_be() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    pass(SECOND).await;
    for _ in 0..20 {
        pass(Duration::from_millis(37)).await;
        let (_, hit, bound) = fleet.near.read(1).await;
        assert!(hit);
        assert!(bound.unwrap() <= ROUNDS, "{bound:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_bound_grows_while_no_relay_works_and_covers_what_is_stale() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    pass(SECOND).await;
    fleet.cut_relays(true);
    fleet.commit_and_die(1, "Changed").await;
    for seconds in 1..10_u64 {
        pass(SECOND).await;
        let (version, _, bound) = fleet.near.read(1).await;
        let stale_for = Duration::from_secs(seconds);
        assert!(
            version == 2 || bound.is_none_or(|bound| bound >= stale_for),
            "version {version} and a bound of {bound:?} after {seconds} s"
        );
    }
    let failed = |event: &CacheEvent| *event == CacheEvent::RelayFailed;
    assert!(fleet.near.events.count(failed) > 0);

    fleet.near.relay.cut.store(false, Ordering::SeqCst);
    pass(ROUNDS * 2).await;
    let (version, _, bound) = fleet.near.read(1).await;
    assert_eq!(version, 2);
    assert!(bound.unwrap() <= ROUNDS, "{bound:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failover_that_brings_a_deleted_value_back_is_healed() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    pass(SECOND).await;
    let before = fleet.cache.snapshot();
    let renamed = renamed("Changed");
    fleet
        .near
        .service
        .update(id(1), renamed, None)
        .await
        .unwrap();
    // The relay acknowledges the change for this life of the cache.
    pass(SECOND).await;

    fleet.cache.fail_over(&before);
    let (version, _, bound) = fleet.far.read(1).await;
    assert!(version == 2 || bound.is_none(), "{version} {bound:?}");
    pass(SECOND).await;

    for node in [&fleet.near, &fleet.far] {
        assert_eq!(node.read(1).await.0, 2);
        assert!(node.warm(1).await == 2);
        assert!(node.read(1).await.2.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_is_older_than_the_log_is_loaded_anew() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    pass(SECOND).await;
    let old = fleet.cache.snapshot();
    fleet.commit_and_die(1, "Changed").await;
    pass(SECOND).await;
    fleet.cut_relays(true);
    // Longer than rows of the log are kept.
    pass(Duration::from_mins(10)).await;
    let log = MemoryChangeLog::new(fleet.store.clone());
    log.purge_older_than(Duration::from_mins(2), 1_000)
        .await
        .unwrap();
    fleet.cache.fail_over(&old);
    fleet.cut_relays(false);
    pass(SECOND).await;

    let raised = |event: &CacheEvent| *event == CacheEvent::EpochRaised;
    assert!(fleet.near.events.count(raised) + fleet.far.events.count(raised) >= 2);
    assert_eq!(fleet.near.read(1).await.0, 2);
    assert_eq!(fleet.far.read(1).await.0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_empties_the_memory_of_the_process() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    let in_memory = |overview: roster_app::CacheOverview| overview.shared.unwrap().bound;
    pass(SECOND).await;
    assert_ne!(
        in_memory(fleet.near.service.cache_overview()),
        StalenessBound::Unproven
    );
    fleet.cache.disconnect();
    assert_eq!(
        in_memory(fleet.near.service.cache_overview()),
        StalenessBound::Unproven,
        "the proof went with the connection"
    );
    let (_, _, bound) = fleet.near.read(1).await;
    assert_eq!(bound, None, "the value is the shared cache's again");
    pass(ROUNDS).await;
    assert!(fleet.near.read(1).await.2.is_some());
}

#[tokio::test(start_paused = true)]
async fn clearing_makes_everything_a_miss_in_every_process() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    fleet.far.warm(1).await;
    pass(SECOND).await;

    fleet.near.service.clear_caches().await.unwrap();

    assert!(!fleet.near.read(1).await.1);
    pass(ROUNDS).await;
    let far_loads = |event: &CacheEvent| matches!(event, CacheEvent::Answered(tier) if *tier != roster_app::Tier::L1);
    let before = fleet.far.events.count(far_loads);
    fleet.far.read(1).await;
    assert_eq!(fleet.far.events.count(far_loads), before + 1);
}

#[tokio::test(start_paused = true)]
async fn one_relay_works_at_a_time_and_the_next_takes_over() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    pass(SECOND * 10).await;
    let (near, far) = (fleet.near.rounds(), fleet.far.rounds());
    assert!(near.min(far) <= 3 && near.max(far) >= 80, "{near} {far}");
    let (holder, next) = fleet.holder_and_next();
    holder.relay.cut.store(true, Ordering::SeqCst);
    let before = next.rounds();
    pass(Duration::from_millis(500)).await;
    assert!(next.rounds() > before);
}

/// A change that nobody delivers is as old as the next look finds it; who does not look says so.
#[tokio::test(start_paused = true)]
async fn a_relay_says_how_old_the_oldest_change_is_that_it_finds() {
    let fleet = Fleet::new();
    let lag = |node: &Node| node.service.cache_overview().shared.unwrap().relay_lag;
    assert_eq!(lag(&fleet.near), None, "nothing has looked");
    fleet.near.service.create(draft(1)).await.unwrap();
    pass(SECOND).await;
    let (holder, next) = fleet.holder_and_next();
    assert_eq!((lag(holder), lag(next)), (Some(Duration::ZERO), None));

    fleet.cut_relays(true);
    fleet.commit_and_die(1, "Changed").await;
    pass(SECOND * 3).await;
    fleet.cut_relays(false);
    pass(SECOND).await;

    let found = holder.events.longest_lag().max(next.events.longest_lag());
    let waited = SECOND * 3..=SECOND * 3 + ROUNDS;
    assert!(waited.contains(&found), "{found:?}");
    let lags = [lag(holder), lag(next)];
    assert!(
        lags.contains(&Some(Duration::ZERO)) && lags.contains(&None),
        "{lags:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_is_let_in_and_fails_keeps_nobody_out() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    pass(SECOND * 10).await;
    let (holder, next) = fleet.holder_and_next();
    holder.relay.deaf.store(true, Ordering::SeqCst);
    let before = next.rounds();
    pass(SECOND).await;
    assert!(next.rounds() >= before + 5, "{}", next.rounds() - before);
}
