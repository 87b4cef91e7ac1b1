//! Adapters, each broken in one rule, each failing exactly the case of that rule: the proof
//! that the suites can fail, and that a failure names what is wrong.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod caches;
mod feeds;
mod transfers;
mod users;

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};

use futures::FutureExt as _;
use roster_adapters_memory::{
    MemoryActivities, MemoryChangeLog, MemoryNotifications, MemoryStats, MemoryStore,
    MemoryUserTransfer, MemoryUsers,
};
use roster_domain::ports::{
    ActivityRepository, ChangeLog, NotificationRepository, StatsRepository, UserRepository,
    UserTransfer,
};
use roster_port_contracts::{
    Case, StoreFixture, activity_repository, change_log, notification_repository, stats_repository,
    user_cache, user_repository, user_transfer,
};

use caches::CacheRule;
use feeds::FeedRule;
use transfers::TransferRule;
use users::UserRule;

/// Declares one test a broken adapter: which cases must fail, and no other.
macro_rules! broken {
    ($failing:ident: $($test:ident: $rule:expr => [$($case:literal),+ $(,)?],)+) => {
        $(
            #[tokio::test]
            async fn $test() {
                let expected: &[&str] = &[$($case),+];
                assert_eq!($failing($rule).await, expected);
            }
        )+
    };
}

broken! { failing_users:
    insert_takes_an_address_in_another_letter_case: UserRule::ClaimAsGiven =>
        ["insert_claims_the_address"],
    // Without a claim there is nothing that a race could lose.
    insert_does_not_claim: UserRule::NoClaim =>
        ["insert_claims_the_address", "of_concurrent_inserts_of_one_address_one_is_stored"],
    a_deletion_frees_the_address: UserRule::DeletionFreesAddress =>
        ["a_deleted_owner_keeps_the_address"],
    find_many_answers_deleted_users: UserRule::FindsDeleted =>
        ["find_many_leaves_out_deleted_users"],
    a_page_repeats_the_row_of_its_position: UserRule::PageIncludesPosition =>
        ["a_walk_forwards_meets_each_row_once"],
    an_unchanged_patch_takes_a_version: UserRule::UnchangedPatchBumps =>
        ["patch_that_changes_nothing_keeps_the_version"],
    a_version_mismatch_is_reported_as_not_found: UserRule::MismatchIsNone =>
        ["soft_delete_at_another_version_is_refused_with_the_current_one"],
    a_restoration_takes_no_version: UserRule::RestoreKeepsVersion =>
        ["restore_answers_the_user_at_the_next_version"],
    a_purge_forgets_the_id: UserRule::PurgeForgetsId =>
        ["purge_keeps_the_id_taken"],
    a_replacement_keeps_the_old_claim: UserRule::ReplaceKeepsOldClaim =>
        ["replace_frees_the_old_address"],
    a_replacement_trips_over_its_own_claim: UserRule::OwnClaimConflicts =>
        ["replace_changes_the_letter_case_of_an_address"],
    an_unchanged_patch_is_logged: UserRule::UnchangedPatchLogged =>
        ["a_patch_that_changes_nothing_leaves_no_row"],
}

broken! { failing_feeds:
    archiving_is_not_counted: FeedRule::ArchiveNotCounted =>
        ["archiving_an_unread_notification_lowers_unread"],
    a_repeat_overwrites_the_notification: FeedRule::RepeatOverwrites =>
        ["create_with_a_known_id_answers_the_stored_one_unchanged"],
    up_to_leaves_out_its_moment: FeedRule::UpToExcludes =>
        ["mark_read_up_to_includes_that_moment"],
    reading_again_takes_a_new_time: FeedRule::ReadsAgain =>
        ["a_read_mark_keeps_its_first_time"],
    until_includes_its_moment: FeedRule::UntilIncludes =>
        ["until_excludes_its_moment"],
    the_last_appended_is_the_last_activity: FeedRule::LastAppended =>
        ["the_last_activity_is_the_latest_and_not_the_last_appended"],
}

broken! { failing_transfers:
    an_update_takes_created_at: TransferRule::UpdateTakesCreatedAt =>
        ["update_keeps_created_at"],
    a_purged_id_does_not_fail_the_batch: TransferRule::PurgedIdFailsAlone =>
        ["fail_stores_nothing_when_an_id_was_purged"],
    an_export_ends_with_a_full_page: TransferRule::ExportSkipsRow =>
        ["an_export_walks_all_users_by_id"],
    a_log_purge_includes_its_moment: TransferRule::LogPurgeIncludes =>
        ["purge_before_deletes_what_is_older_than_the_moment"],
}

broken! { failing_caches:
    a_fill_needs_no_lease: CacheRule::FillWithoutLease =>
        ["a_fill_without_a_lease_is_refused"],
    a_fill_survives_an_invalidation: CacheRule::FillAfterInvalidation =>
        ["a_fill_after_an_invalidation_is_refused"],
    // The property over all orders sees a lost floor as well, as it must.
    an_invalidation_of_a_value_forgets_its_floor: CacheRule::InvalidationForgetsFloor => [
        "an_invalidation_of_a_value_leaves_its_floor",
        "no_order_of_calls_lowers_the_version_served",
    ],
    a_lower_floor_replaces_a_higher_one: CacheRule::FloorFalls => [
        "a_lower_floor_changes_nothing",
        "no_order_of_calls_lowers_the_version_served",
        "no_order_of_invalidations_lowers_the_floor",
    ],
    a_released_lease_takes_its_floor_with_it: CacheRule::ReleaseForgetsFloor => [
        "a_released_lease_leaves_its_floor",
        "no_order_of_calls_lowers_the_version_served",
    ],
    an_absence_survives_an_invalidation: CacheRule::AbsenceSurvives =>
        ["an_invalidation_ends_an_absence"],
    an_expired_lease_is_not_freed_over_a_floor: CacheRule::LeaseNeverFreed =>
        ["an_expired_lease_is_taken_over"],
    a_repeated_invalidation_destroys_a_later_lease: CacheRule::RepeatDestroysLease =>
        ["a_repeated_invalidation_spares_a_later_lease"],
    a_value_of_another_database_is_served: CacheRule::AnyDatabase =>
        ["a_value_of_another_database_is_passed_over"],
}

#[tokio::test]
async fn a_sound_adapter_fails_nothing() {
    assert_eq!(failing_stores(Store::sound).await, [""; 0]);
    assert_eq!(failing_caches(CacheRule::None).await, [""; 0]);
}

async fn failing_users(rule: UserRule) -> Vec<&'static str> {
    failing_stores(|| users::broken(rule)).await
}

async fn failing_feeds(rule: FeedRule) -> Vec<&'static str> {
    failing_stores(|| feeds::broken(rule)).await
}

async fn failing_transfers(rule: TransferRule) -> Vec<&'static str> {
    failing_stores(|| transfers::broken(rule)).await
}

async fn failing_stores(make: impl Fn() -> Store) -> Vec<&'static str> {
    let cases = [
        user_repository::cases(),
        user_transfer::cases(),
        notification_repository::cases(),
        activity_repository::cases(),
        stats_repository::cases(),
        change_log::cases(),
    ];
    let mut failed = Vec::new();
    for case in cases.into_iter().flatten() {
        let store = make();
        if fails(&case, &store).await {
            failed.push(case.name);
        }
    }
    failed
}

async fn failing_caches(rule: CacheRule) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for case in user_cache::cases() {
        let cache = caches::broken(rule);
        if fails(&case, &cache).await {
            failed.push(case.name);
        }
    }
    failed
}

async fn fails<F: ?Sized + Sync>(case: &Case<F>, fixture: &F) -> bool {
    // The panics of the cases are what is looked for: thousands of lines, and slow to print.
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                loud(info);
            }
        }));
    });
    // The runtime of a test has this thread alone.
    EXPECTED.set(true);
    let run = AssertUnwindSafe((case.run)(fixture)).catch_unwind().await;
    EXPECTED.set(false);
    run.is_err()
}

thread_local! {
    /// Whether a panic of this thread would be the answer of a case.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// A store of which one repository may be replaced by a broken one.
struct Store {
    users: Arc<dyn UserRepository>,
    transfer: Arc<dyn UserTransfer>,
    notifications: Arc<dyn NotificationRepository>,
    activities: Arc<dyn ActivityRepository>,
    stats: Arc<dyn StatsRepository>,
    change_log: Arc<dyn ChangeLog>,
}

impl Store {
    fn sound() -> Self {
        let store = MemoryStore::new();
        Self {
            users: Arc::new(MemoryUsers::new(store.clone())),
            transfer: Arc::new(MemoryUserTransfer::new(store.clone())),
            notifications: Arc::new(MemoryNotifications::new(store.clone())),
            activities: Arc::new(MemoryActivities::new(store.clone())),
            stats: Arc::new(MemoryStats::new(store.clone())),
            change_log: Arc::new(MemoryChangeLog::new(store)),
        }
    }
}

impl StoreFixture for Store {
    fn users(&self) -> Arc<dyn UserRepository> {
        Arc::clone(&self.users)
    }

    fn transfer(&self) -> Arc<dyn UserTransfer> {
        Arc::clone(&self.transfer)
    }

    fn notifications(&self) -> Arc<dyn NotificationRepository> {
        Arc::clone(&self.notifications)
    }

    fn activities(&self) -> Arc<dyn ActivityRepository> {
        Arc::clone(&self.activities)
    }

    fn stats(&self) -> Arc<dyn StatsRepository> {
        Arc::clone(&self.stats)
    }

    fn change_log(&self) -> Option<Arc<dyn ChangeLog>> {
        Some(Arc::clone(&self.change_log))
    }
}
