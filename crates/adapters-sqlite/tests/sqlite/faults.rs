use std::time::Duration;

use roster_adapters_sqlite::{SqliteReadiness, SqliteSettings};
use roster_domain::ports::{Readiness as _, StoreError, WriteError};
use roster_port_contracts::StoreFixture as _;
use roster_port_contracts::samples::{later, new_user, rename, user_id};

use crate::support::{Fixture, fixture, fixture_with, patient};

fn is_unavailable<T: std::fmt::Debug>(result: &Result<T, WriteError>) -> bool {
    matches!(result, Err(WriteError::Store(StoreError::Unavailable(_))))
}

#[tokio::test]
async fn a_write_that_cannot_begin_in_time_is_never_begun() {
    let settings = SqliteSettings {
        writer_queue_timeout: Duration::from_millis(50),
        ..patient()
    };
    let fixture = fixture_with(&settings).await;
    let mut other = fixture.raw().await;
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let refused = fixture.users().insert(&new_user(1)).await;
    assert!(is_unavailable(&refused), "{refused:?}");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    // The writer goes on by itself, without what nobody waits for.
    let mut next = 2;
    while is_unavailable(&fixture.users().insert(&new_user(next)).await) {
        next += 1;
    }
    let found = fixture.users().find_many(&[user_id(1)]).await.unwrap();
    assert_eq!(found, []);
}

/// Opening takes as long as it takes, where a read waits for next to nothing.
#[tokio::test]
async fn how_long_a_read_waits_is_no_limit_of_opening() {
    let settings = SqliteSettings {
        read_acquire_timeout: Duration::from_nanos(1),
        ..patient()
    };
    let fixture = fixture_with(&settings).await;
    let found = fixture.users().find_many(&[user_id(1)]).await.unwrap();
    assert_eq!(found, []);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_transaction_open() {
    let fixture = fixture().await.unwrap();
    let users = fixture.users();
    users.insert(&new_user(1)).await.unwrap();
    for round in 0..200_u32 {
        let patch = rename(&format!("Round {round}"));
        let writing = users.patch(user_id(1), &patch, None, later(1));
        let _ = tokio::time::timeout(Duration::from_micros(u64::from(round) * 3), writing).await;
    }
    let mut other = fixture.raw().await;
    sqlx::query("PRAGMA busy_timeout = 5000")
        .execute(&mut other)
        .await
        .unwrap();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    users.insert(&new_user(2)).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_is_corrupt_and_says_the_column() {
    let fixture = fixture().await.unwrap();
    fixture.users().insert(&new_user(1)).await.unwrap();
    for (statement, column) in [
        ("UPDATE users SET name = ''", "name"),
        ("UPDATE users SET name = 'Ann', email = 'nobody'", "email"),
        (
            "UPDATE users SET email = 'ann@example.com', metadata = '[]'",
            "metadata",
        ),
    ] {
        sqlx::query(statement)
            .execute(&mut fixture.raw().await)
            .await
            .unwrap();
        match fixture.users().find_many(&[user_id(1)]).await {
            Err(StoreError::Corrupt(source)) => {
                assert!(source.to_string().contains(column), "{source}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_harms_no_other_write_of_its_batch() {
    let fixture = fixture().await.unwrap();
    let users = fixture.users();
    users.insert(&new_user(1)).await.unwrap();
    sqlx::query("UPDATE users SET name = ''")
        .execute(&mut fixture.raw().await)
        .await
        .unwrap();
    let (patch, new) = (rename("Ann"), new_user(2));
    let (refused, stored) = futures::join!(
        users.patch(user_id(1), &patch, None, later(1)),
        users.insert(&new),
    );
    assert!(
        matches!(refused, Err(WriteError::Store(StoreError::Corrupt(_)))),
        "{refused:?}"
    );
    stored.unwrap();
}

#[tokio::test]
async fn a_refused_write_of_a_batch_leaves_nothing_of_itself() {
    let fixture = fixture().await.unwrap();
    let users = fixture.users();
    sqlx::query(
        "CREATE TRIGGER refuse BEFORE INSERT ON user_stats WHEN new.user_id = x'01900000000070008000000000000001'
        BEGIN SELECT raise(ABORT, 'refused'); END",
    )
    .execute(&mut fixture.raw().await)
    .await
    .unwrap();
    // The first has claimed its address and stored its row when it is refused.
    let (one, two) = (new_user(1), new_user(2));
    let (refused, stored) = futures::join!(users.insert(&one), users.insert(&two));
    assert!(is_unavailable(&refused), "{refused:?}");
    stored.unwrap();
    let claimed = users.find_id_by_email(&one.email).await;
    assert_eq!(claimed.unwrap(), None);
    let mut raw = fixture.raw().await;
    let claims: i64 = sqlx::query_scalar("SELECT count(*) FROM user_emails")
        .fetch_one(&mut raw)
        .await
        .unwrap();
    assert_eq!(claims, 1);
}

#[tokio::test]
async fn a_closed_store_refuses_and_is_not_ready() {
    let fixture: Fixture = fixture().await.unwrap();
    let readiness = SqliteReadiness::new(&fixture.store);
    readiness.check().await.unwrap();
    let last = fixture.users();
    let new = new_user(1);
    let (stored, ()) = futures::join!(last.insert(&new), fixture.store.close());
    stored.unwrap();
    let refused = fixture.users().insert(&new_user(2)).await;
    assert!(is_unavailable(&refused), "{refused:?}");
    let refused = fixture.users().find_many(&[user_id(1)]).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    assert!(readiness.check().await.is_err());
    // The log was moved into the file, which is whole on its own.
    assert!(!fixture.path().with_extension("db-wal").exists());
    fixture.store.close().await;
}
