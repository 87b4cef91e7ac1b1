//! The contract of [`roster_domain::ports::ChangeLog`], and what the other repositories leave in it.

use std::sync::Arc;
use std::time::Duration;

use roster_domain::User;
use roster_domain::ports::{ChangeLog, Incarnation, Invalidation};

use crate::samples::{new_user, user_id, version};
use crate::{Case, StoreFixture};

pub mod acknowledging;
pub mod logging;
pub mod pending;
pub mod purging;
pub mod raising;

/// Every case, for callers that run them themselves.
pub fn cases() -> Vec<Case<dyn StoreFixture>> {
    crate::__change_log_cases!(__list(change_log))
}

/// Tests that a `ChangeLog` keeps its contract; see the crate's page. The fixture's
/// [`StoreFixture::change_log`] must answer one.
///
/// [`StoreFixture::change_log`]: crate::StoreFixture::change_log
#[macro_export]
macro_rules! change_log {
    ($fixture:path) => {
        $crate::__change_log_cases!(__tests(change_log, $fixture));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __change_log_cases {
    ($then:ident $given:tt) => {
        $crate::$then! { $given
            logging:
                an_insert_leaves_one_row,
                a_patch_leaves_one_row,
                a_replacement_leaves_one_row,
                a_deletion_leaves_one_row,
                a_restoration_leaves_one_row,
                a_purge_keeps_the_rows_and_leaves_one,
                a_patch_that_changes_nothing_leaves_no_row,
                a_replacement_that_changes_nothing_leaves_no_row,
                refused_writes_leave_no_row,
                an_import_leaves_a_row_for_each_stored_user,
                an_import_that_stores_nothing_leaves_no_row,
                a_seed_leaves_no_row,
                feeds_leave_no_row;
            pending:
                a_change_is_pending_for_every_incarnation,
                pending_answers_the_version_after_each_change,
                pending_answers_no_more_than_the_limit,
                pending_answers_everything_within_the_limit,
                pending_takes_nothing_away,
                pending_shows_every_caller_the_same,
                pending_answers_the_namespace,
                pending_answers_a_time_that_does_not_go_back,
                pending_answers_when_the_oldest_of_its_changes_was_made,
                pending_sees_what_was_acknowledged_to_its_writer;
            acknowledging:
                an_acknowledged_change_is_not_pending,
                an_acknowledged_version_leaves_the_others_pending,
                an_acknowledged_change_is_pending_for_one_that_sorts_before,
                an_acknowledged_change_is_pending_for_one_that_sorts_after,
                an_acknowledged_change_is_pending_for_another_history,
                the_last_acknowledgement_is_the_one_that_counts,
                an_acknowledgement_may_be_repeated,
                a_change_that_is_gone_is_passed_over,
                thousands_are_acknowledged_at_once;
            raising:
                the_namespace_stays_the_same,
                raise_epoch_changes_the_epoch_alone,
                raise_epoch_from_another_one_answers_what_it_is,
                of_concurrent_raises_one_is_stored,
                pending_answers_the_raised_epoch;
            purging:
                purge_older_than_leaves_younger_rows,
                purge_older_than_deletes_no_more_than_the_limit,
                purge_older_than_deletes_the_oldest_first,
                purge_older_than_deletes_acknowledged_rows_and_pending_ones,
                purge_older_than_of_an_empty_log_deletes_nothing,
                no_row_is_older_than_all_of_time,
                a_writer_whose_clock_is_slow_leaves_young_rows,
                a_writer_whose_clock_is_fast_leaves_rows_that_age;
        }
    };
}

/// The change log that every case of this module needs.
fn log(store: &dyn StoreFixture) -> Arc<dyn ChangeLog> {
    let log = store.change_log();
    assert!(log.is_some(), "the fixture has no change log");
    log.unwrap()
}

/// A life of some cache's data; those of one clock sort by their histories.
fn incarnation(clock: &str, history: &str) -> Incarnation {
    Incarnation {
        clock: clock.into(),
        history: history.into(),
    }
}

/// What is pending for an incarnation, in order.
async fn pending(store: &dyn StoreFixture, incarnation: &Incarnation) -> Vec<Invalidation> {
    let pending = log(store).pending(incarnation, 10_000).await.unwrap();
    sorted(pending.changes)
}

/// The changes in the order of their users and versions.
fn sorted(mut changes: Vec<Invalidation>) -> Vec<Invalidation> {
    changes.sort_by_key(|change| (change.id, change.floor));
    changes
}

/// That the user with this number came to this version.
fn change(number: u64, reached: u64) -> Invalidation {
    Invalidation {
        id: user_id(number),
        floor: version(reached),
    }
}

/// Empties the log and answers what was in it, in order.
async fn drain(store: &dyn StoreFixture) -> Vec<Invalidation> {
    let changes = pending(store, &incarnation("drain", "drain")).await;
    log(store)
        .purge_older_than(Duration::ZERO, 10_000)
        .await
        .unwrap();
    changes
}

/// Inserts the user with this number.
async fn insert(store: &dyn StoreFixture, number: u64) -> User {
    store.users().insert(&new_user(number)).await.unwrap()
}
