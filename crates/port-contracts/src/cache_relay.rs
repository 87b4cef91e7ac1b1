//! The contract of [`roster_domain::ports::CacheRelay`] and [`roster_domain::ports::RelayRound`].

use std::time::Duration;

use roster_domain::ports::{LeaseToken, Probe, RelayClaim, RelayRound, Watermark};
use roster_domain::{Timestamp, User};

use crate::samples::{as_inserted, full_user, later};
use crate::{Case, RelayFixture};

pub mod claiming;
pub mod marking;
pub mod probing;
pub mod relaying;

/// Every case, for callers that run them themselves.
pub fn cases() -> Vec<Case<dyn RelayFixture>> {
    crate::__cache_relay_cases!(__list(cache_relay))
}

/// Tests that a `CacheRelay` keeps its contract; see the crate's page.
#[macro_export]
macro_rules! cache_relay {
    ($fixture:path) => {
        $crate::__cache_relay_cases!(__tests(cache_relay, $fixture));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __cache_relay_cases {
    ($then:ident $given:tt) => {
        $crate::$then! { $given
            claiming:
                a_round_begins_without_a_claim,
                a_claim_keeps_others_out,
                a_claim_keeps_nobody_out_who_asks_for_none,
                a_holder_who_asks_again_goes_on_holding,
                an_expired_claim_is_free,
                a_claim_is_of_one_database;
            marking:
                there_is_no_watermark_at_first,
                a_watermark_speaks_of_the_beginning_of_its_round,
                the_next_round_begins_with_the_watermark,
                a_later_round_moves_the_watermark,
                a_round_marks_once,
                an_older_round_does_not_take_the_watermark_back,
                a_watermark_of_another_epoch_is_replaced_whatever_it_says,
                a_watermark_is_of_one_database,
                a_watermark_is_lost_with_the_values,
                a_new_history_keeps_the_clock,
                a_round_of_an_earlier_history_marks_nothing;
            probing:
                a_probe_tells_the_time,
                a_probe_has_the_clock_of_the_incarnation,
                a_probe_is_stamped_as_values_are;
            relaying:
                an_invalidation_of_a_round_leaves_its_floor,
                an_invalidation_of_a_round_keeps_a_value_at_its_floor,
                an_invalidation_of_a_round_ends_an_absence,
                an_invalidation_of_a_round_destroys_a_lease,
                an_invalidation_of_a_round_spares_a_later_lease,
                a_round_that_invalidates_nothing_is_done,
                an_incarnation_stays_while_the_data_does,
                a_round_whose_connection_is_lost_fails;
        }
    };
}

/// How long the cases hold a claim that is not meant to expire.
const HOLD: Duration = Duration::from_secs(5);
/// How long the cases hold a claim that is meant to expire.
const BRIEFLY: Duration = Duration::from_millis(20);
/// Longer than [`BRIEFLY`].
const A_WHILE: Duration = Duration::from_millis(30);
/// The cache epoch that the cases mark.
const EPOCH: u128 = 0x1f1e_1d1c_1b1a_1918_1716_1514_1312_1110;

/// A wish of the holder with this number.
fn claim(holder: u8, hold_for: Duration) -> RelayClaim {
    let holder = LeaseToken([holder; 16]);
    RelayClaim { holder, hold_for }
}

/// Begins a round for the database of the cases, by nobody's claim.
async fn begin(fixture: &dyn RelayFixture) -> Box<dyn RelayRound> {
    begin_for(fixture, fixture.namespace().database).await
}

async fn begin_for(fixture: &dyn RelayFixture, database: u128) -> Box<dyn RelayRound> {
    let round = fixture.relay().begin_round(database, None).await.unwrap();
    assert!(round.is_some(), "a round without a claim begins");
    round.unwrap()
}

/// Whether a round begins with this claim.
async fn begins(fixture: &dyn RelayFixture, claim: impl Into<Option<RelayClaim>>) -> bool {
    let (database, claim) = (fixture.namespace().database, claim.into());
    let round = fixture.relay().begin_round(database, claim).await;
    round.unwrap().is_some()
}

async fn probe(fixture: &dyn RelayFixture) -> Probe {
    probe_of(fixture, fixture.namespace().database).await
}

async fn probe_of(fixture: &dyn RelayFixture, database: u128) -> Probe {
    fixture.relay().probe(database).await.unwrap().reply
}

/// Another database on the same cache.
fn other_database(fixture: &dyn RelayFixture) -> u128 {
    fixture.namespace().database ^ 1
}

/// Marks the beginning of a round.
async fn mark(round: &dyn RelayRound) -> bool {
    round.set_watermark(snapshot_at(), EPOCH).await.unwrap()
}

/// What [`mark`] stores.
fn marked(round: &dyn RelayRound) -> Watermark {
    let begun = round.begun();
    Watermark {
        clock: begun.incarnation.clock.clone(),
        at: begun.now,
        snapshot_at: snapshot_at(),
        epoch: EPOCH,
    }
}

/// The database's time of the cases.
fn snapshot_at() -> Timestamp {
    later(3)
}

/// Lets the cache's time move on, so that a round that begins then is a later one.
async fn pass(fixture: &dyn RelayFixture) {
    fixture.advance(Duration::from_millis(1)).await;
}

/// The user that some cases are about.
fn sample() -> User {
    as_inserted(&full_user(1))
}
