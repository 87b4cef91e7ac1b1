//! Asking a dependency whether it answers.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::time::Duration;

use crate::ReadinessFixture;

pub async fn what_answers_is_ready(fixture: &dyn ReadinessFixture) {
    let readiness = fixture.readiness();
    for _ in 0..3 {
        readiness.check().await.unwrap();
    }
}

pub async fn what_is_gone_is_not_ready_within_a_second(fixture: &dyn ReadinessFixture) {
    let Some(readiness) = fixture.gone().await else {
        return;
    };
    // Half a second more than the contract, for a machine that is busy with other tests.
    let limit = Duration::from_millis(1_500);
    let checked = tokio::time::timeout(limit, readiness.check()).await;
    assert!(checked.unwrap().is_err(), "what is gone is ready");
}
