//! The contract of [`roster_domain::ports::ChangeLog`], and what the other repositories leave in it.

use std::sync::Arc;

use roster_domain::ports::ChangeLog;
use roster_domain::{Timestamp, User};

use crate::samples::new_user;
use crate::{Case, StoreFixture};

pub mod logging;
pub mod purging;

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
            purging:
                the_namespace_stays_the_same,
                purge_before_deletes_what_is_older_than_the_moment,
                purge_before_deletes_no_more_than_the_limit,
                purge_before_deletes_the_oldest_first,
                purge_before_of_an_empty_log_deletes_nothing;
        }
    };
}

/// The change log that every case of this module needs.
fn log(store: &dyn StoreFixture) -> Arc<dyn ChangeLog> {
    let log = store.change_log();
    assert!(log.is_some(), "the fixture has no change log");
    log.unwrap()
}

/// Empties the log and answers how many rows it had.
async fn drain(store: &dyn StoreFixture) -> u64 {
    let end_of_time = Timestamp::parse_rfc3339("9999-12-31T23:59:59.999999Z").unwrap();
    log(store).purge_before(end_of_time, 1_000).await.unwrap()
}

/// Inserts the user with this number.
async fn insert(store: &dyn StoreFixture, number: u64) -> User {
    store.users().insert(&new_user(number)).await.unwrap()
}
