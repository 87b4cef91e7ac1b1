//! Who relays just now.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use super::{A_WHILE, BRIEFLY, HOLD, begins, claim, other_database};
use crate::RelayFixture;

pub async fn a_round_begins_without_a_claim(fixture: &dyn RelayFixture) {
    for _ in 0..3 {
        assert!(begins(fixture, None).await);
    }
}

pub async fn a_claim_keeps_others_out(fixture: &dyn RelayFixture) {
    assert!(begins(fixture, claim(1, HOLD)).await);
    assert!(!begins(fixture, claim(2, HOLD)).await);
    assert!(!begins(fixture, claim(3, HOLD)).await);
}

pub async fn a_claim_keeps_nobody_out_who_asks_for_none(fixture: &dyn RelayFixture) {
    assert!(begins(fixture, claim(1, HOLD)).await);
    assert!(begins(fixture, None).await);
}

pub async fn a_holder_who_asks_again_goes_on_holding(fixture: &dyn RelayFixture) {
    assert!(begins(fixture, claim(1, BRIEFLY)).await);
    assert!(begins(fixture, claim(1, HOLD)).await);
    fixture.advance(A_WHILE).await;
    assert!(!begins(fixture, claim(2, HOLD)).await);
}

pub async fn an_expired_claim_is_free(fixture: &dyn RelayFixture) {
    assert!(begins(fixture, claim(1, BRIEFLY)).await);
    fixture.advance(A_WHILE).await;
    assert!(begins(fixture, claim(2, HOLD)).await);
    assert!(!begins(fixture, claim(1, HOLD)).await);
}

pub async fn a_claim_is_of_one_database(fixture: &dyn RelayFixture) {
    assert!(begins(fixture, claim(1, HOLD)).await);
    let (other, claim) = (other_database(fixture), Some(claim(2, HOLD)));
    let round = fixture.relay().begin_round(other, claim).await;
    assert!(round.unwrap().is_some());
}
