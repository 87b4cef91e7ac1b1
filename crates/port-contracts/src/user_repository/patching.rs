//! Changing the profile.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::WriteError;
use roster_domain::{AvatarUrl, Edit, Locale, ProfilePatch};

use super::{assert_refused, find, insert};
use crate::StoreFixture;
use crate::samples::{as_inserted, full_user, later, name, rename, user_id, version};

pub async fn patch_stores_the_next_version(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    for (step, text) in [(2, "B"), (3, "C"), (4, "B")] {
        let written = store
            .users()
            .patch(one.id, &rename(text), None, later(step))
            .await;
        let written = written.unwrap().unwrap();
        assert!(written.changed);
        assert_eq!(written.user.version, version(step));
        assert_eq!(written.user.updated_at, later(step));
    }
}

pub async fn patch_sets_what_it_names_and_keeps_the_rest(store: &dyn StoreFixture) {
    let new = full_user(1);
    let mut expected = store.users().insert(&new).await.unwrap();
    let users = store.users();
    let locale: Locale = "de".parse().unwrap();
    let avatar_url: AvatarUrl = "http://a.example/".parse().unwrap();
    for step in 2..=5 {
        let mut patch = ProfilePatch::default();
        match step {
            2 => {
                expected.name = name("N");
                patch.name = Some(name("N"));
            }
            3 => {
                expected.is_active = false;
                patch.is_active = Some(false);
            }
            4 => {
                expected.locale = Some(locale.clone());
                patch.locale = Edit::Set(locale.clone());
            }
            _ => {
                expected.avatar_url = Some(avatar_url.clone());
                patch.avatar_url = Edit::Set(avatar_url.clone());
            }
        }
        expected.version = version(step);
        expected.updated_at = later(step);
        let written = users.patch(new.id, &patch, None, later(step)).await;
        assert_eq!(written.unwrap().unwrap().user, expected, "{patch:?}");
    }
}

pub async fn patch_clears_what_may_be_absent(store: &dyn StoreFixture) {
    let new = full_user(1);
    let mut expected = store.users().insert(&new).await.unwrap();
    let patch = ProfilePatch {
        locale: Edit::Clear,
        avatar_url: Edit::Clear,
        ..ProfilePatch::default()
    };
    let written = store.users().patch(new.id, &patch, None, later(1)).await;
    expected.locale = None;
    expected.avatar_url = None;
    expected.version = version(2);
    expected.updated_at = later(1);
    let written = written.unwrap().unwrap();
    assert_eq!(written.user, expected);
    assert!(written.changed);
}

pub async fn patch_answers_the_row_that_is_stored(store: &dyn StoreFixture) {
    let new = full_user(1);
    store.users().insert(&new).await.unwrap();
    let other = insert(store, 2).await;
    let written = store
        .users()
        .patch(new.id, &rename("N"), None, later(1))
        .await;
    let written = written.unwrap().unwrap();
    assert_eq!(find(store, new.id).await, Some(written.user));
    assert_eq!(find(store, other.id).await, Some(other));
}

pub async fn patch_that_changes_nothing_keeps_the_version(store: &dyn StoreFixture) {
    let (full, plain) = (full_user(1), insert(store, 2).await);
    store.users().insert(&full).await.unwrap();
    let same = ProfilePatch {
        name: Some(full.name.clone()),
        is_active: Some(true),
        locale: Edit::Set(full.locale.clone().unwrap()),
        avatar_url: Edit::Set(full.avatar_url.clone().unwrap()),
    };
    let clear = ProfilePatch {
        locale: Edit::Clear,
        avatar_url: Edit::Clear,
        ..ProfilePatch::default()
    };
    for (before, patch) in [
        (as_inserted(&full), same),
        (as_inserted(&full), ProfilePatch::default()),
        (plain, clear),
    ] {
        let written = store.users().patch(before.id, &patch, None, later(1)).await;
        let written = written.unwrap().unwrap();
        assert!(!written.changed, "{patch:?}");
        assert_eq!(written.user, before, "{patch:?}");
        assert_eq!(find(store, before.id).await, Some(before), "{patch:?}");
    }
}

pub async fn patch_at_the_expected_version_is_stored(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    for step in 1..=3 {
        let (patch, expected) = (rename(&format!("Step {step}")), Some(version(step)));
        let written = store
            .users()
            .patch(one.id, &patch, expected, later(step))
            .await;
        assert!(written.unwrap().unwrap().changed);
    }
}

pub async fn patch_at_another_version_is_refused_with_the_current_one(store: &dyn StoreFixture) {
    let users = store.users();
    let one = insert(store, 1).await;
    let written = users.patch(one.id, &rename("B"), None, later(1)).await;
    let current = written.unwrap().unwrap().user;
    for expected in [0, 1, 3, u64::from(u32::MAX)] {
        let expected = Some(version(expected));
        let refused = users.patch(one.id, &rename("C"), expected, later(2)).await;
        assert_refused!(refused, WriteError::VersionMismatch { current } if current == version(2));
    }
    assert_eq!(find(store, one.id).await, Some(current));
}

pub async fn patch_that_changes_nothing_is_refused_at_another_version_too(
    store: &dyn StoreFixture,
) {
    let one = insert(store, 1).await;
    for patch in [ProfilePatch::default(), rename("User 1")] {
        let expected = Some(version(2));
        let refused = store
            .users()
            .patch(one.id, &patch, expected, later(1))
            .await;
        assert_refused!(refused, WriteError::VersionMismatch { current } if current == version(1));
    }
}

pub async fn patch_of_nobody_is_none(store: &dyn StoreFixture) {
    insert(store, 1).await;
    for expected in [None, Some(version(1))] {
        let patch = rename("N");
        let written = store
            .users()
            .patch(user_id(2), &patch, expected, later(1))
            .await;
        assert_eq!(written.unwrap(), None);
    }
}

pub async fn patch_of_a_deleted_user_is_none(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let deleted = store.users().soft_delete(one.id, None, later(1)).await;
    for expected in [None, deleted.unwrap(), Some(version(1))] {
        let patch = rename("N");
        let written = store
            .users()
            .patch(one.id, &patch, expected, later(2))
            .await;
        assert_eq!(written.unwrap(), None);
    }
}
