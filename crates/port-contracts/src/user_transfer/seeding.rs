//! Filling an empty store.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::pagination::PageRequest;
use roster_domain::ports::{SeedBatch, SeedUser, StoreError, WriteError};
use roster_domain::{NewUser, Notification, NotificationState, UserStats};

use super::{find, insert};
use crate::StoreFixture;
use crate::samples::{
    activity, as_appended, as_created, as_inserted, full_user, later, moment, new_user,
    notification, user_id,
};

pub async fn a_seed_stores_users_at_the_first_version(store: &dyn StoreFixture) {
    let rows = [new_user(1), full_user(2), new_user(3)];
    seed(store, rows.clone().map(plain).into()).await;
    let found = find(store, &[1, 2, 3].map(user_id)).await;
    assert_eq!(found, rows.map(|row| as_inserted(&row)));
    // A second batch adds to the first.
    seed(store, vec![plain(new_user(4))]).await;
    let found = find(store, &[user_id(4)]).await;
    assert_eq!(found, [as_inserted(&new_user(4))]);
}

pub async fn a_seed_stores_the_feeds_with_exact_counters(store: &dyn StoreFixture) {
    let seeded = SeedUser {
        user: new_user(1),
        notifications: vec![
            (notification(1), Some(later(1))),
            (notification(2), None),
            (notification(3), None),
        ],
        activities: vec![activity(5), activity(9), activity(7)],
    };
    seed(store, vec![seeded, plain(new_user(2))]).await;
    let user = user_id(1);
    let expected = UserStats {
        notifications: 3,
        unread_notifications: 2,
        activities: 3,
        last_activity_at: Some(moment(9)),
    };
    assert_eq!(store.stats().find(user).await.unwrap(), Some(expected));
    let other = store.stats().find(user_id(2)).await.unwrap();
    assert_eq!(other, Some(UserStats::default()));
    let (all, first) = (NotificationState::All, PageRequest::default());
    let listed = store.notifications().list(user, all, &first).await;
    let read = Notification {
        read_at: Some(later(1)),
        ..as_created(&notification(1))
    };
    let [two, three] = [2, 3].map(|number| as_created(&notification(number)));
    assert_eq!(listed.unwrap().unwrap().items, [three, two, read]);
    let newest = store.activities().newest(user, 9).await.unwrap();
    let expected = [9, 7, 5].map(|number| as_appended(&activity(number)));
    assert_eq!(newest.unwrap(), expected);
}

pub async fn a_seed_claims_the_addresses(store: &dyn StoreFixture) {
    seed(store, vec![plain(new_user(1))]).await;
    let address = new_user(1).email;
    let owner = store.users().find_id_by_email(&address).await;
    assert_eq!(owner.unwrap(), Some(user_id(1)));
    let second = NewUser {
        email: address,
        ..new_user(2)
    };
    let refused = store.users().insert(&second).await;
    assert!(
        matches!(refused, Err(WriteError::EmailTaken)),
        "{refused:?}"
    );
}

pub async fn a_seed_with_a_taken_address_fails_whole(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let taken = NewUser {
        email: one.email,
        ..new_user(3)
    };
    assert_fails_whole(store, vec![plain(new_user(2)), plain(taken)]).await;
}

pub async fn a_seed_with_a_taken_id_fails_whole(store: &dyn StoreFixture) {
    insert(store, 1).await;
    let taken = NewUser {
        id: user_id(1),
        ..new_user(3)
    };
    assert_fails_whole(store, vec![plain(new_user(2)), plain(taken)]).await;
}

pub async fn a_seed_that_repeats_itself_fails_whole(store: &dyn StoreFixture) {
    let repeated = NewUser {
        email: new_user(2).email,
        ..new_user(3)
    };
    assert_fails_whole(store, vec![plain(new_user(2)), plain(repeated)]).await;
}

pub async fn a_seed_of_nothing_stores_nothing(store: &dyn StoreFixture) {
    seed(store, Vec::new()).await;
    assert!(store.transfer().is_empty().await.unwrap());
}

pub async fn analyze_changes_nothing(store: &dyn StoreFixture) {
    store.transfer().analyze().await.unwrap();
    let one = insert(store, 1).await;
    store.transfer().analyze().await.unwrap();
    assert_eq!(find(store, &[one.id]).await, [one]);
}

const fn plain(user: NewUser) -> SeedUser {
    SeedUser {
        user,
        notifications: Vec::new(),
        activities: Vec::new(),
    }
}

async fn seed(store: &dyn StoreFixture, users: Vec<SeedUser>) {
    let batch = SeedBatch { users };
    store.transfer().seed(&batch).await.unwrap();
}

/// Asserts that user 2 of the batch is not there after it was refused.
async fn assert_fails_whole(store: &dyn StoreFixture, users: Vec<SeedUser>) {
    let batch = SeedBatch { users };
    let refused = store.transfer().seed(&batch).await;
    assert!(
        matches!(refused, Err(StoreError::Corrupt(_))),
        "{refused:?}"
    );
    assert_eq!(find(store, &[user_id(2), user_id(3)]).await, []);
    let claimed = store.users().find_id_by_email(&new_user(2).email).await;
    assert_eq!(claimed.unwrap(), None);
}
