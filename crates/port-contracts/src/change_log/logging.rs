//! Which writes leave rows.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::{ImportRow, OnConflict, SeedBatch, SeedUser};
use roster_domain::{MarkRead, NewUser, ProfilePatch, UserReplacement};

use super::{change, drain, insert};
use crate::StoreFixture;
use crate::samples::{
    activity, email, later, new_user, notification, rename, replacement_of, user_id, version,
};

pub async fn an_insert_leaves_one_row(store: &dyn StoreFixture) {
    insert(store, 1).await;
    assert_eq!(drain(store).await, [change(1, 1)]);
    insert(store, 2).await;
    insert(store, 3).await;
    assert_eq!(drain(store).await, [change(2, 1), change(3, 1)]);
}

pub async fn a_patch_leaves_one_row(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    drain(store).await;
    for step in 1..=2 {
        let patch = rename(&format!("Step {step}"));
        let written = store.users().patch(one.id, &patch, None, later(step)).await;
        assert!(written.unwrap().unwrap().changed);
    }
    assert_eq!(drain(store).await, [change(1, 2), change(1, 3)]);
}

pub async fn a_replacement_leaves_one_row(store: &dyn StoreFixture) {
    let mut one = insert(store, 1).await;
    drain(store).await;
    for (reached, text) in [(2, "new@example.com"), (3, "newer@example.com")] {
        let wanted = UserReplacement {
            email: email(text),
            ..replacement_of(&one)
        };
        let written = store.users().replace(&wanted, later(1)).await;
        one = written.unwrap().unwrap().user;
        assert_eq!(drain(store).await, [change(1, reached)], "{text}");
    }
}

pub async fn a_deletion_leaves_one_row(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    drain(store).await;
    let deleted = store.users().soft_delete(one.id, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    assert_eq!(drain(store).await, [change(1, 2)]);
}

pub async fn a_restoration_leaves_one_row(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let deleted = store.users().soft_delete(one.id, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    drain(store).await;
    let restored = store.users().restore(one.id, None, later(2)).await;
    assert!(restored.unwrap().is_some());
    assert_eq!(drain(store).await, [change(1, 3)]);
}

pub async fn a_purge_keeps_the_rows_and_leaves_one(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    let purged = store.users().purge(one.id, None, later(1)).await;
    assert!(purged.unwrap().is_some());
    assert_eq!(drain(store).await, [change(1, 1), change(1, 2)]);
}

pub async fn a_patch_that_changes_nothing_leaves_no_row(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    drain(store).await;
    for patch in [ProfilePatch::default(), rename("User 1")] {
        let written = store.users().patch(one.id, &patch, None, later(1)).await;
        assert!(written.unwrap().is_some());
    }
    assert_eq!(drain(store).await, []);
}

pub async fn a_replacement_that_changes_nothing_leaves_no_row(store: &dyn StoreFixture) {
    let one = insert(store, 1).await;
    drain(store).await;
    let written = store.users().replace(&replacement_of(&one), later(1)).await;
    assert!(written.unwrap().is_some());
    assert_eq!(drain(store).await, []);
}

pub async fn refused_writes_leave_no_row(store: &dyn StoreFixture) {
    let users = store.users();
    let one = insert(store, 1).await;
    let two = SeedUser {
        user: new_user(2),
        notifications: Vec::new(),
        activities: Vec::new(),
    };
    let batch = SeedBatch { users: vec![two] };
    store.transfer().seed(&batch).await.unwrap();
    drain(store).await;
    let wrong = Some(version(7));
    let taken = UserReplacement {
        email: new_user(2).email,
        ..replacement_of(&one)
    };
    let again = NewUser {
        email: new_user(2).email,
        ..new_user(3)
    };
    // That they are refused, and how, is said elsewhere.
    let _ = users.insert(&new_user(1)).await;
    let _ = users.insert(&again).await;
    let _ = users.patch(one.id, &rename("B"), wrong, later(1)).await;
    let _ = users.replace(&taken, later(1)).await;
    let _ = users.soft_delete(one.id, wrong, later(1)).await;
    let _ = users.restore(one.id, None, later(1)).await;
    let _ = users.purge(one.id, wrong, later(1)).await;
    let _ = users.patch(user_id(9), &rename("B"), None, later(1)).await;
    assert_eq!(drain(store).await, []);
}

pub async fn an_import_leaves_a_row_for_each_stored_user(store: &dyn StoreFixture) {
    insert(store, 1).await;
    insert(store, 2).await;
    drain(store).await;
    let renamed = NewUser {
        name: "Renamed".parse().unwrap(),
        ..new_user(1)
    };
    // Changed, unchanged, new, new and then changed.
    let batch = [
        renamed.clone(),
        new_user(2),
        new_user(3),
        new_user(4),
        NewUser {
            id: user_id(4),
            email: new_user(4).email,
            ..renamed
        },
    ];
    let batch = batch.map(|user| ImportRow {
        user,
        id_given: true,
    });
    let transfer = store.transfer();
    let results = transfer.import(&batch, OnConflict::Update, later(1)).await;
    assert_eq!(results.unwrap().len(), 5);
    let expected = [change(1, 2), change(3, 1), change(4, 1), change(4, 2)];
    assert_eq!(drain(store).await, expected);
}

pub async fn an_import_that_stores_nothing_leaves_no_row(store: &dyn StoreFixture) {
    insert(store, 1).await;
    drain(store).await;
    let batch = [new_user(2), new_user(1)].map(|user| ImportRow {
        user,
        id_given: true,
    });
    let transfer = store.transfer();
    let results = transfer.import(&batch, OnConflict::Fail, later(1)).await;
    assert_eq!(results.unwrap().len(), 2);
    let results = transfer
        .import(&batch[1..], OnConflict::Skip, later(1))
        .await;
    assert_eq!(results.unwrap().len(), 1);
    assert_eq!(drain(store).await, []);
}

pub async fn a_seed_leaves_no_row(store: &dyn StoreFixture) {
    let batch = SeedBatch {
        users: vec![SeedUser {
            user: new_user(1),
            notifications: vec![(notification(1), None)],
            activities: vec![activity(1)],
        }],
    };
    store.transfer().seed(&batch).await.unwrap();
    assert_eq!(drain(store).await, []);
}

pub async fn feeds_leave_no_row(store: &dyn StoreFixture) {
    let user = insert(store, 1).await.id;
    drain(store).await;
    let created = store.notifications().create(user, &notification(1)).await;
    assert!(created.unwrap().is_some());
    let marked = store
        .notifications()
        .mark_read(user, &MarkRead::All, later(1))
        .await;
    assert!(marked.unwrap().is_some());
    let appended = store.activities().append(user, &[activity(1)]).await;
    assert!(appended.unwrap().is_some());
    assert_eq!(drain(store).await, []);
}
