//! Keys follow what they are made of.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::{ImportRow, OnConflict, SeedBatch, SeedUser, Write};
use roster_domain::{NewUser, UserPatch, UserReplacement};

use super::{find, found_ids, insert, named};
use crate::StoreFixture;
use crate::samples::{email, later, name, new_user, rename, replacement_of, user_id};

pub async fn a_new_name_is_found_and_the_old_one_not(store: &dyn StoreFixture) {
    let one = insert(store, &named(1, "Ann", "bob@example.com")).await;
    let bobby = rename("Bobby");
    let patched = store.users().patch(one.id, &bobby, None, later(1)).await;
    let user = patched.unwrap().unwrap().user;
    assert_eq!(found_ids(store, "ann").await, []);
    // Name and address begin alike now, and the user is found once.
    let found = find(store, "bob").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key.as_str(), "bobby");

    let renamed = UserReplacement {
        name: name("Carol"),
        ..replacement_of(&user)
    };
    let replaced = store.users().replace(&renamed, later(2)).await;
    assert!(replaced.unwrap().is_some());
    assert_eq!(found_ids(store, "bobby").await, []);
    assert_eq!(found_ids(store, "carol").await, [user_id(1)]);
    assert_eq!(found_ids(store, "bob").await, [user_id(1)]);
}

pub async fn a_new_address_is_found_and_the_old_one_not(store: &dyn StoreFixture) {
    let one = insert(store, &named(1, "Ann", "one@example.com")).await;
    let moved = UserReplacement {
        email: email("annie@example.com"),
        ..replacement_of(&one)
    };
    let replaced = store.users().replace(&moved, later(1)).await;
    assert!(replaced.unwrap().is_some());
    assert_eq!(found_ids(store, "one").await, []);
    assert_eq!(found_ids(store, "annie").await, [user_id(1)]);
    let found = find(store, "an").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key.as_str(), "ann");
}

pub async fn an_update_is_found(store: &dyn StoreFixture) {
    let one = insert(store, &named(1, "Ann", "one@example.com")).await;
    let patch = UserPatch {
        profile: rename("Carol"),
        email: Some(email("two@example.com")),
        ..UserPatch::default()
    };
    let write = Write::Update {
        id: one.id,
        patch,
        expected: None,
    };
    let performed = store.writes().perform(&write, later(1), None).await;
    assert!(performed.is_ok());
    for (prefix, found) in [("ann", 0), ("one", 0), ("carol", 1), ("two", 1)] {
        assert_eq!(found_ids(store, prefix).await.len(), found, "{prefix}");
    }
}

pub async fn imported_users_are_found(store: &dyn StoreFixture) {
    import(
        store,
        named(1, "Zoë", "mueller@example.com"),
        OnConflict::Skip,
    )
    .await;
    for prefix in ["zoe", "mueller"] {
        assert_eq!(found_ids(store, prefix).await, [user_id(1)], "{prefix}");
    }
}

pub async fn an_imported_change_is_found(store: &dyn StoreFixture) {
    insert(store, &named(1, "Ann", "one@example.com")).await;
    let changed = named(1, "Zoë", "zoe@example.com");
    import(store, changed, OnConflict::Update).await;
    for (prefix, found) in [("ann", 0), ("one", 0), ("zoe", 1), ("zoe@", 1)] {
        assert_eq!(found_ids(store, prefix).await.len(), found, "{prefix}");
    }
}

pub async fn seeded_users_are_found(store: &dyn StoreFixture) {
    seed(store, named(1, "Zoë", "zoe@example.com")).await;
    for prefix in ["zoe", "zoe@"] {
        assert_eq!(found_ids(store, prefix).await, [user_id(1)], "{prefix}");
    }
}

pub async fn a_restored_user_is_found_again(store: &dyn StoreFixture) {
    let one = insert(store, &named(1, "Zoë", "one@example.com")).await;
    let deleted = store.users().soft_delete(one.id, None, later(1)).await;
    assert!(deleted.unwrap().is_some());
    let restored = store.users().restore(one.id, None, later(2)).await;
    assert!(restored.unwrap().is_some());
    for prefix in ["zoe", "one"] {
        assert_eq!(found_ids(store, prefix).await, [user_id(1)], "{prefix}");
    }
}

pub async fn a_purged_user_is_not_found(store: &dyn StoreFixture) {
    let one = insert(store, &new_user(1)).await;
    let purged = store.users().purge(one.id, None, later(1)).await;
    assert!(purged.unwrap().is_some());
    for prefix in ["user 1", "user-1"] {
        assert_eq!(found_ids(store, prefix).await, [], "{prefix}");
    }
}

pub async fn every_write_leaves_its_keys(store: &dyn StoreFixture) {
    insert(store, &new_user(1)).await;
    let insertion = Write::Insert(new_user(2));
    let inserted = store.writes().perform(&insertion, later(1), None).await;
    assert!(inserted.is_ok());
    import(store, new_user(3), OnConflict::Skip).await;
    seed(store, new_user(4)).await;
    assert_eq!(store.search().index_missing(10).await.unwrap(), 0);
}

async fn import(store: &dyn StoreFixture, user: NewUser, on_conflict: OnConflict) {
    let row = ImportRow {
        user,
        id_given: true,
    };
    let imported = store.transfer();
    let imported = imported.import(&[row], on_conflict, later(1)).await;
    assert_eq!(imported.unwrap().len(), 1);
}

async fn seed(store: &dyn StoreFixture, user: NewUser) {
    let users = vec![SeedUser {
        user,
        notifications: Vec::new(),
        activities: Vec::new(),
    }];
    store.transfer().seed(&SeedBatch { users }).await.unwrap();
}
