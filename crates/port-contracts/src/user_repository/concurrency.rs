//! Many writers at once.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use futures::future::join_all;
use roster_domain::ports::WriteError;
use roster_domain::{NewUser, UserReplacement};

use super::{assert_refused, find, insert};
use crate::StoreFixture;
use crate::samples::{email, later, new_user, rename, replacement_of, user_id, version};

const WRITERS: u64 = 64;

pub async fn of_concurrent_inserts_of_one_address_one_is_stored(store: &dyn StoreFixture) {
    let users = store.users();
    let written = join_all((1..=WRITERS).map(|number| {
        let users = &users;
        async move {
            let new = NewUser {
                email: email("one@example.com"),
                ..new_user(number)
            };
            users.insert(&new).await
        }
    }))
    .await;
    let (stored, refused): (Vec<_>, Vec<_>) = written.into_iter().partition(Result::is_ok);
    assert_eq!(stored.len(), 1);
    for refusal in refused {
        assert_refused!(refusal, WriteError::EmailTaken);
    }
    let owner = users.find_id_by_email(&email("one@example.com")).await;
    let winner = stored.into_iter().next().unwrap().unwrap();
    assert_eq!(owner.unwrap(), Some(winner.id));
}

pub async fn of_concurrent_inserts_of_one_id_one_is_stored(store: &dyn StoreFixture) {
    let users = store.users();
    let written = join_all((1..=WRITERS).map(|number| {
        let users = &users;
        async move {
            let new = NewUser {
                id: user_id(1),
                ..new_user(number)
            };
            users.insert(&new).await
        }
    }))
    .await;
    let (stored, refused): (Vec<_>, Vec<_>) = written.into_iter().partition(Result::is_ok);
    assert_eq!(stored.len(), 1);
    for refusal in refused {
        assert_refused!(refusal, WriteError::IdTaken);
    }
    let winner = stored.into_iter().next().unwrap().unwrap();
    assert_eq!(find(store, user_id(1)).await, Some(winner));
}

pub async fn concurrent_patches_leave_no_gap_between_versions(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let users = store.users();
    let written = join_all((1..=WRITERS).map(|number| {
        let users = &users;
        async move {
            let patch = rename(&format!("Writer {number}"));
            users.patch(one.id, &patch, None, later(number)).await
        }
    }))
    .await;
    let mut rows: Vec<_> = written
        .into_iter()
        .map(|written| written.unwrap().unwrap().user)
        .collect();
    rows.sort_by_key(|user| user.version);
    let versions: Vec<u64> = rows.iter().map(|user| user.version.get()).collect();
    let expected: Vec<u64> = (2..=WRITERS + 1).collect();
    assert_eq!(versions, expected);
    assert_eq!(find(store, one.id).await, rows.pop());
}

/// A patch that waited must be compared with the row that it waited for: another may have
/// brought back what the patch is to change.
pub async fn racing_patches_to_and_fro_answer_what_they_wrote(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let users = store.users();
    for round in 1..=4 {
        let answers = join_all((1..=WRITERS).map(|number| {
            let users = &users;
            async move {
                let wanted = if number % 2 == 0 { "To" } else { "Fro" };
                let patch = rename(wanted);
                let answer = users.patch(one.id, &patch, None, later(round)).await;
                let answer = answer.unwrap().unwrap();
                assert_eq!(answer.user.name.as_str(), wanted);
                answer
            }
        }))
        .await;
        let changed = answers.iter().filter(|answer| answer.changed);
        let last = changed.max_by_key(|answer| answer.user.version);
        let stored = find(store, one.id).await.unwrap();
        assert_eq!(last.map(|answer| &answer.user), Some(&stored));
    }
}

pub async fn of_concurrent_patches_of_one_version_one_is_stored(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let users = store.users();
    let written = join_all((1..=WRITERS).map(|number| {
        let users = &users;
        async move {
            let (patch, expected) = (rename(&format!("Writer {number}")), Some(version(1)));
            users.patch(one.id, &patch, expected, later(number)).await
        }
    }))
    .await;
    let (stored, refused): (Vec<_>, Vec<_>) = written.into_iter().partition(Result::is_ok);
    assert_eq!(stored.len(), 1);
    for refusal in refused {
        assert_refused!(refusal, WriteError::VersionMismatch { current } if current == version(2));
    }
    let winner = stored.into_iter().next().unwrap().unwrap().unwrap();
    assert_eq!(find(store, one.id).await, Some(winner.user));
}

pub async fn of_concurrent_moves_to_one_address_one_is_stored(store: &dyn StoreFixture) {
    let mut rows = Vec::new();
    for number in 1..=WRITERS {
        rows.push(insert(store, number).await);
    }
    let users = store.users();
    let written = join_all(rows.iter().map(|row| {
        let users = &users;
        async move {
            let wanted = UserReplacement {
                email: email("one@example.com"),
                ..replacement_of(row)
            };
            users.replace(&wanted, later(1)).await
        }
    }))
    .await;
    let (stored, refused): (Vec<_>, Vec<_>) = written.into_iter().partition(Result::is_ok);
    assert_eq!(stored.len(), 1);
    for refusal in refused {
        assert_refused!(refusal, WriteError::EmailTaken);
    }
    let winner = stored.into_iter().next().unwrap().unwrap().unwrap().user;
    for row in rows {
        let owner = users.find_id_by_email(&row.email).await.unwrap();
        let expected = (row.id != winner.id).then_some(row.id);
        assert_eq!(owner, expected, "a refused move keeps its address");
    }
}

pub async fn of_concurrent_deletions_one_is_stored(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let users = store.users();
    let written = join_all((1..=WRITERS).map(|number| {
        let users = &users;
        async move { users.soft_delete(one.id, None, later(number)).await }
    }))
    .await;
    let (stored, refused): (Vec<_>, Vec<_>) = written.into_iter().partition(Result::is_ok);
    assert_eq!(stored.len(), 1);
    for refusal in refused {
        assert_refused!(refusal, WriteError::AlreadyDeleted);
    }
}
