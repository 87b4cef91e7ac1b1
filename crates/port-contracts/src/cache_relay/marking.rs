//! Watermarks.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use super::{EPOCH, begin, begin_for, mark, marked, other_database, pass, probe, probe_of};
use crate::RelayFixture;
use crate::samples::later;

pub async fn there_is_no_watermark_at_first(fixture: &dyn RelayFixture) {
    assert_eq!(begin(fixture).await.begun().watermark, None);
    assert_eq!(probe(fixture).await.watermark, None);
}

pub async fn a_watermark_speaks_of_the_beginning_of_its_round(fixture: &dyn RelayFixture) {
    let round = begin(fixture).await;
    pass(fixture).await;
    assert!(mark(&*round).await);
    assert_eq!(probe(fixture).await.watermark, Some(marked(&*round)));
}

pub async fn the_next_round_begins_with_the_watermark(fixture: &dyn RelayFixture) {
    let first = begin(fixture).await;
    assert!(mark(&*first).await);
    let next = begin(fixture).await;
    assert_eq!(next.begun().watermark, Some(marked(&*first)));
}

pub async fn a_later_round_moves_the_watermark(fixture: &dyn RelayFixture) {
    assert!(mark(&*begin(fixture).await).await);
    pass(fixture).await;
    let round = begin(fixture).await;
    assert!(round.set_watermark(later(9), EPOCH + 1).await.unwrap());
    let read = probe(fixture).await.watermark.unwrap();
    assert_eq!((read.snapshot_at, read.epoch), (later(9), EPOCH + 1));
    assert_eq!(read.at, round.begun().now);
}

pub async fn a_round_marks_once(fixture: &dyn RelayFixture) {
    let round = begin(fixture).await;
    assert!(mark(&*round).await);
    assert!(!round.set_watermark(later(9), EPOCH).await.unwrap());
    assert_eq!(probe(fixture).await.watermark, Some(marked(&*round)));
}

pub async fn an_older_round_does_not_take_the_watermark_back(fixture: &dyn RelayFixture) {
    let older = begin(fixture).await;
    pass(fixture).await;
    let newer = begin(fixture).await;
    assert!(mark(&*newer).await);
    assert!(!mark(&*older).await);
    assert_eq!(probe(fixture).await.watermark, Some(marked(&*newer)));
}

pub async fn a_watermark_of_another_epoch_is_replaced_whatever_it_says(fixture: &dyn RelayFixture) {
    let older = begin(fixture).await;
    pass(fixture).await;
    assert!(mark(&*begin(fixture).await).await);
    assert!(older.set_watermark(later(9), EPOCH + 1).await.unwrap());
    let read = probe(fixture).await.watermark.unwrap();
    assert_eq!((read.at, read.epoch), (older.begun().now, EPOCH + 1));
}

pub async fn a_watermark_is_of_one_database(fixture: &dyn RelayFixture) {
    let ours = begin(fixture).await;
    assert!(mark(&*ours).await);
    let other = other_database(fixture);
    let theirs = begin_for(fixture, other).await;
    assert_eq!(theirs.begun().watermark, None);
    assert!(theirs.set_watermark(later(9), 1).await.unwrap());
    assert_eq!(probe_of(fixture, other).await.watermark.unwrap().epoch, 1);
    assert_eq!(probe(fixture).await.watermark, Some(marked(&*ours)));
}

pub async fn a_watermark_is_lost_with_the_values(fixture: &dyn RelayFixture) {
    assert!(mark(&*begin(fixture).await).await);
    fixture.flush().await;
    assert_eq!(probe(fixture).await.watermark, None);
    assert_eq!(begin(fixture).await.begun().watermark, None);
}

pub async fn a_new_history_keeps_the_clock(fixture: &dyn RelayFixture) {
    let before = begin(fixture).await.begun().incarnation.clone();
    if fixture.renew_history().await {
        let after = begin(fixture).await.begun().incarnation.clone();
        assert_eq!(after.clock, before.clock);
        assert_ne!(after.history, before.history);
    }
}

pub async fn a_round_of_an_earlier_history_marks_nothing(fixture: &dyn RelayFixture) {
    let round = begin(fixture).await;
    if fixture.renew_history().await {
        assert!(!mark(&*round).await);
        assert_eq!(probe(fixture).await.watermark, None);
    }
}
