//! Calls in any order.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::CacheLookup;

use super::{HOLD, ID, acquire_for, assert_floor, fill, get, invalidate, release};
use crate::CacheFixture;
use crate::samples::version;

pub async fn no_order_of_calls_lowers_the_version_served(fixture: &dyn CacheFixture) {
    for seed in 1..=12 {
        fixture.flush().await;
        let mut random = Random(seed);
        let (mut floor, mut served) = (0, 0);
        let mut unusable = None;
        for step in 0..60 {
            let holder = random.below(3) + 1;
            let holder = u8::try_from(holder).unwrap();
            match random.below(6) {
                0 | 1 => {
                    acquire_for(fixture, holder, HOLD, unusable.take()).await;
                }
                2 | 3 => {
                    // Any version, as a lagging source or a late holder would offer.
                    fill(fixture, holder, random.below(12) + 1).await;
                }
                4 => {
                    let stale_below = random.below(10) + 1;
                    invalidate(fixture, stale_below).await;
                    floor = floor.max(stale_below);
                }
                _ => release(fixture, holder).await,
            }
            match get(fixture, ID).await {
                CacheLookup::Value { user, seen, .. } => {
                    let number = user.version.get();
                    assert!(
                        number >= floor,
                        "seed {seed}, step {step}: {number} < {floor}"
                    );
                    assert!(
                        number >= served,
                        "seed {seed}, step {step}: {number} < {served}"
                    );
                    served = number;
                    unusable = Some(seen);
                }
                CacheLookup::Floor { floor: known, .. } | CacheLookup::Leased { floor: known } => {
                    let least = version(floor.max(served));
                    assert!(
                        known >= least,
                        "seed {seed}, step {step}: {known} < {least}"
                    );
                }
                CacheLookup::Absent { .. } => panic!("nobody filled an absence"),
            }
        }
    }
}

pub async fn no_order_of_invalidations_lowers_the_floor(fixture: &dyn CacheFixture) {
    for floors in [
        [1, 2, 3],
        [1, 3, 2],
        [2, 1, 3],
        [2, 3, 1],
        [3, 1, 2],
        [3, 2, 1],
    ] {
        fixture.flush().await;
        for floor in floors.into_iter().chain(floors) {
            invalidate(fixture, floor).await;
        }
        assert_floor(fixture, 3).await;
    }
}

/// The same numbers in every run, so that a failure can be repeated (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}
