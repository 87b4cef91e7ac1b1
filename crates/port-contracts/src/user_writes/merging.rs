//! Updates, which are merged where nobody else can change the row.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use futures::future::join_all;
use roster_domain::ports::{Write, WriteError, WriteRefusal};
use roster_domain::{Edit, JsonObject, NewUser, UserId, UserPatch};

use super::{assert_refused, find, insert, perform, updating, user_of};
use crate::StoreFixture;
use crate::samples::{email, later, new_user, rename, version};

const WRITERS: u64 = 16;

pub async fn an_update_merges_metadata(store: &dyn StoreFixture) {
    let new = NewUser {
        metadata: r#"{"a":1,"b":{"c":2}}"#.parse().unwrap(),
        ..new_user(1)
    };
    let id = insert(store, &new).await.id;
    let patch = with_metadata(r#"{"a":null,"b":{"d":3}}"#);
    let user = user_of(perform(store, &updating(id, patch), None).await);
    assert_eq!(user.metadata.as_str(), r#"{"b":{"c":2,"d":3}}"#);
    assert_eq!((user.version, user.updated_at), (version(2), later(1)));
    assert_eq!(find(store, id).await, Some(user));

    let emptied = UserPatch {
        metadata: Edit::Clear,
        ..UserPatch::default()
    };
    let user = user_of(perform(store, &updating(id, emptied), None).await);
    assert!(user.metadata.is_empty());
}

pub async fn an_update_moves_the_claim(store: &dyn StoreFixture) {
    let one = insert(store, &new_user(1)).await;
    let moved = UserPatch {
        profile: rename("Renamed"),
        ..to("Other@example.com")
    };
    let user = user_of(perform(store, &updating(one.id, moved), None).await);
    assert_eq!(user.name.as_str(), "Renamed");
    let users = store.users();
    let old = users.find_id_by_email(&one.email).await.unwrap();
    assert_eq!(old, None);
    let owner = users.find_id_by_email(&email("other@example.com")).await;
    assert_eq!(owner.unwrap(), Some(one.id));
    let respelled = perform(store, &updating(one.id, to("OTHER@example.com")), None).await;
    assert_eq!(user_of(respelled).email.as_str(), "OTHER@example.com");
}

pub async fn an_update_that_changes_nothing_keeps_the_version(store: &dyn StoreFixture) {
    let one = insert(store, &new_user(1)).await;
    let same = UserPatch {
        email: Some(one.email.clone()),
        ..with_metadata(r#"{"absent":null}"#)
    };
    let user = user_of(perform(store, &updating(one.id, same), None).await);
    assert_eq!(user, one);
}

pub async fn an_update_at_another_version_is_refused_with_the_current_one(
    store: &dyn StoreFixture,
) {
    let one = insert(store, &new_user(1)).await;
    let profile = UserPatch {
        profile: rename("Renamed"),
        ..UserPatch::default()
    };
    for patch in [profile, to("other@example.com")] {
        let write = Write::Update {
            id: one.id,
            patch,
            expected: Some(version(7)),
        };
        assert_refused!(
            perform(store, &write, None).await,
            WriteRefusal::Write(WriteError::VersionMismatch { current }) if current == version(1)
        );
    }
    assert_eq!(find(store, one.id).await, Some(one));
}

pub async fn an_update_refuses_the_address_of_another_user(store: &dyn StoreFixture) {
    let (one, two) = (new_user(1), new_user(2));
    let (one, two) = (insert(store, &one).await, insert(store, &two).await);
    let taken = UserPatch {
        email: Some(two.email),
        ..UserPatch::default()
    };
    assert_refused!(
        perform(store, &updating(one.id, taken), None).await,
        WriteRefusal::Write(WriteError::EmailTaken)
    );
    assert_eq!(find(store, one.id).await, Some(one));
}

pub async fn an_update_that_would_not_be_valid_changes_nothing(store: &dyn StoreFixture) {
    let half = format!(r#"{{"a":"{}"}}"#, "x".repeat(JsonObject::MAX_OCTETS - 100));
    let new = NewUser {
        metadata: half.parse().unwrap(),
        ..new_user(1)
    };
    let one = insert(store, &new).await;
    let too_much = UserPatch {
        profile: rename("Renamed"),
        ..with_metadata(&half.replace("\"a\"", "\"b\""))
    };
    assert_refused!(
        perform(store, &updating(one.id, too_much), None).await,
        WriteRefusal::Invalid {
            member: "metadata",
            ..
        }
    );
    assert_eq!(find(store, one.id).await, Some(one));
}

/// A merge that lost against another would have to be tried again and again.
pub async fn concurrent_merges_all_happen(store: &dyn StoreFixture) {
    let id: UserId = insert(store, &new_user(1)).await.id;
    let merged = join_all((1..=WRITERS).map(|number| async move {
        let patch = with_metadata(&format!(r#"{{"writer-{number}":{number}}}"#));
        perform(store, &updating(id, patch), None).await
    }))
    .await;
    let mut versions: Vec<_> = merged
        .into_iter()
        .map(|performed| user_of(performed).version.get())
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=WRITERS + 1).collect::<Vec<_>>());
    let stored = find(store, id).await.unwrap();
    for number in 1..=WRITERS {
        let member = format!(r#""writer-{number}":{number}"#);
        assert!(stored.metadata.as_str().contains(&member), "{member}");
    }
}

fn with_metadata(patch: &str) -> UserPatch {
    UserPatch {
        metadata: Edit::Set(patch.parse().unwrap()),
        ..UserPatch::default()
    }
}

fn to(address: &str) -> UserPatch {
    UserPatch {
        email: Some(email(address)),
        ..UserPatch::default()
    }
}
