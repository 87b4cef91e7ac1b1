//! The contract of [`roster_domain::ports::UserRepository`].

use std::slice::from_ref;

use roster_domain::pagination::{ActiveFilter, Order, PageRequest, Slice, Start, UserFilter};
use roster_domain::{User, UserId, UserSummary};

use crate::samples::{new_user, page};
use crate::{Case, StoreFixture};

pub mod finding;
pub mod inserting;
pub mod listing;
pub mod paging;
pub mod walking;

pub mod patching;
pub mod replacing;

pub mod deleting;
pub mod purging;
pub mod restoring;

pub mod concurrency;

/// Every case, for callers that run them themselves.
pub fn cases() -> Vec<Case<dyn StoreFixture>> {
    crate::__user_repository_cases!(__list(user_repository))
}

/// Tests that a `UserRepository` keeps its contract; see the crate's page.
#[macro_export]
macro_rules! user_repository {
    ($fixture:path) => {
        $crate::__user_repository_cases!(__tests(user_repository, $fixture));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __user_repository_cases {
    ($then:ident $given:tt) => {
        $crate::$then! { $given
            finding:
                find_many_answers_each_user_once,
                find_many_leaves_out_ids_without_a_user,
                find_many_leaves_out_deleted_users,
                find_many_of_no_ids_is_empty,
                find_many_takes_256_ids,
                every_member_comes_back_as_it_was_given,
                metadata_comes_back_octet_for_octet,
                times_come_back_to_the_microsecond,
                an_address_finds_its_user_in_the_normalised_form,
                an_unknown_address_finds_nobody,
                the_address_of_a_deleted_user_finds_nobody;
            inserting:
                insert_stores_the_first_version,
                insert_keeps_whether_the_user_may_act,
                insert_starts_with_counters_at_zero,
                insert_claims_the_address,
                a_deleted_owner_keeps_the_address,
                insert_refuses_the_id_of_a_user,
                insert_refuses_the_id_of_a_deleted_user,
                an_insert_refused_for_its_address_leaves_the_id_free,
                an_insert_refused_for_its_id_leaves_the_address_free;
            listing:
                a_list_shows_the_projection,
                a_list_is_ordered_by_created_at_then_id,
                a_filter_shows_whom_it_names,
                lists_leave_out_deleted_users,
                an_empty_list_is_a_page_without_rows,
                a_full_page_says_whether_there_is_more,
                an_offset_skips_rows,
                an_offset_beyond_the_end_is_an_empty_page,
                an_exact_count_is_what_the_list_shows,
                an_estimate_is_answered;
            paging:
                list_many_answers_in_the_order_asked,
                list_many_answers_a_repeated_page_again,
                list_many_of_no_pages_answers_nothing,
                list_many_takes_64_pages;
            walking:
                a_walk_forwards_meets_each_row_once,
                a_walk_backwards_meets_each_row_once,
                a_long_walk_meets_each_row_once,
                numbered_pages_meet_each_row_once,
                a_walk_goes_on_from_a_row_that_is_gone,
                a_walk_back_goes_on_from_a_row_that_is_gone,
                a_walk_meets_untouched_rows_once_while_others_come_and_go;
            patching:
                patch_stores_the_next_version,
                patch_sets_what_it_names_and_keeps_the_rest,
                patch_clears_what_may_be_absent,
                patch_answers_the_row_that_is_stored,
                patch_that_changes_nothing_keeps_the_version,
                patch_at_the_expected_version_is_stored,
                patch_at_another_version_is_refused_with_the_current_one,
                patch_that_changes_nothing_is_refused_at_another_version_too,
                patch_of_nobody_is_none,
                patch_of_a_deleted_user_is_none;
            replacing:
                replace_stores_every_member,
                replace_keeps_created_at_and_the_id,
                replace_moves_the_claim,
                replace_frees_the_old_address,
                replace_changes_the_letter_case_of_an_address,
                replace_refuses_the_address_of_another_user,
                replace_refuses_the_address_of_a_deleted_user,
                replace_by_the_same_members_keeps_the_version,
                replace_at_another_version_is_refused_with_the_current_one,
                replace_of_nobody_is_none,
                replace_of_a_deleted_user_is_none;
            deleting:
                soft_delete_answers_the_next_version,
                soft_delete_at_another_version_is_refused_with_the_current_one,
                soft_delete_of_a_deleted_user_is_refused,
                soft_delete_of_nobody_is_none;
            restoring:
                restore_answers_the_user_at_the_next_version,
                a_restored_user_is_there_again,
                a_restored_user_has_its_feeds_again,
                restore_expects_the_version_that_the_deletion_answered,
                restore_at_another_version_is_refused_with_the_current_one,
                restore_of_a_user_that_is_not_deleted_is_refused,
                restore_of_nobody_is_none;
            purging:
                purge_answers_the_version_after_the_last,
                purge_takes_deleted_users_too,
                purge_at_another_version_is_refused_with_the_current_one,
                purge_of_nobody_is_none,
                a_purged_user_is_absent_everywhere,
                purge_frees_the_address,
                purge_keeps_the_id_taken,
                purge_spares_the_feeds_of_others;
            concurrency:
                of_concurrent_inserts_of_one_address_one_is_stored,
                of_concurrent_inserts_of_one_id_one_is_stored,
                concurrent_patches_leave_no_gap_between_versions,
                racing_patches_to_and_fro_answer_what_they_wrote,
                of_concurrent_patches_of_one_version_one_is_stored,
                of_concurrent_moves_to_one_address_one_is_stored,
                of_concurrent_deletions_one_is_stored;
        }
    };
}

/// Inserts the user with this number.
async fn insert(store: &dyn StoreFixture, number: u64) -> User {
    store.users().insert(&new_user(number)).await.unwrap()
}

/// The user as it is stored now.
async fn find(store: &dyn StoreFixture, id: UserId) -> Option<User> {
    let mut found = store.users().find_many(&[id]).await.unwrap();
    assert!(found.len() <= 1, "one id, several users");
    found.pop()
}

/// The first page of a list, with room for 200 rows.
async fn first_page(
    store: &dyn StoreFixture,
    active: ActiveFilter,
    order: Order,
) -> Vec<UserSummary> {
    let first = page(Start::First, order, 200);
    list(store, active, &first).await.items
}

/// One page of a list.
async fn list(
    store: &dyn StoreFixture,
    active: ActiveFilter,
    request: &PageRequest,
) -> Slice<UserSummary> {
    let filter = UserFilter { active };
    let pages = store.users().list_many(&filter, from_ref(request)).await;
    let [slice] = <[_; 1]>::try_from(pages.unwrap()).unwrap();
    slice
}

/// The row of `user` in a list.
fn summary(user: &User) -> UserSummary {
    UserSummary {
        id: user.id,
        name: user.name.clone(),
        email: user.email.clone(),
        created_at: user.created_at,
    }
}

/// Asserts that a write was refused with this error.
macro_rules! assert_refused {
    ($written:expr, $refusal:pat $(if $guard:expr)?) => {
        let written = $written;
        assert!(matches!(written, Err($refusal) $(if $guard)?), "{written:?}");
    };
}
use assert_refused;
