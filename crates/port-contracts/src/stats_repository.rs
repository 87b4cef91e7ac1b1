//! The contract of [`roster_domain::ports::StatsRepository`].

use crate::{Case, StoreFixture};

pub mod asking;
pub mod counting;

/// Every case, for callers that run them themselves.
pub fn cases() -> Vec<Case<dyn StoreFixture>> {
    crate::__stats_repository_cases!(__list(stats_repository))
}

/// Tests that a `StatsRepository` keeps its contract; see the crate's page.
#[macro_export]
macro_rules! stats_repository {
    ($fixture:path) => {
        $crate::__stats_repository_cases!(__tests(stats_repository, $fixture));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __stats_repository_cases {
    ($then:ident $given:tt) => {
        $crate::$then! { $given
            counting:
                counters_count_notifications_of_every_state,
                the_last_activity_is_the_latest_and_not_the_last_appended,
                counters_are_of_one_user,
                stats_of_nobody_are_none,
                stats_of_a_deleted_user_are_none;
            asking:
                find_many_answers_counters_in_the_order_asked,
                find_many_answers_none_in_the_place_of_nobody,
                find_many_answers_counters_of_a_repeated_user_again,
                find_many_of_no_users_answers_nothing,
                find_many_takes_256_users;
        }
    };
}
