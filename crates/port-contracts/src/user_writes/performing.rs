//! What a write does without a key.
#![expect(missing_docs, reason = "a case's name is the sentence that it checks")]

use roster_domain::ports::{
    CreatedNotification, Outcome, Performed, Write, WriteError, WriteRefusal,
};
use roster_domain::{MarkRead, Marked, NewUser, NotificationPatch};

use super::{assert_refused, done, find, insert, insertion, perform, renaming, user_of};
use crate::StoreFixture;
use crate::samples::{
    activity, as_created, as_inserted, later, new_user, notification, notification_id, user_id,
    version,
};

pub async fn a_write_does_what_its_repository_does(store: &dyn StoreFixture) {
    let new = new_user(1);
    let id = new.id;
    let inserted = user_of(perform(store, &insertion(1), None).await);
    assert_eq!(inserted, as_inserted(&new));
    assert_eq!(find(store, id).await.as_ref(), Some(&inserted));

    let renamed = user_of(perform(store, &renaming(id, "Renamed"), None).await);
    assert_eq!(renamed.version, version(2));
    assert_eq!(find(store, id).await, Some(renamed));

    let sent = Write::Notify {
        user: id,
        notification: notification(1),
    };
    let expected = CreatedNotification {
        notification: as_created(&notification(1)),
        created: true,
        unread: 1,
    };
    assert_eq!(
        done(perform(store, &sent, None).await),
        Outcome::Notified(expected.clone())
    );
    let again = CreatedNotification {
        created: false,
        ..expected
    };
    assert_eq!(
        done(perform(store, &sent, None).await),
        Outcome::Notified(again)
    );

    let archived = Write::MarkNotification {
        user: id,
        id: notification_id(1),
        patch: NotificationPatch {
            read: None,
            archived: Some(true),
        },
    };
    let Outcome::Marked(stored, marked) = done(perform(store, &archived, None).await) else {
        panic!("a patch of a notification answers it");
    };
    assert_eq!(stored.archived_at, Some(later(1)));
    let (changed, unread) = (1, 0);
    assert_eq!(marked, Marked { changed, unread });

    let read = Write::MarkRead {
        user: id,
        which: MarkRead::All,
    };
    let nothing = Marked {
        changed: 0,
        unread: 0,
    };
    assert_eq!(
        done(perform(store, &read, None).await),
        Outcome::MarkedRead(nothing)
    );

    let appended = Write::Append {
        user: id,
        activities: vec![activity(1), activity(1)],
    };
    assert_eq!(
        done(perform(store, &appended, None).await),
        Outcome::Appended(vec![(activity(1).id, true), (activity(1).id, false)])
    );

    let deleted = store.users().soft_delete(id, None, later(2)).await;
    let expected = deleted.unwrap();
    let restored = user_of(perform(store, &Write::Restore { id, expected }, None).await);
    assert_eq!(restored.version, version(4));
}

pub async fn a_write_to_nobody_is_absent(store: &dyn StoreFixture) {
    insert(store, &new_user(1)).await;
    let nobody = user_id(2);
    let unknown = Write::MarkNotification {
        user: user_id(1),
        id: notification_id(1),
        patch: NotificationPatch::default(),
    };
    for write in [
        renaming(nobody, "Renamed"),
        Write::Restore {
            id: nobody,
            expected: None,
        },
        Write::Notify {
            user: nobody,
            notification: notification(1),
        },
        Write::MarkRead {
            user: nobody,
            which: MarkRead::All,
        },
        Write::Append {
            user: nobody,
            activities: vec![activity(1)],
        },
        unknown,
    ] {
        let performed = perform(store, &write, None).await.unwrap();
        assert_eq!(performed, Performed::Absent, "{write:?}");
    }
}

pub async fn a_refused_write_says_why(store: &dyn StoreFixture) {
    let one = insert(store, &new_user(1)).await;
    let same_address = NewUser {
        email: one.email.clone(),
        ..new_user(2)
    };
    assert_refused!(
        perform(store, &Write::Insert(same_address), None).await,
        WriteRefusal::Write(WriteError::EmailTaken)
    );
    let same_id = NewUser {
        id: one.id,
        ..new_user(2)
    };
    assert_refused!(
        perform(store, &Write::Insert(same_id), None).await,
        WriteRefusal::Write(WriteError::IdTaken)
    );
    let restore = Write::Restore {
        id: one.id,
        expected: None,
    };
    assert_refused!(
        perform(store, &restore, None).await,
        WriteRefusal::Write(WriteError::NotDeleted)
    );
}
