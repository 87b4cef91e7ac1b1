//! The contract of [`roster_domain::ports::ActivityRepository`].

use roster_domain::{Activity, NewActivity, UserId};

use crate::samples::{activity, as_appended, new_user};
use crate::{Case, StoreFixture};

pub mod appending;
pub mod asking;
pub mod listing;
pub mod owning;

/// Every case, for callers that run them themselves.
pub fn cases() -> Vec<Case<dyn StoreFixture>> {
    crate::__activity_repository_cases!(__list(activity_repository))
}

/// Tests that an `ActivityRepository` keeps its contract; see the crate's page.
#[macro_export]
macro_rules! activity_repository {
    ($fixture:path) => {
        $crate::__activity_repository_cases!(__tests(activity_repository, $fixture));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __activity_repository_cases {
    ($then:ident $given:tt) => {
        $crate::$then! { $given
            appending:
                append_answers_in_order_which_are_new,
                append_stores_a_repeat_within_the_call_once,
                append_of_a_known_id_keeps_the_stored_one,
                append_of_nothing_answers_nothing,
                append_takes_100,
                concurrent_appends_are_all_counted;
            listing:
                activities_come_back_as_they_were_given,
                activities_are_ordered_by_occurred_at_then_id,
                a_kind_filters_exactly,
                since_includes_its_moment,
                until_excludes_its_moment,
                filters_apply_together,
                a_walk_forwards_meets_each_activity_once,
                a_walk_backwards_meets_each_activity_once,
                a_page_starts_at_a_place_between_activities,
                an_empty_list_of_activities_is_a_page_without_rows,
                newest_answers_the_newest_first;
            asking:
                newest_many_answers_in_the_order_asked,
                newest_many_answers_none_in_the_place_of_nobody,
                newest_many_answers_a_repeated_user_again,
                newest_many_keeps_to_each_limit,
                newest_many_of_no_users_answers_nothing,
                newest_many_takes_256_users;
            owning:
                an_activity_id_is_unique_within_its_user_only,
                the_activities_of_another_user_are_not_there,
                activities_of_nobody_are_none,
                activities_of_a_deleted_user_are_none,
                an_append_for_a_deleted_user_stores_nothing;
        }
    };
}

/// Stores the user with this number, with activities 1 to `total`.
async fn user_with(store: &dyn StoreFixture, number: u64, total: u64) -> UserId {
    let user = store.users().insert(&new_user(number)).await.unwrap().id;
    let new: Vec<NewActivity> = (1..=total).map(activity).collect();
    let appended = store.activities().append(user, &new).await.unwrap();
    assert!(appended.unwrap().into_iter().all(|new| new));
    user
}

/// The newest 50 activities, newest first.
async fn newest(store: &dyn StoreFixture, user: UserId) -> Vec<Activity> {
    let newest = store.activities().newest(user, 50).await;
    newest.unwrap().unwrap()
}

/// How many activities the counters say.
async fn counted(store: &dyn StoreFixture, user: UserId) -> u64 {
    let stats = store.stats().find(user).await.unwrap();
    stats.unwrap().activities
}

/// The activity with this number as it was appended.
fn appended(number: u64) -> Activity {
    as_appended(&activity(number))
}
