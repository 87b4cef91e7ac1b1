//! Every rule of the scripts, one test each.

use std::time::Duration;

use roster_domain::UserVersion;
use roster_domain::ports::{Acquired, CacheLookup, FillOutcome, Filling};

use crate::support::{Bench, HOLD, KEY, expires_at, floor, granted, lease, user, version};

macro_rules! bench {
    () => {
        match Bench::start().await {
            Some(bench) => bench,
            None => return,
        }
    };
}

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
    let ttl = bench.pttl().await;
    assert!((3_590_000..=3_600_000).contains(&ttl), "{ttl}");
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
    assert!(
        matches!(&found, CacheLookup::Absent { floor, .. } if floor.get() == 5),
        "{found:?}"
    );
    assert_eq!(bench.acquire(2).await, Acquired::Found(found));
}
