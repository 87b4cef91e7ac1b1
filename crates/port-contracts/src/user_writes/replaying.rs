//! Writes that are asked for again under their key.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::{KeptAnswer, Outcome, Performed, Write, WriteError, WriteRefusal};
use roster_domain::{MarkRead, NewUser, NotificationPatch};

use super::{
    assert_refused, done, find, insert, insertion, once, perform, renaming, replayed, user_of,
};
use crate::StoreFixture;
use crate::samples::{activity, later, new_user, notification, notification_id, user_id, version};

pub async fn a_repeat_answers_what_was_kept(store: &dyn StoreFixture) {
    let user = user_of(perform(store, &insertion(1), Some(once(1, 1))).await);
    let expected = KeptAnswer {
        user: user.id,
        version: Some(version(1)),
        octets: (once(1, 1).keep)(user.id, &Outcome::User(user)),
    };
    for _ in 0..2 {
        let again = perform(store, &insertion(1), Some(once(1, 1))).await;
        assert_eq!(replayed(again), expected);
    }
}

pub async fn a_repeat_writes_nothing(store: &dyn StoreFixture) {
    let id = insert(store, &new_user(1)).await.id;
    let sent = Write::Notify {
        user: id,
        notification: notification(1),
    };
    done(perform(store, &sent, Some(once(1, 1))).await);
    // As a caller repeats it: what the service makes itself is another one.
    let sent = Write::Notify {
        user: id,
        notification: notification(2),
    };
    replayed(perform(store, &sent, Some(once(1, 1))).await);
    let stats = store.stats().find(id).await.unwrap().unwrap();
    assert_eq!(stats.notifications, 1);

    let again = insertion(2);
    user_of(perform(store, &again, Some(once(2, 1))).await);
    replayed(perform(store, &insertion(3), Some(once(2, 1))).await);
    assert_eq!(find(store, user_id(3)).await, None);
}

pub async fn a_repeat_after_a_later_change_answers_the_first(store: &dyn StoreFixture) {
    let id = insert(store, &new_user(1)).await.id;
    user_of(perform(store, &renaming(id, "First"), Some(once(1, 1))).await);
    user_of(perform(store, &renaming(id, "Second"), None).await);
    let kept = replayed(perform(store, &renaming(id, "First"), Some(once(1, 1))).await);
    assert_eq!(kept.version, Some(version(2)));
    let stored = find(store, id).await.unwrap();
    assert_eq!(stored.name.as_str(), "Second");
}

pub async fn a_key_with_another_request_is_refused(store: &dyn StoreFixture) {
    user_of(perform(store, &insertion(1), Some(once(1, 1))).await);
    assert_refused!(
        perform(store, &insertion(2), Some(once(1, 2))).await,
        WriteRefusal::KeyReused
    );
    assert_eq!(find(store, user_id(2)).await, None);
}

pub async fn another_key_writes_again(store: &dyn StoreFixture) {
    let id = insert(store, &new_user(1)).await.id;
    for slot in 1..=3 {
        let name = format!("Renamed by {slot}");
        let user = user_of(perform(store, &renaming(id, &name), Some(once(slot, 1))).await);
        assert_eq!(user.version, version(u64::from(slot) + 1));
    }
}

pub async fn every_kind_of_write_happens_once(store: &dyn StoreFixture) {
    let id = insert(store, &new_user(1)).await.id;
    let deleted = insert(store, &new_user(2)).await.id;
    let marked = store.users().soft_delete(deleted, None, later(1)).await;
    assert!(marked.unwrap().is_some());
    let writes = [
        insertion(3),
        renaming(id, "Renamed"),
        Write::Restore {
            id: deleted,
            expected: None,
        },
        Write::Notify {
            user: id,
            notification: notification(1),
        },
        Write::MarkNotification {
            user: id,
            id: notification_id(1),
            patch: NotificationPatch {
                read: Some(true),
                archived: None,
            },
        },
        Write::MarkRead {
            user: id,
            which: MarkRead::All,
        },
        Write::Append {
            user: id,
            activities: vec![activity(1)],
        },
    ];
    for (slot, write) in (1..).zip(&writes) {
        let outcome = done(perform(store, write, Some(once(slot, slot))).await);
        let kept = replayed(perform(store, write, Some(once(slot, slot))).await);
        assert_eq!(kept.user, write.user(), "{write:?}");
        assert_eq!(kept.version, outcome.version(), "{write:?}");
        assert_eq!(
            kept.octets,
            (once(slot, slot).keep)(write.user(), &outcome),
            "{write:?}"
        );
    }
}

pub async fn a_refused_write_leaves_its_key_free(store: &dyn StoreFixture) {
    let one = insert(store, &new_user(1)).await;
    let taken = NewUser {
        email: one.email,
        ..new_user(2)
    };
    assert_refused!(
        perform(store, &Write::Insert(taken), Some(once(1, 1))).await,
        WriteRefusal::Write(WriteError::EmailTaken)
    );
    let late = Write::Update {
        id: one.id,
        patch: roster_domain::UserPatch {
            profile: crate::samples::rename("Renamed"),
            ..Default::default()
        },
        expected: Some(version(7)),
    };
    assert_refused!(
        perform(store, &late, Some(once(1, 1))).await,
        WriteRefusal::Write(WriteError::VersionMismatch { .. })
    );
    // Of another request: nothing of the refused ones was kept.
    user_of(perform(store, &insertion(2), Some(once(1, 2))).await);
}

pub async fn an_absent_write_leaves_its_key_free(store: &dyn StoreFixture) {
    let write = renaming(user_id(1), "Renamed");
    let absent = perform(store, &write, Some(once(1, 1))).await.unwrap();
    assert_eq!(absent, Performed::Absent);
    insert(store, &new_user(1)).await;
    user_of(perform(store, &write, Some(once(1, 1))).await);
}
