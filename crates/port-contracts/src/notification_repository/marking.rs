//! Marking many notifications as read.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::pagination::PageRequest;
use roster_domain::{MarkRead, Marked, Notification, NotificationState, UserId};

use super::{archived, assert_unread, patch, read, user_with};
use crate::StoreFixture;
use crate::samples::{later, moment, notification_id};

pub async fn mark_read_of_ids_marks_these(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 4).await;
    let which = ids(&[3, 1]);
    assert_eq!(mark(store, user, &which, 1).await, (2, 2));
    for (number, read_at) in [(1, Some(later(1))), (2, None), (3, Some(later(1)))] {
        assert_eq!(find(store, user, number).await.read_at, read_at, "{number}");
    }
    assert_unread(store, user, 2).await;
}

pub async fn mark_read_passes_over_ids_that_are_not_there(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    assert_eq!(mark(store, user, &ids(&[9, 2, 8]), 1).await, (1, 1));
}

pub async fn mark_read_counts_a_repeated_id_once(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 3).await;
    assert_eq!(mark(store, user, &ids(&[2, 2, 2]), 1).await, (1, 2));
    assert_unread(store, user, 2).await;
}

pub async fn mark_read_up_to_includes_that_moment(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 4).await;
    let which = MarkRead::UpTo(moment(2));
    assert_eq!(mark(store, user, &which, 1).await, (2, 2));
    assert_eq!(find(store, user, 2).await.read_at, Some(later(1)));
    assert_eq!(find(store, user, 3).await.read_at, None);
    assert_unread(store, user, 2).await;
}

pub async fn mark_read_of_all_marks_every_unread_one(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 5).await;
    patch(store, user, 2, read(true), 1).await;
    assert_eq!(mark(store, user, &MarkRead::All, 2).await, (4, 0));
    assert_unread(store, user, 0).await;
    assert_eq!(mark(store, user, &MarkRead::All, 3).await, (0, 0));
}

pub async fn mark_read_leaves_archived_ones_as_they_are(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 3).await;
    patch(store, user, 2, archived(true), 1).await;
    let before = find(store, user, 2).await;
    for which in [ids(&[2]), MarkRead::UpTo(moment(2)), MarkRead::All] {
        mark(store, user, &which, 2).await;
        assert_eq!(find(store, user, 2).await, before, "{which:?}");
    }
}

pub async fn mark_read_keeps_the_first_time(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    patch(store, user, 1, read(true), 1).await;
    for which in [ids(&[1]), MarkRead::UpTo(moment(1)), MarkRead::All] {
        mark(store, user, &which, 2).await;
        assert_eq!(
            find(store, user, 1).await.read_at,
            Some(later(1)),
            "{which:?}"
        );
    }
}

pub async fn mark_read_of_no_ids_changes_nothing(store: &dyn StoreFixture) {
    let user = user_with(store, 1, 2).await;
    assert_eq!(mark(store, user, &ids(&[]), 1).await, (0, 2));
}

fn ids(numbers: &[u64]) -> MarkRead {
    MarkRead::Ids(numbers.iter().copied().map(notification_id).collect())
}

/// How many changed, and how many are unread now.
async fn mark(
    store: &dyn StoreFixture,
    user: UserId,
    which: &MarkRead,
    seconds: u64,
) -> (u64, u64) {
    let marked = store
        .notifications()
        .mark_read(user, which, later(seconds))
        .await;
    let Marked { changed, unread } = marked.unwrap().unwrap();
    (changed, unread)
}

async fn find(store: &dyn StoreFixture, user: UserId, number: u64) -> Notification {
    let (all, first) = (NotificationState::All, PageRequest::default());
    let listed = store.notifications().list(user, all, &first).await;
    let rows = listed.unwrap().unwrap().items;
    let id = notification_id(number);
    rows.into_iter().find(|row| row.id == id).unwrap()
}
