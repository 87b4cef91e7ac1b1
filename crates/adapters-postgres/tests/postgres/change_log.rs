//! The change log is written with every change, and no change is kept without it.

use roster_domain::ports::{StoreError, UserRepository as _, WriteError};
use roster_domain::{ProfilePatch, UserId, UserVersion};
use roster_port_contracts::samples::{email, later, new_user, rename, replacement_of};
use sqlx::{Connection as _, PgConnection};

use crate::support::store;

async fn logged(sql: &mut PgConnection, id: UserId) -> Vec<(i64, Option<String>)> {
    sqlx::query_as(
        "SELECT version, applied_to FROM user_changes WHERE user_id = $1 ORDER BY version",
    )
    .bind(id.get())
    .fetch_all(sql)
    .await
    .unwrap()
}

#[tokio::test]
async fn every_change_leaves_one_row_and_what_changes_nothing_leaves_none() {
    let Some(store) = store().await else { return };
    let (users, mut sql) = (store.users(), store.sql().await);
    let user = users.insert(&new_user(1)).await.unwrap();
    let id = user.id;
    let rows = async |sql: &mut PgConnection| logged(sql, id).await.len();
    assert_eq!(rows(&mut sql).await, 1);

    users
        .patch(id, &rename("Other"), None, later(1))
        .await
        .unwrap();
    assert_eq!(rows(&mut sql).await, 2);
    users
        .patch(id, &rename("Other"), None, later(2))
        .await
        .unwrap();
    users
        .patch(id, &ProfilePatch::default(), None, later(2))
        .await
        .unwrap();
    let early = Some(UserVersion::FIRST);
    users
        .patch(id, &rename("No"), early, later(2))
        .await
        .unwrap_err();
    assert_eq!(rows(&mut sql).await, 2);

    let mut replacement = replacement_of(&users.find_many(&[id]).await.unwrap()[0]);
    users.replace(&replacement, later(3)).await.unwrap();
    assert_eq!(rows(&mut sql).await, 2);
    replacement.email = email("moved@example.com");
    users.replace(&replacement, later(3)).await.unwrap();
    assert_eq!(rows(&mut sql).await, 3);

    users.soft_delete(id, None, later(4)).await.unwrap();
    users.soft_delete(id, None, later(4)).await.unwrap_err();
    users.restore(id, None, later(5)).await.unwrap();
    users.restore(id, None, later(5)).await.unwrap_err();
    assert_eq!(rows(&mut sql).await, 5);
    assert_eq!(
        users.purge(id, None, later(6)).await.unwrap(),
        Some(UserVersion::new(6))
    );
    let versions: Vec<_> = (1..=6).map(|version| (version, None)).collect();
    assert_eq!(logged(&mut sql, id).await, versions);
}

/// Makes every further row of the log fail, in a statement that would write one.
async fn break_the_log(sql: &mut PgConnection) {
    sqlx::query("ALTER TABLE user_changes ADD CONSTRAINT broken CHECK (version < 0) NOT VALID")
        .execute(sql)
        .await
        .unwrap();
}

/// Everything that a user's writes touch, but the log.
async fn contents(sql: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT users::text FROM users
         UNION ALL SELECT user_emails::text FROM user_emails
         UNION ALL SELECT user_stats::text FROM user_stats
         UNION ALL SELECT notifications::text FROM notifications
         UNION ALL SELECT purged_users::text FROM purged_users
         ORDER BY 1",
    )
    .fetch_all(sql)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_change_that_cannot_be_logged_does_not_happen() {
    let Some(store) = store().await else { return };
    let (users, mut sql) = (store.users(), store.sql().await);
    let user = users.insert(&new_user(1)).await.unwrap();
    let deleted = users.insert(&new_user(2)).await.unwrap();
    users.soft_delete(deleted.id, None, later(1)).await.unwrap();
    break_the_log(&mut sql).await;
    let before = contents(&mut sql).await;

    let mut moved = replacement_of(&user);
    moved.email = email("moved@example.com");
    let mut kept = replacement_of(&user);
    kept.is_active = !kept.is_active;
    let failures = [
        users.insert(&new_user(3)).await.map(drop),
        users
            .patch(user.id, &rename("Other"), None, later(2))
            .await
            .map(drop),
        users.replace(&moved, later(2)).await.map(drop),
        users.replace(&kept, later(2)).await.map(drop),
        users.soft_delete(user.id, None, later(2)).await.map(drop),
        users.restore(deleted.id, None, later(2)).await.map(drop),
        users.purge(user.id, None, later(2)).await.map(drop),
    ];
    for (index, outcome) in failures.into_iter().enumerate() {
        let failed = matches!(outcome, Err(WriteError::Store(StoreError::Unavailable(_))));
        assert!(failed, "write {index}: {outcome:?}");
        assert_eq!(contents(&mut sql).await, before, "write {index}");
    }
}

#[tokio::test]
async fn concurrent_patches_are_each_logged_and_none_is_lost() {
    let Some(store) = store().await else { return };
    let user = store.users().insert(&new_user(1)).await.unwrap();
    let patches = (0..64).map(|number| {
        let users = store.users();
        tokio::spawn(async move {
            let patch = rename(&format!("Name {number}"));
            let written = users.patch(user.id, &patch, None, later(number)).await;
            written.unwrap().unwrap()
        })
    });
    let mut versions = Vec::new();
    for written in futures::future::join_all(patches).await {
        let written = written.unwrap();
        assert!(written.changed);
        versions.push(written.user.version.get());
    }
    versions.sort_unstable();
    assert_eq!(versions, (2..=65).collect::<Vec<_>>());
    let log = logged(&mut store.sql().await, user.id).await;
    assert_eq!(log.len(), 65);
}

#[tokio::test]
async fn of_64_patches_at_one_version_one_wins_and_the_others_hear_the_current_one() {
    let Some(store) = store().await else { return };
    let user = store.users().insert(&new_user(1)).await.unwrap();
    let patches = (0..64).map(|number| {
        let users = store.users();
        tokio::spawn(async move {
            let patch = rename(&format!("Name {number}"));
            let first = Some(UserVersion::FIRST);
            users.patch(user.id, &patch, first, later(number)).await
        })
    });
    let mut winners = 0;
    for outcome in futures::future::join_all(patches).await {
        match outcome.unwrap() {
            Ok(written) => winners += u32::from(written.unwrap().changed),
            Err(WriteError::VersionMismatch { current }) => assert_eq!(current.get(), 2),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(winners, 1);
}

/// The answer is the row that the comparison saw, also when another write came between.
#[tokio::test]
async fn a_patch_that_waited_answers_the_newest_row() {
    let Some(store) = store().await else { return };
    let user = store.users().insert(&new_user(1)).await.unwrap();
    let mut other = store.sql().await;
    let mut transaction = other.begin().await.unwrap();
    sqlx::query("UPDATE users SET name = 'Taken', version = 2 WHERE id = $1")
        .bind(user.id.get())
        .execute(&mut *transaction)
        .await
        .unwrap();
    let waiting = [("Taken", None), ("Taken", Some(UserVersion::FIRST))].map(|(name, expected)| {
        let users = store.users();
        let patch = rename(name);
        tokio::spawn(async move { users.patch(user.id, &patch, expected, later(9)).await })
    });
    store.wait_for_locks(2).await;
    transaction.commit().await.unwrap();
    let [unchanged, mismatch] = waiting;
    let written = unchanged.await.unwrap().unwrap().unwrap();
    assert!(!written.changed);
    assert_eq!(written.user.name.as_str(), "Taken");
    assert_eq!(written.user.version.get(), 2);
    match mismatch.await.unwrap() {
        Err(WriteError::VersionMismatch { current }) => assert_eq!(current.get(), 2),
        other => panic!("{other:?}"),
    }
}

/// Not at its end: how long a change was under way is a part of its age.
#[tokio::test]
async fn a_change_that_waited_is_dated_at_its_beginning() {
    let Some(store) = store().await else { return };
    let user = store.users().insert(&new_user(1)).await.unwrap();
    let mut sql = store.sql().await;
    let mut holdup = sql.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM users FOR UPDATE")
        .execute(&mut *holdup)
        .await
        .unwrap();
    let users = store.users();
    let patch = tokio::spawn(async move {
        let patch = rename("Other");
        users.patch(user.id, &patch, None, later(1)).await
    });
    store.wait_for_locks(1).await;
    let waiting: time::OffsetDateTime = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(&mut *holdup)
        .await
        .unwrap();
    holdup.rollback().await.unwrap();
    patch.await.unwrap().unwrap();
    let changed_at: time::OffsetDateTime =
        sqlx::query_scalar("SELECT changed_at FROM user_changes WHERE version = 2")
            .fetch_one(&mut sql)
            .await
            .unwrap();
    assert!(changed_at < waiting, "{changed_at} and {waiting}");
}

/// Every statement of a write that takes several shows the time of the first.
#[tokio::test]
async fn the_rows_of_one_transaction_have_one_time() {
    use roster_domain::ports::{ImportRow, OnConflict, UserTransfer as _};

    let Some(store) = store().await else { return };
    let rows: Vec<_> = (1..=3)
        .map(|number| ImportRow {
            user: new_user(number),
            id_given: true,
        })
        .collect();
    store
        .transfer()
        .import(&rows, OnConflict::Skip, later(1))
        .await
        .unwrap();
    let mut sql = store.sql().await;
    let times = async |sql: &mut PgConnection| -> i64 {
        sqlx::query_scalar("SELECT count(DISTINCT changed_at) FROM user_changes")
            .fetch_one(sql)
            .await
            .unwrap()
    };
    assert_eq!(times(&mut sql).await, 1);
    sqlx::query("DELETE FROM user_changes")
        .execute(&mut sql)
        .await
        .unwrap();
    let id = new_user(1).id;
    store.users().purge(id, None, later(1)).await.unwrap();
    assert_eq!(logged(&mut sql, id).await.len(), 2);
    assert_eq!(times(&mut sql).await, 1);
}
