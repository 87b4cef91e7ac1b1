//! When a cache's answer says how old it may be, and when nothing shows it.

use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::ConnectionEpoch;
use roster_port_contracts::decorators::Fault;

use crate::fleet::{Fleet, ROUNDS, SECOND, pass};
use crate::support::{draft, id, renamed};

/// The proof was taken from the server that was there when the question was sent.
#[tokio::test(start_paused = true)]
async fn a_value_that_a_failover_brought_back_while_it_was_asked_for_is_unproven() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    pass(SECOND).await;
    let before = fleet.cache.snapshot();
    let changed = fleet.near.service.update(id(1), renamed("Changed"), None);
    changed.await.unwrap();
    pass(SECOND).await;
    let cache = Arc::clone(&fleet.cache);
    fleet
        .far
        .way
        .before_look_up(move || cache.fail_over(&before));

    let (version, _, bound) = fleet.far.read(1).await;

    assert_eq!(version, 1, "nothing has healed it yet");
    assert_eq!(bound, None);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_came_by_another_connection_than_the_pushes_is_unproven() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    pass(SECOND).await;
    for (stray, proven) in [
        (Some(ConnectionEpoch(99)), false),
        (Some(ConnectionEpoch::UNTRACKED), false),
        (None, true),
    ] {
        *fleet.far.way.stray.lock().unwrap() = stray;
        let (_, hit, bound) = fleet.far.read(1).await;
        assert!(hit);
        assert_eq!(bound.is_some(), proven, "{stray:?}: {bound:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_pushed_nothing_is_proven() {
    let fleet = Fleet::untold();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    pass(SECOND).await;
    for node in [&fleet.near, &fleet.far] {
        let (_, hit, bound) = node.read(1).await;
        assert!(hit);
        assert_eq!(bound, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_by_another_connection_than_the_pushes_proves_nothing() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    pass(SECOND).await;
    *fleet.near.relay.stray.lock().unwrap() = Some(ConnectionEpoch(99));
    let began = fleet.near.read(1).await.2.unwrap();
    for seconds in 1..5 {
        pass(SECOND).await;
        let bound = fleet.near.read(1).await.2.unwrap();
        let stale_for = SECOND * seconds;
        assert!(bound >= began + stale_for, "{bound:?} after {seconds} s");
    }
    *fleet.near.relay.stray.lock().unwrap() = None;
    pass(ROUNDS).await;
    assert!(fleet.near.read(1).await.2.unwrap() <= ROUNDS);
}

/// Its time is no measure for the watermark of the one before it.
#[tokio::test(start_paused = true)]
async fn a_server_whose_clock_lags_behind_the_last_proves_nothing_by_its_watermark() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    pass(SECOND).await;
    fleet.cut_relays(true);
    let before = fleet.cache.snapshot();
    fleet.commit_and_die(1, "Changed").await;
    pass(SECOND).await;
    fleet.cache.fail_over(&before);
    fleet.cache.step_time(-900_000);
    for _ in 0..5 {
        pass(ROUNDS).await;
        let (version, _, bound) = fleet.far.read(1).await;
        assert_eq!((version, bound), (1, None));
    }

    fleet.cut_relays(false);
    pass(ROUNDS * 2).await;
    assert_eq!(fleet.far.read(1).await.0, 2);
    pass(ROUNDS).await;
    fleet.far.warm(1).await;
    assert!(fleet.far.read(1).await.2.is_some());
}

/// The watermark speaks of values that this process takes for another epoch's.
#[tokio::test(start_paused = true)]
async fn who_does_not_know_the_epoch_is_proven_nothing_by_its_watermark() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.far.warm(1).await;
    pass(SECOND).await;
    fleet.far.log_faults.arm(Fault::Fail);
    fleet.near.service.clear_caches().await.unwrap();
    for seconds in 1..10 {
        pass(SECOND).await;
        let (_, hit, bound) = fleet.far.read(1).await;
        let since = SECOND * seconds;
        assert!(
            !hit || bound.is_none_or(|bound| bound >= since),
            "{bound:?} after {seconds} s"
        );
    }

    fleet.far.log_faults.mend();
    pass(SECOND).await;
    fleet.far.warm(1).await;
    assert!(fleet.far.read(1).await.2.unwrap() <= ROUNDS);
}

/// A bound counts from when the probe was sent: what it was answered may be as old as that.
#[tokio::test(start_paused = true)]
async fn a_probe_that_is_long_on_its_way_proves_no_more_than_when_it_was_sent() {
    let fleet = Fleet::new();
    fleet.near.service.create(draft(1)).await.unwrap();
    fleet.near.warm(1).await;
    *fleet.near.relay.probes_late_by.lock().unwrap() = Duration::from_millis(500);
    pass(SECOND * 2).await;
    fleet.cut_relays(true);
    fleet.commit_and_die(1, "Changed").await;
    let mut proven = 0;
    for looks in 1..=20 {
        pass(Duration::from_millis(100)).await;
        let (version, _, bound) = fleet.near.read(1).await;
        assert_eq!(version, 1, "nothing has said it yet");
        let since = Duration::from_millis(100) * looks;
        assert!(
            bound.is_none_or(|bound| bound >= since),
            "{bound:?} after {since:?}"
        );
        proven += usize::from(bound.is_some());
    }
    assert!(proven > 0);
}
