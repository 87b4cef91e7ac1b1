//! The contract of [`roster_domain::ports::NotificationRepository`].

use roster_domain::{Marked, Notification, NotificationPatch, UserId};

use crate::samples::{as_created, later, new_user, notification, notification_id};
use crate::{Case, StoreFixture};

pub mod asking;
pub mod creating;
pub mod listing;
pub mod marking;
pub mod owning;
pub mod patching;

/// Every case, for callers that run them themselves.
pub fn cases() -> Vec<Case<dyn StoreFixture>> {
    crate::__notification_repository_cases!(__list(notification_repository))
}

/// Tests that a `NotificationRepository` keeps its contract; see the crate's page.
#[macro_export]
macro_rules! notification_repository {
    ($fixture:path) => {
        $crate::__notification_repository_cases!(__tests(notification_repository, $fixture));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __notification_repository_cases {
    ($then:ident $given:tt) => {
        $crate::$then! { $given
            creating:
                create_stores_an_unread_notification,
                create_counts_each_notification_once,
                create_with_a_known_id_answers_the_stored_one_unchanged,
                concurrent_creates_are_all_counted,
                of_concurrent_creates_of_one_id_one_is_stored;
            listing:
                notifications_come_back_as_they_were_given,
                notifications_are_ordered_by_created_at_then_id,
                a_list_of_notifications_shows_the_state_that_it_names,
                a_walk_forwards_meets_each_notification_once,
                a_walk_backwards_meets_each_notification_once,
                a_walk_goes_on_from_a_notification_that_left_the_list,
                an_empty_list_of_notifications_is_a_page_without_rows,
                newest_unread_answers_the_newest_first_and_counts_all;
            asking:
                newest_unread_many_answers_in_the_order_asked,
                newest_unread_many_answers_none_in_the_place_of_nobody,
                newest_unread_many_answers_a_repeated_user_again,
                newest_unread_many_keeps_to_each_limit,
                newest_unread_many_of_no_users_answers_nothing,
                newest_unread_many_takes_256_users;
            patching:
                reading_lowers_unread,
                unreading_raises_unread,
                archiving_an_unread_notification_lowers_unread,
                unarchiving_an_unread_notification_raises_unread,
                archiving_a_read_notification_keeps_unread,
                reading_an_archived_notification_keeps_unread,
                reading_and_archiving_at_once_lowers_unread_once,
                a_read_mark_keeps_its_first_time,
                an_archive_mark_keeps_its_first_time,
                a_mark_that_is_taken_back_takes_a_new_time,
                a_patch_of_nothing_changes_nothing,
                a_patch_answers_the_stored_notification;
            marking:
                mark_read_of_ids_marks_these,
                mark_read_passes_over_ids_that_are_not_there,
                mark_read_counts_a_repeated_id_once,
                mark_read_up_to_includes_that_moment,
                mark_read_of_all_marks_every_unread_one,
                mark_read_leaves_archived_ones_as_they_are,
                mark_read_keeps_the_first_time,
                mark_read_of_no_ids_changes_nothing;
            owning:
                an_id_is_unique_within_its_user_only,
                the_notifications_of_another_user_are_not_there,
                notifications_of_nobody_are_none,
                notifications_of_a_deleted_user_are_none,
                a_create_for_a_deleted_user_stores_nothing;
        }
    };
}

/// A patch of the read mark alone.
const fn read(read: bool) -> NotificationPatch {
    NotificationPatch {
        read: Some(read),
        archived: None,
    }
}

/// A patch of the archive mark alone.
const fn archived(archived: bool) -> NotificationPatch {
    NotificationPatch {
        read: None,
        archived: Some(archived),
    }
}

/// Stores the user with this number, with notifications 1 to `total`, all unread.
async fn user_with(store: &dyn StoreFixture, number: u64, total: u64) -> UserId {
    let user = store.users().insert(&new_user(number)).await.unwrap().id;
    for number in 1..=total {
        let created = store
            .notifications()
            .create(user, &notification(number))
            .await;
        assert!(created.unwrap().unwrap().created);
    }
    user
}

/// Patches the notification with this number.
async fn patch(
    store: &dyn StoreFixture,
    user: UserId,
    number: u64,
    patch: NotificationPatch,
    seconds: u64,
) -> (Notification, Marked) {
    let (id, at) = (notification_id(number), later(seconds));
    let patched = store.notifications().patch(user, id, patch, at).await;
    patched.unwrap().unwrap()
}

/// Asserts that every way to ask says that so many are unread.
async fn assert_unread(store: &dyn StoreFixture, user: UserId, unread: u64) {
    let notifications = store.notifications();
    assert_eq!(notifications.unread(user).await.unwrap(), Some(unread));
    let newest = notifications.newest_unread(user, 1).await.unwrap();
    assert_eq!(newest.unwrap().unread, unread);
    let stats = store.stats().find(user).await.unwrap().unwrap();
    assert_eq!(stats.unread_notifications, unread);
}

/// The notification with this number as it was created.
fn created(number: u64) -> Notification {
    as_created(&notification(number))
}
