//! What the repositories answer when the server does not.

use std::time::Duration;

use roster_adapters_postgres::{PostgresSettings, PostgresUsers, connect};
use roster_domain::ports::{StoreError, UserRepository as _, WriteError};
use roster_port_contracts::samples::{email, later, new_user, rename};
use sqlx::{Connection as _, PgConnection};

use crate::support::{Store, patient, store};

/// Ends every connection of the pool, as a restart of the server would.
async fn kill_backends(store: &Store) -> i64 {
    sqlx::query_scalar(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'roster'",
    )
    .fetch_one(&mut store.sql().await)
    .await
    .unwrap()
}

/// Opens every connection of the pool, by statements that wait for one lock.
async fn open_all(store: &Store, users: &PostgresUsers, connections: usize) {
    let user = users.insert(&new_user(1)).await.unwrap();
    let mut sql = store.sql().await;
    let mut holdup = sql.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM users FOR UPDATE")
        .execute(&mut *holdup)
        .await
        .unwrap();
    let waiting: Vec<_> = (0..connections)
        .map(|_| {
            let users = users.clone();
            let patch = rename("Other");
            tokio::spawn(async move { users.patch(user.id, &patch, None, later(1)).await })
        })
        .collect();
    store
        .wait_for_locks(i64::try_from(connections).unwrap())
        .await;
    holdup.rollback().await.unwrap();
    for patch in waiting {
        patch.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_read_survives_that_every_connection_was_killed() {
    let Some(store) = store().await else { return };
    let pool = connect(&PostgresSettings {
        max_connections: 4,
        ..patient(store.database.url())
    })
    .unwrap();
    let users = PostgresUsers::new(pool);
    open_all(&store, &users, 4).await;
    let id = new_user(1).id;
    for _ in 0..3 {
        assert!(kill_backends(&store).await >= 1);
        assert_eq!(users.find_many(&[id]).await.unwrap().len(), 1);
    }
}

/// A write may have happened when its connection broke, so it is not sent again; the ones
/// after it find a connection that works.
#[tokio::test]
async fn writes_recover_after_every_connection_was_killed() {
    let Some(store) = store().await else { return };
    let pool = connect(&PostgresSettings {
        max_connections: 4,
        ..patient(store.database.url())
    })
    .unwrap();
    let users = PostgresUsers::new(pool);
    open_all(&store, &users, 4).await;
    kill_backends(&store).await;
    let mut failures = 0;
    while let Err(error) = users
        .patch(new_user(1).id, &rename("New"), None, later(2))
        .await
    {
        assert!(
            matches!(error, WriteError::Store(StoreError::Unavailable(_))),
            "{error:?}"
        );
        failures += 1;
        assert!(failures <= 4);
    }
    let user = users.find_many(&[new_user(1).id]).await.unwrap().remove(0);
    assert_eq!(user.name.as_str(), "New");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_does_not_stop_the_start() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("postgres://postgres@127.0.0.1:{port}/gone");
    let users = PostgresUsers::new(connect(&PostgresSettings::new(url)).unwrap());
    let read = users.find_many(&[new_user(1).id]).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let write = users.insert(&new_user(1)).await;
    assert!(
        matches!(write, Err(WriteError::Store(StoreError::Unavailable(_)))),
        "{write:?}"
    );
}

/// A session that began on a primary and goes on as a standby would refuse every write.
#[tokio::test]
async fn the_connection_to_a_demoted_primary_is_not_kept() {
    let Some(store) = store().await else { return };
    let mut sql = store.sql().await;
    let name: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    let read_only = async |sql: &mut PgConnection, on: &str| {
        let statement = format!("ALTER DATABASE {name} SET default_transaction_read_only = {on}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(
            "SET default_transaction_read_only = off",
        ))
        .execute(&mut *sql)
        .await
        .unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(sql)
            .await
            .unwrap();
    };
    read_only(&mut sql, "on").await;
    let users = store.users();
    let refused = users.insert(&new_user(1)).await;
    let Err(WriteError::Store(StoreError::Unavailable(source))) = refused else {
        panic!("{refused:?}");
    };
    assert!(source.to_string().contains("read-only"), "{source}");
    // Sessions keep the setting that they began with: only a new one can write now.
    read_only(&mut sql, "off").await;
    users.insert(&new_user(1)).await.unwrap();
}

#[tokio::test]
async fn what_the_domain_refuses_is_corrupt_and_not_unavailable() {
    let Some(store) = store().await else { return };
    let users = store.users();
    let id = users.insert(&new_user(1)).await.unwrap().id;
    for broken in [
        "UPDATE users SET email = 'nonsense'",
        "UPDATE users SET email = 'ann@example.com', metadata = '[]'",
        "UPDATE users SET metadata = '{}', version = -1",
        "UPDATE users SET version = 1, updated_at = 'infinity'",
    ] {
        sqlx::query(broken)
            .execute(&mut store.sql().await)
            .await
            .unwrap();
        let read = users.find_many(&[id]).await;
        assert!(
            matches!(read, Err(StoreError::Corrupt(_))),
            "{broken}: {read:?}"
        );
    }
}

#[tokio::test]
async fn a_statement_that_runs_too_long_is_unavailable_and_undone() {
    let Some(store) = store().await else { return };
    let user = store.users().insert(&new_user(1)).await.unwrap();
    let settings = PostgresSettings {
        statement_timeout: Duration::from_millis(50),
        ..patient(store.database.url())
    };
    let hurried = PostgresUsers::new(connect(&settings).unwrap());
    let mut sql = store.sql().await;
    let mut holdup = sql.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM users FOR UPDATE")
        .execute(&mut *holdup)
        .await
        .unwrap();
    let late = hurried
        .patch(user.id, &rename("Late"), None, later(1))
        .await;
    assert!(
        matches!(late, Err(WriteError::Store(StoreError::Unavailable(_)))),
        "{late:?}"
    );
    holdup.rollback().await.unwrap();
    let found = store.users().find_many(&[user.id]).await.unwrap();
    assert_eq!(found, [user]);
}

#[tokio::test]
async fn a_write_that_lost_a_deadlock_is_sent_again() {
    let Some(store) = store().await else { return };
    let (users, mut sql) = (store.users(), store.sql().await);
    let user = users.insert(&new_user(1)).await.unwrap();
    // Fails the first time with the code of a deadlock, as the server would.
    for statement in [
        "CREATE SEQUENCE tries",
        "CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF nextval('tries') = 1 THEN RAISE SQLSTATE '40P01'; END IF;
             RETURN NEW;
         END $$",
        "CREATE TRIGGER fail_once BEFORE UPDATE ON users
         FOR EACH ROW EXECUTE FUNCTION fail_once()",
    ] {
        sqlx::query(statement).execute(&mut sql).await.unwrap();
    }
    let written = users
        .patch(user.id, &rename("Again"), None, later(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(written.user.version.get(), 2);
    let tries: i64 = sqlx::query_scalar("SELECT last_value FROM tries")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(tries, 2);
}

#[tokio::test]
async fn a_taken_address_is_not_tried_again() {
    let Some(store) = store().await else { return };
    let users = store.users();
    users.insert(&new_user(1)).await.unwrap();
    let mut second = new_user(2);
    second.email = email("USER-1@example.com");
    let refused = users.insert(&second).await;
    assert!(
        matches!(refused, Err(WriteError::EmailTaken)),
        "{refused:?}"
    );
    let rollbacks: i64 = sqlx::query_scalar("SELECT count(*) FROM users")
        .fetch_one(&mut store.sql().await)
        .await
        .unwrap();
    assert_eq!(rollbacks, 1);
}
