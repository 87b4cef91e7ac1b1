//! Every rule of the scripts, one test each.

use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::{
    AcquireRequest, Acquired, CacheLookup, CacheNamespace, FillOutcome, FillRequest, Filling,
    Lease, UserCache as _,
};
use roster_domain::{User, UserVersion};

use crate::support::{
    Bench, HOLD, Heard, ID, KEY, OURS, TTL, expires_at, floor, granted, key, lease, lease_bytes,
    numbered, unusable, user, version,
};

/// Versions at which a number that is not exact would go wrong.
const EDGES: [u64; 6] = [
    1,
    (1 << 53) - 1,
    1 << 53,
    (1 << 53) + 1,
    u64::MAX - 1,
    u64::MAX,
];

#[tokio::test]
async fn an_unknown_key_is_loaded_filled_and_read_back_whole() {
    let bench = bench!();
    assert_eq!(bench.get().await, floor(0));
    assert_eq!(bench.acquire(1).await, granted(0));
    assert_eq!(bench.fill(1, 7).await, FillOutcome::Stored);
    let found = bench.get().await;
    let CacheLookup::Value {
        user: read,
        expires_at: soft,
        ..
    } = &found
    else {
        panic!("{found:?}")
    };
    assert_eq!(**read, user(7));
    assert_eq!(*soft, expires_at());
    assert_eq!(bench.acquire(2).await, Acquired::Found(found));
}

#[tokio::test]
async fn an_absence_is_filled_at_the_floor_of_its_lease() {
    let bench = bench!();
    bench.invalidate(5).await;
    assert_eq!(bench.acquire(1).await, granted(5));
    let absent = Filling::Absent(UserVersion::new(5));
    assert_eq!(bench.fill_with(1, absent).await, FillOutcome::Stored);
    let found = bench.get().await;
    assert!(matches!(&found, CacheLookup::Absent { floor, .. } if floor.get() == 5));
    assert_eq!(bench.acquire(2).await, Acquired::Found(found));
}

#[tokio::test]
async fn each_kind_of_key_lives_as_long_as_it_was_told_to() {
    let bench = bench!();
    let lives = async |most: i64| {
        let left = bench.pttl().await;
        assert!((most - 5_000..=most).contains(&left), "{left} of {most}");
    };
    bench.acquire(1).await;
    let left = bench.pttl().await;
    assert!((1..=2_000).contains(&left), "{left}");
    bench.fill(1, 1).await;
    lives(3_600_000).await;
    bench.invalidate(2).await;
    lives(30_000).await;
    // The lease carries the floor for as long as the tombstone would have.
    bench.acquire(2).await;
    lives(30_000).await;
    bench.release(2).await;
    lives(30_000).await;
    bench.acquire(3).await;
    let ttl = Duration::from_secs(40);
    let absent = Filling::Absent(UserVersion::new(2));
    bench.fill_for(3, absent, ttl).await;
    lives(40_000).await;
}

#[tokio::test]
async fn what_became_of_one_key_is_nothing_to_the_others_of_its_batch() {
    let bench = bench!();
    let ids: Vec<_> = (1..=4).map(numbered).collect();
    let now = bench.now_ms().await;
    for id in &ids {
        bench.put_at(*id, &lease_bytes(2, now + 60_000, 1)).await;
    }
    let list = key(ids[0]);
    let _: () = bench.ask(&format!("DEL {list}")).await;
    let _: () = bench.ask(&format!("RPUSH {list} x")).await;
    let fill = |index: usize, token: u8, version: u64| {
        let id = ids[index];
        FillRequest {
            lease: Lease { id, ..lease(token) },
            filling: Filling::User(
                Arc::new(User {
                    id,
                    ..user(version)
                }),
                expires_at(),
            ),
            ttl: TTL,
        }
    };
    let fills = [fill(0, 1, 2), fill(1, 9, 2), fill(2, 1, 1), fill(3, 1, 2)];
    let filled = bench.cache.fill_many(OURS, &fills).await.unwrap();
    let (refused, stale) = (FillOutcome::Refused, FillOutcome::StaleSource);
    assert_eq!(filled, [refused, refused, stale, FillOutcome::Stored]);
}

#[tokio::test]
async fn a_lease_is_held_by_one() {
    let bench = bench!();
    bench.acquire(1).await;
    let Acquired::Wait { remaining } = bench.acquire(2).await else {
        panic!("the lease is held")
    };
    assert!(
        (1..=2_000).contains(&remaining.as_millis()),
        "{remaining:?}"
    );
    let held = bench.get().await;
    assert!(matches!(held, CacheLookup::Leased { floor } if floor.get() == 0));
    assert_eq!(bench.fill(2, 1).await, FillOutcome::Refused);
    bench.release(2).await;
    assert_eq!(bench.fill(1, 1).await, FillOutcome::Stored);
}

#[tokio::test]
async fn a_lease_past_its_deadline_is_taken_over_with_its_floor() {
    let bench = bench!();
    let now = bench.now_ms().await;
    bench.put(&lease_bytes(6, now - 1, 1)).await;
    assert_eq!(bench.acquire(2).await, granted(6));
    assert_eq!(bench.fill(1, 6).await, FillOutcome::Refused);
    assert_eq!(bench.fill(2, 6).await, FillOutcome::Stored);
}

#[tokio::test]
async fn the_deadline_is_one_of_the_servers_clock() {
    let bench = bench!();
    let now = bench.now_ms().await;
    bench.put(&lease_bytes(6, now + 60_000, 1)).await;
    let Acquired::Wait { remaining } = bench.acquire(2).await else {
        panic!("the lease is held")
    };
    assert!((50_000..=60_000).contains(&remaining.as_millis()));
    bench.acquire_after_flush(3).await;
    let stored = bench.bytes().await.unwrap();
    let deadline: i64 = std::str::from_utf8(&stored[17..33])
        .unwrap()
        .parse()
        .unwrap();
    let later = bench.now_ms().await;
    assert!((now + 2_000..=later + 2_000).contains(&deadline));
}

#[tokio::test]
async fn who_finished_late_may_still_fill_while_nobody_took_over() {
    let bench = bench!();
    let now = bench.now_ms().await;
    bench.put(&lease_bytes(6, now - 1, 1)).await;
    assert_eq!(bench.fill(1, 6).await, FillOutcome::Stored);
}

#[tokio::test]
async fn an_absent_key_refuses_a_fill() {
    let bench = bench!();
    assert_eq!(bench.fill(1, 1).await, FillOutcome::Refused);
    bench.acquire(1).await;
    let _: () = bench.ask("FLUSHALL").await;
    assert_eq!(bench.fill(1, 1).await, FillOutcome::Refused);
    assert_eq!(bench.bytes().await, None);
}

#[tokio::test]
async fn an_invalidation_destroys_a_lease() {
    let bench = bench!();
    bench.acquire(1).await;
    assert!(bench.invalidate(2).await);
    assert_eq!(bench.fill(1, 2).await, FillOutcome::Refused);
    assert_eq!(bench.get().await, floor(2));
}

#[tokio::test]
async fn an_evicted_tombstone_opens_no_window() {
    let bench = bench!();
    bench.acquire(1).await;
    bench.invalidate(2).await;
    let _: i64 = bench.ask(&format!("DEL {KEY}")).await;
    assert_eq!(bench.fill(1, 1).await, FillOutcome::Refused);
    bench.acquire(2).await;
    assert_eq!(bench.fill(1, 1).await, FillOutcome::Refused);
}

#[tokio::test]
async fn a_row_below_the_floor_is_a_stale_source_and_the_floor_stays() {
    let bench = bench!();
    bench.invalidate(9).await;
    bench.acquire(1).await;
    assert_eq!(bench.fill(1, 8).await, FillOutcome::StaleSource);
    assert_eq!(bench.get().await, floor(9));
    let left = bench.pttl().await;
    assert!((25_000..=30_000).contains(&left), "{left}");
    assert_eq!(bench.acquire(2).await, granted(9));
}

#[tokio::test]
async fn an_absence_below_the_floor_is_a_stale_source() {
    let bench = bench!();
    bench.invalidate(9).await;
    bench.acquire(1).await;
    let absent = Filling::Absent(UserVersion::new(8));
    assert_eq!(bench.fill_with(1, absent).await, FillOutcome::StaleSource);
    assert_eq!(bench.get().await, floor(9));
}

#[tokio::test]
async fn an_invalidation_is_idempotent_and_comes_in_any_order() {
    let bench = bench!();
    assert!(bench.invalidate(5).await);
    assert!(!bench.invalidate(5).await);
    assert!(!bench.invalidate(4).await);
    assert!(bench.invalidate(6).await);
    assert!(!bench.invalidate(5).await);
    assert_eq!(bench.get().await, floor(6));
}

#[tokio::test]
async fn an_invalidation_leaves_a_value_at_or_above_its_floor() {
    let bench = bench!();
    bench.acquire(1).await;
    bench.fill(1, 7).await;
    assert!(!bench.invalidate(7).await);
    assert!(!bench.invalidate(6).await);
    assert_eq!(version(&bench.get().await), Some(7));
    assert!(bench.invalidate(8).await);
    assert_eq!(bench.get().await, floor(8));
}

#[tokio::test]
async fn an_invalidation_leaves_a_lease_whose_floor_is_as_high() {
    let bench = bench!();
    bench.invalidate(7).await;
    bench.acquire(1).await;
    assert!(!bench.invalidate(7).await);
    assert_eq!(bench.fill(1, 7).await, FillOutcome::Stored);
}

#[tokio::test]
async fn an_invalidation_always_ends_an_absence_and_keeps_its_floor() {
    let bench = bench!();
    bench.invalidate(9).await;
    bench.acquire(1).await;
    let absent = Filling::Absent(UserVersion::new(9));
    bench.fill_with(1, absent).await;
    assert!(bench.invalidate(1).await);
    assert_eq!(bench.get().await, floor(9));
}

#[tokio::test]
async fn a_release_puts_the_floor_back_or_leaves_nothing() {
    let bench = bench!();
    bench.acquire(1).await;
    bench.release(1).await;
    assert_eq!(bench.bytes().await, None);
    bench.invalidate(3).await;
    bench.acquire(2).await;
    bench.release(2).await;
    assert_eq!(bench.get().await, floor(3));
    assert_eq!(bench.acquire(3).await, granted(3));
}

#[tokio::test]
async fn a_release_touches_nothing_of_others() {
    let bench = bench!();
    bench.release(1).await;
    assert_eq!(bench.bytes().await, None);
    bench.acquire(1).await;
    bench.fill(1, 1).await;
    let before = bench.bytes().await;
    bench.release(1).await;
    assert_eq!(bench.bytes().await, before);
}

#[tokio::test]
async fn named_bytes_are_passed_over_and_their_version_is_the_floor() {
    let bench = bench!();
    bench.acquire(1).await;
    bench.fill(1, 4).await;
    let CacheLookup::Value { seen, .. } = bench.get().await else {
        panic!("it was filled")
    };
    assert_eq!(bench.acquire_past(2, Some(seen)).await, granted(4));
    assert_eq!(bench.fill(2, 3).await, FillOutcome::StaleSource);
}

#[tokio::test]
async fn named_bytes_that_were_replaced_are_answered() {
    let bench = bench!();
    bench.acquire(1).await;
    bench.fill(1, 4).await;
    let CacheLookup::Value { seen, .. } = bench.get().await else {
        panic!("it was filled")
    };
    bench.invalidate(5).await;
    bench.acquire(2).await;
    bench.fill(2, 5).await;
    let Acquired::Found(found) = bench.acquire_past(3, Some(seen)).await else {
        panic!("it was filled anew")
    };
    assert_eq!(version(&found), Some(5));
}

#[tokio::test]
async fn numbers_are_exact_to_the_last_bit() {
    let bench = bench!();
    for edge in EDGES {
        let _: () = bench.ask("FLUSHALL").await;
        assert!(bench.invalidate(edge).await, "{edge}");
        assert_eq!(bench.get().await, floor(edge));
        assert!(!bench.invalidate(edge).await, "{edge}");
        assert!(!bench.invalidate(edge - 1).await, "{edge}");
        assert_eq!(bench.acquire(1).await, granted(edge));
        assert_eq!(
            bench.fill(1, edge - 1).await,
            FillOutcome::StaleSource,
            "{edge}"
        );
        assert_eq!(bench.acquire(2).await, granted(edge));
        assert_eq!(bench.fill(2, edge).await, FillOutcome::Stored, "{edge}");
        assert_eq!(version(&bench.get().await), Some(edge));
        if let Some(above) = edge.checked_add(1) {
            assert!(bench.invalidate(above).await, "{edge}");
            assert_eq!(bench.get().await, floor(above));
        }
    }
}

#[tokio::test]
async fn a_full_server_forgets_what_it_cannot_mark_as_stale() {
    let bench = bench!();
    bench.acquire(1).await;
    bench.fill(1, 1).await;
    let _: () = bench.ask("CONFIG SET maxmemory-policy noeviction").await;
    let _: () = bench.ask("CONFIG SET maxmemory 1").await;
    assert!(bench.invalidate(2).await);
    assert_eq!(bench.bytes().await, None);
}

#[tokio::test]
async fn a_key_of_another_type_is_a_miss_that_is_counted_and_taken_over() {
    let bench = bench!();
    let _: i64 = bench.ask(&format!("RPUSH {KEY} a b")).await;
    assert_eq!(bench.get().await, floor(0));
    assert_eq!(bench.foreign(), 1);
    let both = bench.get_twice().await;
    assert_eq!(both, [floor(0), floor(0)]);
    assert_eq!(bench.fill(1, 1).await, FillOutcome::Refused);
    bench.release(1).await;
    assert_eq!(bench.acquire(1).await, granted(0));
    assert_eq!(bench.foreign(), 2);
    assert_eq!(bench.fill(1, 1).await, FillOutcome::Stored);
    let _: i64 = bench.ask(&format!("DEL {KEY}")).await;
    let _: i64 = bench.ask(&format!("HSET {KEY} a b")).await;
    assert!(bench.invalidate(2).await);
    assert_eq!(bench.get().await, floor(2));
}

#[tokio::test]
async fn foreign_text_is_passed_over_invalidated_and_never_trusted() {
    let bench = bench!();
    for foreign in [
        &b"hello"[..],
        b"",
        b"V",
        b"V000000000000000",
        b"VzzzzzzzzzzzzzzzZ-and-more",
        b"T00000000000000FF",
        b"T0000000000000001!",
        b"L0000000000000001",
        b"X0000000000000001",
    ] {
        bench.put(foreign).await;
        let found = bench.get().await;
        let seen = unusable(&found).unwrap_or_else(|| panic!("{foreign:?}: {found:?}"));
        assert_eq!(bench.acquire(1).await, Acquired::Found(found));
        assert_eq!(bench.fill(1, 1).await, FillOutcome::Refused);
        assert_eq!(bench.acquire_past(1, Some(seen)).await, granted(0));
        assert_eq!(bench.fill(1, 1).await, FillOutcome::Stored);
        bench.put(foreign).await;
        assert!(bench.invalidate(1).await);
        assert_eq!(bench.get().await, floor(1), "{foreign:?}");
    }
}

/// Their version says nothing about this row, which may be far behind it.
#[tokio::test]
async fn the_value_of_another_owner_leaves_no_floor_when_it_is_named() {
    let bench = bench!();
    let other_database = CacheNamespace {
        database: OURS.database ^ 1,
        ..OURS
    };
    let other_epoch = CacheNamespace {
        epoch: OURS.epoch ^ 1,
        ..OURS
    };
    let other_id = numbered(7);
    for (of, id) in [(other_database, ID), (other_epoch, ID), (OURS, other_id)] {
        let lease = Lease { id, ..lease(1) };
        let request = AcquireRequest {
            lease,
            hold_for: HOLD,
            unusable: None,
            likely_absent: false,
        };
        let theirs = User { id, ..user(9) };
        let fill = FillRequest {
            lease,
            filling: Filling::User(Arc::new(theirs), expires_at()),
            ttl: TTL,
        };
        bench.cache.acquire_many(of, &[request]).await.unwrap();
        let filled = bench.cache.fill_many(of, &[fill]).await.unwrap();
        assert_eq!(filled, [FillOutcome::Stored]);
        let stored: Vec<u8> = bench.ask(&format!("GET {}", key(id))).await;
        bench.put(&stored).await;
        let found = bench.get().await;
        let seen = unusable(&found).unwrap_or_else(|| panic!("{of:?} {id}: {found:?}"));
        assert_eq!(bench.acquire_past(2, Some(seen)).await, granted(0));
        assert_eq!(bench.fill(2, 1).await, FillOutcome::Stored);
        let _: () = bench.ask("FLUSHALL").await;
    }
}

#[tokio::test]
async fn an_error_of_the_server_is_an_error_of_the_call() {
    let bench = bench!();
    let _: () = bench.ask("CONFIG SET maxmemory-policy noeviction").await;
    let _: () = bench.ask("CONFIG SET maxmemory 1").await;
    let request = roster_domain::ports::AcquireRequest {
        lease: crate::support::lease(1),
        hold_for: Duration::from_secs(2),
        unusable: None,
        likely_absent: false,
    };
    let refusal = bench.try_acquire(request).await.unwrap_err();
    assert_eq!(refusal.to_string(), "the cache is not available");
    assert_eq!(bench.get().await, floor(0));
    assert!(bench.cache.is_connected(), "{ID}");
}

#[tokio::test]
async fn a_time_below_a_millisecond_is_one() {
    let bench = bench!();
    bench.acquire(1).await;
    let absent = Filling::Absent(UserVersion::NONE);
    let outcome = bench.fill_for(1, absent, Duration::from_micros(1)).await;
    assert_eq!(outcome, FillOutcome::Stored);
}

/// How often the server ran scripts.
async fn scripts_run(bench: &Bench) -> u64 {
    let stats: String = bench.ask("INFO commandstats").await;
    let line = stats
        .lines()
        .find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_key_that_is_absent_as_guessed_costs_one_script_and_pushes_nothing_back() {
    let bench = bench!();
    let heard = Heard::of(&bench.cache);
    let before = scripts_run(&bench).await;
    let request = AcquireRequest {
        lease: lease(1),
        hold_for: HOLD,
        unusable: None,
        likely_absent: true,
    };
    let acquired = bench.cache.acquire_many(OURS, &[request]).await.unwrap();
    assert_eq!(acquired.reply, [granted(0)]);
    assert_eq!(
        bench.bytes().await.unwrap(),
        lease_bytes(0, 9_999_999_999_999_999, 1)
    );
    assert_eq!(bench.fill(1, 7).await, FillOutcome::Stored);
    assert_eq!(scripts_run(&bench).await, before + 1);
    // A reply comes after all that was pushed before it.
    let found = bench.get().await;
    assert!(matches!(found, CacheLookup::Value { .. }), "{found:?}");
    assert_eq!(heard.changed(), []);
    // What was read since is told of.
    bench.invalidate(8).await;
    bench.get().await;
    assert_eq!(heard.changed(), [ID]);
}
