//! The contract of [`roster_domain::ports::UserTransfer`].

use roster_domain::ports::{ImportRow, OnConflict, RowResult, SeedBatch, SeedUser};
use roster_domain::{NewUser, User, UserId};

use crate::samples::{later, new_user};
use crate::{Case, StoreFixture};

pub mod conflicting;
pub mod exporting;
pub mod importing;
pub mod repeating;
pub mod seeding;

/// Every case, for callers that run them themselves.
pub fn cases() -> Vec<Case<dyn StoreFixture>> {
    crate::__user_transfer_cases!(__list(user_transfer))
}

/// Tests that a `UserTransfer` keeps its contract; see the crate's page.
#[macro_export]
macro_rules! user_transfer {
    ($fixture:path) => {
        $crate::__user_transfer_cases!(__tests(user_transfer, $fixture));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __user_transfer_cases {
    ($then:ident $given:tt) => {
        $crate::$then! { $given
            importing:
                import_creates_users,
                import_answers_in_the_order_of_the_rows,
                import_of_no_rows_answers_none,
                import_takes_1000_rows,
                skip_leaves_the_stored_user_as_it_is,
                skip_knows_a_user_by_the_address_when_no_id_is_given,
                update_gives_the_stored_user_the_members_of_the_row,
                update_keeps_created_at,
                update_knows_a_user_by_the_address_when_no_id_is_given,
                update_by_the_same_members_keeps_the_version,
                update_moves_the_claim;
            conflicting:
                a_row_with_the_address_of_another_user_is_refused,
                a_row_with_the_address_of_a_deleted_user_is_refused,
                an_update_to_the_address_of_another_user_is_refused,
                a_row_with_the_id_of_a_deleted_user_is_refused,
                a_row_with_the_id_of_a_purged_user_is_refused,
                a_refused_row_does_not_stop_the_others,
                fail_stores_nothing_when_a_user_is_there,
                fail_stores_nothing_when_an_address_is_taken,
                fail_stores_nothing_when_an_id_was_purged,
                fail_stores_everything_when_nothing_conflicts;
            repeating:
                skip_leaves_the_earlier_row_of_a_batch,
                update_takes_the_later_row_of_a_batch,
                fail_refuses_a_batch_that_repeats_itself,
                an_address_is_taken_by_an_earlier_row_of_a_batch,
                a_repeat_without_an_id_is_known_by_its_address,
                an_address_that_an_earlier_row_freed_can_be_taken;
            exporting:
                an_export_walks_all_users_by_id,
                an_export_leaves_out_deleted_users,
                an_export_answers_full_rows,
                fewer_rows_than_asked_are_the_end,
                a_store_without_users_is_empty,
                a_store_with_a_user_is_not_empty,
                a_store_with_a_deleted_user_is_not_empty,
                a_store_with_a_purged_user_is_not_empty;
            seeding:
                a_seed_stores_users_at_the_first_version,
                a_seed_stores_the_feeds_with_exact_counters,
                a_seed_claims_the_addresses,
                a_seed_with_a_taken_address_fails_whole,
                a_seed_with_a_taken_id_fails_whole,
                a_seed_that_repeats_itself_fails_whole,
                a_seed_of_nothing_stores_nothing,
                analyze_changes_nothing;
        }
    };
}

/// A row whose id stood in the file.
const fn with_id(user: NewUser) -> ImportRow {
    ImportRow {
        user,
        id_given: true,
    }
}

/// A row whose id was made for it.
const fn without_id(user: NewUser) -> ImportRow {
    ImportRow {
        user,
        id_given: false,
    }
}

/// Imports a batch at `later(50)`.
async fn import(
    store: &dyn StoreFixture,
    rows: &[ImportRow],
    on_conflict: OnConflict,
) -> Vec<RowResult> {
    let results = store.transfer().import(rows, on_conflict, later(50)).await;
    results.unwrap()
}

/// Inserts the user with this number.
async fn insert(store: &dyn StoreFixture, number: u64) -> User {
    store.users().insert(&new_user(number)).await.unwrap()
}

/// Marks a user as deleted.
async fn delete(store: &dyn StoreFixture, id: UserId) {
    let deleted = store.users().soft_delete(id, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
}

/// Erases a user.
async fn purge(store: &dyn StoreFixture, id: UserId) {
    let purged = store.users().purge(id, None, later(1)).await;
    assert!(purged.unwrap().is_some());
}

/// The users with these ids, by id.
async fn find(store: &dyn StoreFixture, ids: &[UserId]) -> Vec<User> {
    let mut found = store.users().find_many(ids).await.unwrap();
    found.sort_by_key(|user| user.id);
    found
}

/// Stores users 1 to `total` with empty feeds.
pub(crate) async fn seed_users(store: &dyn StoreFixture, total: u64) {
    let users = (1..=total).map(|number| SeedUser {
        user: new_user(number),
        notifications: Vec::new(),
        activities: Vec::new(),
    });
    let users = users.collect();
    let seeded = store.transfer().seed(&SeedBatch { users }).await;
    seeded.unwrap();
}
