//! The watermark and the time beside it.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use std::sync::Arc;

use roster_domain::ports::{CachePush, InvalidationSink};

use super::{A_WHILE, begin, probe};
use crate::RelayFixture;
use crate::samples::user_id;

pub async fn a_probe_tells_the_time(fixture: &dyn RelayFixture) {
    let before = probe(fixture).await.now;
    fixture.advance(A_WHILE).await;
    let after = probe(fixture).await.now;
    let passed = after.since(before);
    assert!(passed.is_some_and(|passed| passed >= A_WHILE), "{passed:?}");
    let round = begin(fixture).await.begun().now;
    assert!(round.since(after).is_some());
    assert!(probe(fixture).await.now.since(round).is_some());
}

pub async fn a_probe_has_the_clock_of_the_incarnation(fixture: &dyn RelayFixture) {
    let clock = probe(fixture).await.clock;
    assert_eq!(begin(fixture).await.begun().incarnation.clock, clock);
    assert_eq!(probe(fixture).await.clock, clock);
}

pub async fn a_probe_is_stamped_as_values_are(fixture: &dyn RelayFixture) {
    fixture.cache().subscribe(Arc::new(Deaf));
    let namespace = fixture.namespace();
    for _ in 0..2 {
        let values = fixture.cache().get_many(namespace, &[user_id(1)]).await;
        let probe = fixture.relay().probe(namespace.database).await;
        assert_eq!(probe.unwrap().connection, values.unwrap().connection);
        fixture.reconnect().await;
    }
}

/// Without anybody who listens a cache need not track.
struct Deaf;

impl InvalidationSink for Deaf {
    fn push(&self, _: CachePush) {}
}
