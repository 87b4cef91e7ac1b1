//! The contract of [`roster_domain::ports::UserSearch`].

use roster_domain::pagination::{ActiveFilter, Order, PageSize};
use roster_domain::search::{FoundUser, SearchFilter, SearchRequest, SearchStart};
use roster_domain::{NewUser, User, UserId};

use crate::samples::{email, name, new_user};
use crate::{Case, StoreFixture};

pub mod counting;
pub mod finding;
pub mod following;
pub mod searching;

/// Every case, for callers that run them themselves.
pub fn cases() -> Vec<Case<dyn StoreFixture>> {
    crate::__user_search_cases!(__list(user_search))
}

/// Tests that a `UserSearch` keeps its contract; see the crate's page.
#[macro_export]
macro_rules! user_search {
    ($fixture:path) => {
        $crate::__user_search_cases!(__tests(user_search, $fixture));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __user_search_cases {
    ($then:ident $given:tt) => {
        $crate::$then! { $given
            finding:
                a_name_is_found_by_its_beginning,
                an_address_is_found_by_its_beginning,
                case_accents_and_spaces_do_not_count,
                what_stands_behind_the_beginning_does_not_count,
                a_user_that_name_and_address_find_is_found_by_the_name,
                a_long_prefix_finds_by_name_and_address_once,
                what_is_special_elsewhere_is_a_character,
                a_search_shows_whom_its_filter_names,
                a_search_leaves_out_deleted_users;
            following:
                a_new_name_is_found_and_the_old_one_not,
                a_new_address_is_found_and_the_old_one_not,
                an_update_is_found,
                imported_users_are_found,
                an_imported_change_is_found,
                seeded_users_are_found,
                a_restored_user_is_found_again,
                a_purged_user_is_not_found,
                every_write_leaves_its_keys;
            searching:
                found_users_are_ordered_by_key_then_id,
                the_order_can_be_turned_round,
                a_search_is_walked_forwards_meeting_each_once,
                a_search_is_walked_backwards_meeting_each_once,
                a_search_is_paged_by_numbers_meeting_each_once,
                a_search_goes_on_from_a_user_that_is_gone,
                a_search_meets_untouched_users_once_while_others_are_renamed;
            counting:
                an_exact_number_is_what_the_search_finds,
                an_estimate_of_few_is_exact;
        }
    };
}

fn filter(prefix: &str, active: ActiveFilter) -> SearchFilter {
    SearchFilter {
        prefix: prefix.parse().unwrap(),
        active,
    }
}

fn request(start: SearchStart, order: Order, size: u64) -> SearchRequest {
    SearchRequest {
        start,
        order,
        size: PageSize::new(size).unwrap(),
    }
}

/// A user with this name and this address.
fn named(number: u64, called: &str, address: &str) -> NewUser {
    NewUser {
        name: name(called),
        email: email(address),
        ..new_user(number)
    }
}

async fn insert(store: &dyn StoreFixture, new: &NewUser) -> User {
    store.users().insert(new).await.unwrap()
}

/// The first 200 that a prefix finds, of those who may act, in order.
async fn find(store: &dyn StoreFixture, prefix: &str) -> Vec<FoundUser> {
    let first = request(SearchStart::First, Order::Ascending, 200);
    let filter = filter(prefix, ActiveFilter::Active);
    let found = store.search().search(&filter, &first).await.unwrap();
    assert!(!found.more);
    found.items
}

/// Whom a prefix finds.
async fn found_ids(store: &dyn StoreFixture, prefix: &str) -> Vec<UserId> {
    ids(&find(store, prefix).await)
}

fn ids(found: &[FoundUser]) -> Vec<UserId> {
    found.iter().map(|found| found.summary.id).collect()
}
