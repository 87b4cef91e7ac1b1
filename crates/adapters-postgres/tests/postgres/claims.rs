//! Addresses and ids are taken once, whoever comes at the same time.

use roster_domain::ports::{UserRepository as _, WriteError};
use roster_domain::{NewUser, UserId};
use roster_port_contracts::samples::{email, later, new_user, replacement_of};
use sqlx::Connection as _;

use crate::support::{Store, store};

async fn claims(store: &Store) -> Vec<(String, uuid::Uuid)> {
    sqlx::query_as("SELECT email, user_id FROM user_emails ORDER BY email")
        .fetch_all(&mut store.sql().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn of_64_inserts_of_one_address_one_wins() {
    let Some(store) = store().await else { return };
    let inserts = (0..64).map(|number| {
        let users = store.users();
        let user = NewUser {
            email: email(if number % 2 == 0 {
                "ann@example.com"
            } else {
                "ANN@Example.COM"
            }),
            ..new_user(number)
        };
        tokio::spawn(async move { users.insert(&user).await })
    });
    let mut winners = Vec::new();
    for outcome in futures::future::join_all(inserts).await {
        match outcome.unwrap() {
            Ok(user) => winners.push(user.id.get()),
            Err(WriteError::EmailTaken) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    let expected = vec![("ann@example.com".to_owned(), winners[0])];
    assert_eq!(claims(&store).await, expected);
    let counts: (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM user_stats),
                (SELECT count(*) FROM user_changes)",
    )
    .fetch_one(&mut store.sql().await)
    .await
    .unwrap();
    assert_eq!(counts, (1, 1, 1));
}

#[tokio::test]
async fn of_64_inserts_of_one_id_one_wins() {
    let Some(store) = store().await else { return };
    let id = new_user(1).id;
    let inserts = (0..64).map(|number| {
        let users = store.users();
        let user = NewUser {
            id,
            ..new_user(number)
        };
        tokio::spawn(async move { users.insert(&user).await })
    });
    let outcomes = futures::future::join_all(inserts).await;
    let (won, lost): (Vec<_>, Vec<_>) = outcomes
        .into_iter()
        .map(Result::unwrap)
        .partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(
        lost.iter()
            .all(|lost| matches!(lost, Err(WriteError::IdTaken))),
        "{lost:?}"
    );
    assert_eq!(claims(&store).await.len(), 1);
}

#[tokio::test]
async fn of_two_who_move_to_one_address_one_wins_and_the_other_keeps_his() {
    let Some(store) = store().await else { return };
    let mut moves = Vec::new();
    for number in 1..=16 {
        let user = store.users().insert(&new_user(number)).await.unwrap();
        let mut replacement = replacement_of(&user);
        replacement.email = email("wanted@example.com");
        let users = store.users();
        moves.push(tokio::spawn(async move {
            users.replace(&replacement, later(1)).await
        }));
    }
    let outcomes = futures::future::join_all(moves).await;
    let won = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(Ok(Some(_)))))
        .count();
    let lost = |outcome: &&Result<_, _>| matches!(outcome, Ok(Err(WriteError::EmailTaken)));
    assert_eq!((won, outcomes.iter().filter(lost).count()), (1, 15));
    let claims = claims(&store).await;
    assert_eq!(claims.len(), 16);
    assert!(
        claims
            .iter()
            .any(|(email, _)| email == "wanted@example.com")
    );
}

#[tokio::test]
async fn another_spelling_of_the_same_address_keeps_the_claim() {
    let Some(store) = store().await else { return };
    let user = NewUser {
        email: email("ann@example.com"),
        ..new_user(1)
    };
    let user = store.users().insert(&user).await.unwrap();
    let before = claims(&store).await;
    let mut replacement = replacement_of(&user);
    replacement.email = email("Ann@EXAMPLE.com");
    let written = store
        .users()
        .replace(&replacement, later(1))
        .await
        .unwrap()
        .unwrap();
    assert!(written.changed);
    assert_eq!(written.user.email.as_str(), "Ann@EXAMPLE.com");
    assert_eq!(claims(&store).await, before);
}

/// An insert that waits for a purge of its id does not see that purge's row: its snapshot is
/// older. It must be refused all the same.
#[tokio::test]
async fn an_insert_that_waited_for_a_purge_of_its_id_is_refused() {
    let Some(store) = store().await else { return };
    let user = store.users().insert(&new_user(1)).await.unwrap();
    let mut sql = store.sql().await;
    sqlx::query("DELETE FROM user_changes")
        .execute(&mut sql)
        .await
        .unwrap();
    // Holds the purge up in its last statement, with the user's row deleted.
    let mut holdup = sql.begin().await.unwrap();
    sqlx::query("INSERT INTO user_changes (user_id, version, changed_at) VALUES ($1, 1, now())")
        .bind(user.id.get())
        .execute(&mut *holdup)
        .await
        .unwrap();
    let users = store.users();
    let purge = tokio::spawn(async move { users.purge(user.id, None, later(1)).await });
    store.wait_for_locks(1).await;
    let users = store.users();
    let again = NewUser {
        id: user.id,
        ..new_user(2)
    };
    let insert = tokio::spawn(async move { users.insert(&again).await });
    store.wait_for_locks(2).await;
    holdup.rollback().await.unwrap();

    assert!(purge.await.unwrap().unwrap().is_some());
    let refused = insert.await.unwrap();
    assert!(matches!(refused, Err(WriteError::IdTaken)), "{refused:?}");
    assert_eq!(claims(&store).await, []);
    let found = store.users().find_many(&[user.id]).await.unwrap();
    assert_eq!(found, []);
}

/// What an earlier release normalised in another way is erased as well.
#[tokio::test]
async fn a_purge_finds_a_claim_that_is_stored_in_another_form() {
    let Some(store) = store().await else { return };
    let user = store.users().insert(&new_user(1)).await.unwrap();
    sqlx::query("UPDATE user_emails SET email = 'as-it-was@example.com'")
        .execute(&mut store.sql().await)
        .await
        .unwrap();
    store.users().purge(user.id, None, later(1)).await.unwrap();
    assert_eq!(claims(&store).await, []);
}

#[tokio::test]
async fn a_purge_leaves_an_id_and_a_version_and_nothing_else() {
    use roster_domain::ports::{ActivityRepository as _, NotificationRepository as _};
    use roster_port_contracts::samples::{activity, notification};

    let Some(store) = store().await else { return };
    let user = store.users().insert(&new_user(1)).await.unwrap();
    let id: UserId = user.id;
    store
        .notifications()
        .create(id, &notification(1))
        .await
        .unwrap();
    store.activities().append(id, &[activity(1)]).await.unwrap();
    store.users().purge(id, None, later(1)).await.unwrap();
    let left: Vec<(String, i64)> = sqlx::query_as(
        "SELECT 'users', count(*) FROM users
         UNION ALL SELECT 'user_emails', count(*) FROM user_emails
         UNION ALL SELECT 'user_stats', count(*) FROM user_stats
         UNION ALL SELECT 'notifications', count(*) FROM notifications
         UNION ALL SELECT 'activities', count(*) FROM activities",
    )
    .fetch_all(&mut store.sql().await)
    .await
    .unwrap();
    assert!(left.iter().all(|(_, rows)| *rows == 0), "{left:?}");
    let kept: Vec<(uuid::Uuid, i64)> = sqlx::query_as("SELECT id, version FROM purged_users")
        .fetch_all(&mut store.sql().await)
        .await
        .unwrap();
    assert_eq!(kept, [(id.get(), 2)]);
}
