//! Marking one notification, and what that does to the counter.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::pagination::PageRequest;
use roster_domain::{Marked, Notification, NotificationPatch, NotificationState};

use super::{archived, assert_unread, created, patch, read, user_with};
use crate::StoreFixture;
use crate::samples::later;

pub async fn reading_lowers_unread(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    let (_, marked) = patch(store, user, 1, read(true), 1).await;
    assert_eq!(marked, changed(1));
    assert_unread(store, user, 1).await;
}

pub async fn unreading_raises_unread(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    patch(store, user, 1, read(true), 1).await;
    let (row, marked) = patch(store, user, 1, read(false), 2).await;
    assert_eq!(row, created(1));
    assert_eq!(marked, changed(2));
    assert_unread(store, user, 2).await;
}

pub async fn archiving_an_unread_notification_lowers_unread(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    let (_, marked) = patch(store, user, 1, archived(true), 1).await;
    assert_eq!(marked, changed(1));
    assert_unread(store, user, 1).await;
}

pub async fn unarchiving_an_unread_notification_raises_unread(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 1).await;
    patch(store, user, 1, archived(true), 1).await;
    let (row, marked) = patch(store, user, 1, archived(false), 2).await;
    assert_eq!(row, created(1));
    assert_eq!(marked, changed(1));
    assert_unread(store, user, 1).await;
}

pub async fn archiving_a_read_notification_keeps_unread(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    patch(store, user, 1, read(true), 1).await;
    for archive in [true, false] {
        let (_, marked) = patch(store, user, 1, archived(archive), 2).await;
        assert_eq!(marked, changed(1));
        assert_unread(store, user, 1).await;
    }
}

pub async fn reading_an_archived_notification_keeps_unread(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    let both = NotificationPatch {
        read: Some(true),
        archived: Some(true),
    };
    patch(store, user, 1, both, 1).await;
    for mark in [false, true] {
        let (_, marked) = patch(store, user, 1, read(mark), 2).await;
        assert_eq!(marked, changed(1));
        assert_unread(store, user, 1).await;
    }
}

pub async fn reading_and_archiving_at_once_lowers_unread_once(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 3).await;
    let both = NotificationPatch {
        read: Some(true),
        archived: Some(true),
    };
    let (row, marked) = patch(store, user, 2, both, 1).await;
    let expected = Notification {
        read_at: Some(later(1)),
        archived_at: Some(later(1)),
        ..created(2)
    };
    assert_eq!(row, expected);
    assert_eq!(marked, changed(2));
    assert_unread(store, user, 2).await;
}

pub async fn a_read_mark_keeps_its_first_time(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 1).await;
    patch(store, user, 1, read(true), 1).await;
    let (row, marked) = patch(store, user, 1, read(true), 2).await;
    assert_eq!(row.read_at, Some(later(1)));
    assert_eq!(marked, unchanged(0));
}

pub async fn an_archive_mark_keeps_its_first_time(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 1).await;
    patch(store, user, 1, read(true), 1).await;
    patch(store, user, 1, archived(true), 2).await;
    let (row, marked) = patch(store, user, 1, archived(true), 3).await;
    assert_eq!(row.archived_at, Some(later(2)));
    assert_eq!(marked, unchanged(0));
}

pub async fn a_mark_that_is_taken_back_takes_a_new_time(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 1).await;
    patch(store, user, 1, read(true), 1).await;
    patch(store, user, 1, read(false), 2).await;
    let (row, _) = patch(store, user, 1, read(true), 3).await;
    assert_eq!(row.read_at, Some(later(3)));
}

pub async fn a_patch_of_nothing_changes_nothing(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    let (row, marked) = patch(store, user, 1, NotificationPatch::default(), 1).await;
    assert_eq!((row, marked), (created(1), unchanged(2)));
    let (row, marked) = patch(store, user, 1, read(false), 1).await;
    assert_eq!((row, marked), (created(1), unchanged(2)));
}

pub async fn a_patch_answers_the_stored_notification(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    let (row, _) = patch(store, user, 2, read(true), 1).await;
    let expected = Notification {
        read_at: Some(later(1)),
        ..created(2)
    };
    assert_eq!(row, expected);
    let (all, first) = (NotificationState::All, PageRequest::default());
    let listed = store.notifications().list(user, all, &first).await;
    assert_eq!(listed.unwrap().unwrap().items, [expected, created(1)]);
}

const fn changed(unread: u64) -> Marked {
    Marked { changed: 1, unread }
}

const fn unchanged(unread: u64) -> Marked {
    Marked { changed: 0, unread }
}
