//! Adapters, each broken in one rule, each failing exactly the case of that rule: the proof
//! that the suites can fail, and that a failure names what is wrong.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod caches;
mod feeds;
mod logs;
mod relays;
mod searches;
mod transfers;
mod users;
mod writes;

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};

use futures::FutureExt as _;
use roster_adapters_memory::{
    MemoryActivities, MemoryChangeLog, MemoryNotifications, MemoryStats, MemoryStore,
    MemoryUserSearch, MemoryUserTransfer, MemoryUserWrites, MemoryUsers,
};
use roster_domain::ports::{
    ActivityRepository, ChangeLog, NotificationRepository, StatsRepository, UserRepository,
    UserSearch, UserTransfer, UserWrites,
};
use roster_port_contracts::{
    Case, StoreFixture, activity_repository, cache_relay, change_log, notification_repository,
    stats_repository, user_cache, user_repository, user_search, user_transfer, user_writes,
};

use caches::CacheRule;
use feeds::FeedRule;
use logs::LogRule;
use relays::RelayRule;
use searches::SearchRule;
use transfers::TransferRule;
use users::UserRule;
use writes::WriteRule;

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
    pages_that_are_the_same_are_answered_once: UserRule::RepeatedPageOnce =>
        ["list_many_answers_a_repeated_page_again"],
    pages_are_answered_by_their_direction: UserRule::PagesByDirection =>
        ["list_many_answers_in_the_order_asked"],
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
    a_patch_is_compared_with_an_earlier_row: UserRule::PatchComparesEarly =>
        ["racing_patches_to_and_fro_answer_what_they_wrote"],
    the_log_is_dated_by_its_writers: UserRule::WriterDatesTheLog =>
        ["a_writer_whose_clock_is_slow_leaves_young_rows"],
}

broken! { failing_logs:
    a_read_of_the_log_has_no_limit: LogRule::PendingIgnoresLimit =>
        ["pending_answers_no_more_than_the_limit"],
    a_read_of_the_log_acknowledges: LogRule::PendingTakesAway => [
        "pending_takes_nothing_away",
        "pending_shows_every_caller_the_same",
        "pending_answers_when_the_oldest_of_its_changes_was_made",
    ],
    what_a_smaller_one_acknowledged_is_missed: LogRule::MissesAcknowledgedBySmaller =>
        ["an_acknowledged_change_is_pending_for_one_that_sorts_after"],
    what_a_greater_one_acknowledged_is_missed: LogRule::MissesAcknowledgedByGreater => [
        "an_acknowledged_change_is_pending_for_one_that_sorts_before",
        "the_last_acknowledgement_is_the_one_that_counts",
    ],
    incarnations_are_told_apart_by_clock_alone: LogRule::ComparesClocksOnly =>
        ["an_acknowledged_change_is_pending_for_another_history"],
    the_time_of_the_log_goes_back: LogRule::TimeGoesBack => [
        "pending_answers_a_time_that_does_not_go_back",
        "pending_answers_when_the_oldest_of_its_changes_was_made",
    ],
    what_was_acknowledged_counts_as_the_oldest: LogRule::OldestOfAll =>
        ["pending_answers_when_the_oldest_of_its_changes_was_made"],
    the_namespace_of_the_log_is_remembered: LogRule::NamespaceKept =>
        ["pending_answers_the_raised_epoch"],
    an_acknowledgement_is_of_the_user: LogRule::AcknowledgesWholeUser =>
        ["an_acknowledged_version_leaves_the_others_pending"],
    the_first_acknowledgement_stays: LogRule::FirstAcknowledgementStays =>
        ["the_last_acknowledgement_is_the_one_that_counts"],
    an_acknowledgement_brings_a_row_back: LogRule::AcknowledgementBringsBack =>
        ["a_change_that_is_gone_is_passed_over"],
    an_epoch_is_raised_from_any: LogRule::RaisesFromAny => [
        "raise_epoch_from_another_one_answers_what_it_is",
        "of_concurrent_raises_one_is_stored",
    ],
    who_loses_a_raise_answers_what_was: LogRule::LoserAnswersWhatItRead =>
        ["of_concurrent_raises_one_is_stored"],
    a_purge_of_the_log_ignores_the_age: LogRule::PurgeIgnoresAge => [
        "purge_older_than_leaves_younger_rows",
        "no_row_is_older_than_all_of_time",
        "a_writer_whose_clock_is_slow_leaves_young_rows",
    ],
    an_age_overflows: LogRule::PurgeAgeOverflows =>
        ["no_row_is_older_than_all_of_time"],
    a_purge_of_the_log_has_no_limit: LogRule::PurgeIgnoresLimit => [
        "purge_older_than_deletes_no_more_than_the_limit",
        "purge_older_than_deletes_the_oldest_first",
    ],
    a_purge_of_the_log_goes_by_key: LogRule::PurgesInOrderOfKeys =>
        ["purge_older_than_deletes_the_oldest_first"],
    a_purge_of_the_log_spares_what_is_acknowledged: LogRule::PurgeSparesAcknowledged =>
        ["purge_older_than_deletes_acknowledged_rows_and_pending_ones"],
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
    many_are_answered_by_user: FeedRule::AnswersByUser => [
        "newest_unread_many_answers_in_the_order_asked",
        "newest_many_answers_in_the_order_asked",
        "find_many_answers_counters_in_the_order_asked",
    ],
    nobody_is_left_out_of_many: FeedRule::LeavesNobodyOut => [
        "newest_unread_many_answers_none_in_the_place_of_nobody",
        "newest_many_answers_none_in_the_place_of_nobody",
        "find_many_answers_none_in_the_place_of_nobody",
    ],
    who_is_asked_for_twice_is_answered_once: FeedRule::AnswersEachOnce => [
        "newest_unread_many_answers_a_repeated_user_again",
        "newest_many_answers_a_repeated_user_again",
        "find_many_answers_counters_of_a_repeated_user_again",
    ],
    one_limit_is_for_all: FeedRule::OneLimitForAll => [
        "newest_unread_many_keeps_to_each_limit",
        "newest_many_keeps_to_each_limit",
    ],
}

broken! { failing_transfers:
    an_update_takes_created_at: TransferRule::UpdateTakesCreatedAt =>
        ["update_keeps_created_at"],
    a_purged_id_does_not_fail_the_batch: TransferRule::PurgedIdFailsAlone =>
        ["fail_stores_nothing_when_an_id_was_purged"],
    an_export_ends_with_a_full_page: TransferRule::ExportSkipsRow =>
        ["an_export_walks_all_users_by_id"],
}

broken! { failing_writes:
    a_repeat_is_done_again: WriteRule::DoneAgain => [
        "a_repeat_writes_nothing",
        "a_repeat_after_a_later_change_answers_the_first",
    ],
    a_key_is_all_that_is_compared: WriteRule::RequestIgnored => [
        "a_key_with_another_request_is_refused",
        "of_concurrent_requests_under_one_key_one_is_stored",
    ],
    a_repeat_answers_what_is_there_now: WriteRule::AnswersWhatIsNow =>
        ["a_repeat_after_a_later_change_answers_the_first"],
    a_refusal_uses_the_key_up: WriteRule::RefusalUsesKey =>
        ["a_refused_write_leaves_its_key_free"],
    an_absence_uses_the_key_up: WriteRule::AbsenceUsesKey =>
        ["an_absent_write_leaves_its_key_free"],
    a_merge_reads_before_it_locks: WriteRule::MergesEarly =>
        ["concurrent_merges_all_happen"],
    answers_are_forgotten_at_any_age: WriteRule::ForgetsYoung =>
        ["younger_answers_are_not_forgotten"],
    answers_are_forgotten_without_a_limit: WriteRule::ForgetsAll =>
        ["the_oldest_answers_are_forgotten_first"],
    a_purge_leaves_the_answers: WriteRule::PurgeLeavesAnswers =>
        ["a_purge_deletes_the_answers_that_speak_of_the_user"],
    all_answers_of_a_user_are_kept: WriteRule::KeepsAll =>
        ["of_one_user_the_newest_answers_are_kept"],
    an_old_answer_crowds_out_itself: WriteRule::CrowdsOutItself =>
        ["an_answer_is_kept_though_it_is_the_oldest"],
    one_bound_is_for_all_users: WriteRule::BoundsAll =>
        ["the_answers_of_a_user_crowd_out_nobody_elses"],
}

broken! { failing_searches:
    a_page_of_a_search_repeats_its_place: SearchRule::PageIncludesPlace => [
        "a_search_is_walked_forwards_meeting_each_once",
        "a_search_goes_on_from_a_user_that_is_gone",
        "a_search_meets_untouched_users_once_while_others_are_renamed",
    ],
    who_is_found_by_both_is_found_by_the_address: SearchRule::AddressFirst => [
        "a_user_that_name_and_address_find_is_found_by_the_name",
        "a_long_prefix_finds_by_name_and_address_once",
        "a_new_name_is_found_and_the_old_one_not",
        "a_new_address_is_found_and_the_old_one_not",
    ],
    a_search_shows_the_passive: SearchRule::FilterIgnored => [
        "a_search_shows_whom_its_filter_names",
        "found_users_are_ordered_by_key_then_id",
    ],
    an_estimate_is_a_guess: SearchRule::GuessesFew =>
        ["an_estimate_of_few_is_exact"],
    keys_are_left_for_later: SearchRule::KeysForLater =>
        ["every_write_leaves_its_keys"],
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
    an_eviction_spares_values: CacheRule::EvictionSparesValues => [
        "an_evicted_key_is_a_miss",
        "an_eviction_of_nothing_is_done",
        "an_eviction_is_pushed",
    ],
    an_eviction_spares_absences: CacheRule::EvictionSparesAbsences =>
        ["an_evicted_absence_is_a_miss"],
    an_eviction_keeps_the_floor: CacheRule::EvictionKeepsFloor =>
        ["an_evicted_key_is_granted_without_a_floor"],
    an_eviction_spares_a_lease: CacheRule::EvictionSparesLease =>
        ["a_fill_after_the_eviction_is_refused"],
    an_eviction_takes_all: CacheRule::EvictionTakesAll =>
        ["an_eviction_leaves_other_keys"],
    an_eviction_is_silent: CacheRule::EvictionIsSilent =>
        ["an_eviction_is_pushed"],
    own_changes_are_silent: CacheRule::OwnChangesAreSilent =>
        ["a_change_after_a_tracked_reply_is_pushed"],
    a_waiter_is_not_tracked: CacheRule::WaitersAreUntracked =>
        ["a_waiter_hears_of_the_fill"],
    what_an_acquisition_finds_is_not_tracked: CacheRule::FoundIsUntracked =>
        ["a_value_found_instead_of_a_lease_is_tracked"],
    a_key_is_tracked_once: CacheRule::ReadAgainIsUntracked => [
        "a_key_that_was_read_again_is_pushed_again",
        "a_waiter_hears_of_the_fill",
        "a_reply_comes_after_the_pushes_of_what_it_knows",
    ],
    pushes_go_through_a_task: CacheRule::PushesComeLate =>
        ["a_reply_comes_after_the_pushes_of_what_it_knows"],
    pushes_come_for_replies_without_a_stamp: CacheRule::PushesWithoutStamp =>
        ["a_reply_without_a_push_is_not_tracked"],
    a_guess_is_taken_for_the_truth: CacheRule::GuessIsTrusted =>
        ["a_guess_of_absence_changes_no_answer"],
    acquisitions_have_no_stamp: CacheRule::AcquisitionsWithoutStamp =>
        ["an_acquisition_is_stamped_as_a_look_up_is"],
}

broken! { failing_relays:
    anybody_may_begin: RelayRule::ClaimIgnored => [
        "a_claim_keeps_others_out",
        "a_holder_who_asks_again_goes_on_holding",
        "an_expired_claim_is_free",
    ],
    a_claim_keeps_all_out: RelayRule::ClaimNeeded =>
        ["a_claim_keeps_nobody_out_who_asks_for_none"],
    a_claim_is_not_renewed: RelayRule::ClaimNotRenewed =>
        ["a_holder_who_asks_again_goes_on_holding"],
    a_claim_never_ends: RelayRule::ClaimForEver =>
        ["an_expired_claim_is_free"],
    one_claim_is_for_all_databases: RelayRule::OneClaim =>
        ["a_claim_is_of_one_database"],
    a_watermark_speaks_of_the_end_of_its_round: RelayRule::MarksTheEnd => [
        "a_watermark_speaks_of_the_beginning_of_its_round",
        "a_watermark_of_another_epoch_is_replaced_whatever_it_says",
    ],
    the_watermark_goes_back: RelayRule::MarkGoesBack => [
        "a_round_marks_once",
        "an_older_round_does_not_take_the_watermark_back",
    ],
    a_first_watermark_stays: RelayRule::MarkStays => [
        "a_later_round_moves_the_watermark",
        "a_watermark_of_another_epoch_is_replaced_whatever_it_says",
    ],
    one_watermark_is_for_all_databases: RelayRule::OneMark =>
        ["a_watermark_is_of_one_database"],
    the_watermark_survives_its_values: RelayRule::MarkSurvives =>
        ["a_watermark_is_lost_with_the_values"],
    another_history_is_marked: RelayRule::HistoryIgnored =>
        ["a_round_of_an_earlier_history_marks_nothing"],
    a_history_is_not_named: RelayRule::HistoryUnnamed =>
        ["a_new_history_keeps_the_clock"],
    a_round_does_not_see_the_watermark: RelayRule::MarkUnseen =>
        ["the_next_round_begins_with_the_watermark"],
    time_stands_still: RelayRule::TimeStandsStill =>
        ["a_probe_tells_the_time"],
    a_probe_goes_by_another_connection: RelayRule::ProbeUnstamped =>
        ["a_probe_is_stamped_as_values_are"],
    a_probe_has_another_clock: RelayRule::ProbeByAnotherClock =>
        ["a_probe_has_the_clock_of_the_incarnation"],
    an_incarnation_is_of_a_connection: RelayRule::IncarnationOfConnection =>
        ["an_incarnation_stays_while_the_data_does"],
    a_round_outlives_its_connection: RelayRule::RoundOutlivesConnection =>
        ["a_round_whose_connection_is_lost_fails"],
    an_invalidation_of_a_round_evicts: RelayRule::InvalidationEvicts => [
        "an_invalidation_of_a_round_leaves_its_floor",
        "an_invalidation_of_a_round_keeps_a_value_at_its_floor",
        "an_invalidation_of_a_round_ends_an_absence",
        "an_invalidation_of_a_round_spares_a_later_lease",
        "a_round_whose_connection_is_lost_fails",
    ],
    an_invalidation_of_a_round_spares_leases: RelayRule::InvalidationSparesLeases =>
        ["an_invalidation_of_a_round_destroys_a_lease"],
}

#[tokio::test]
async fn a_sound_adapter_fails_nothing() {
    assert_eq!(failing_stores(Store::sound).await, [""; 0]);
    assert_eq!(failing_caches(CacheRule::None).await, [""; 0]);
    assert_eq!(failing_relays(RelayRule::None).await, [""; 0]);
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

async fn failing_writes(rule: WriteRule) -> Vec<&'static str> {
    failing_stores(|| writes::broken(rule)).await
}

async fn failing_searches(rule: SearchRule) -> Vec<&'static str> {
    failing_stores(|| searches::broken(rule)).await
}

async fn failing_logs(rule: LogRule) -> Vec<&'static str> {
    failing_stores(|| logs::broken(rule)).await
}

async fn failing_stores(make: impl Fn() -> Store) -> Vec<&'static str> {
    let cases = [
        user_repository::cases(),
        user_transfer::cases(),
        notification_repository::cases(),
        activity_repository::cases(),
        stats_repository::cases(),
        change_log::cases(),
        user_writes::cases(),
        user_search::cases(),
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

async fn failing_relays(rule: RelayRule) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for case in cache_relay::cases() {
        let relay = relays::broken(rule);
        if fails(&case, &relay).await {
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
    writes: Arc<dyn UserWrites>,
    search: Arc<dyn UserSearch>,
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
            writes: Arc::new(MemoryUserWrites::new(store.clone())),
            search: Arc::new(MemoryUserSearch::new(store.clone())),
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

    fn writes(&self) -> Arc<dyn UserWrites> {
        Arc::clone(&self.writes)
    }

    fn search(&self) -> Arc<dyn UserSearch> {
        Arc::clone(&self.search)
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
