//! Connections that rest between two statements.

use std::time::Duration;

use roster_adapters_postgres::{
    PostgresPool, PostgresSettings, PostgresUserWrites, PostgresUsers, connect,
};
use roster_domain::ports::{Once, UserRepository as _, UserWrites as _, Write, WriteRefusal};
use roster_domain::{Fingerprint, KeySlot};
use roster_port_contracts::samples::{later, new_user, rename, user_id};
use roster_test_services::Fault;
use sqlx::{Connection as _, PgConnection};

use crate::support::{Store, patient, store};

/// A pool of one connection on the store.
fn alone(store: &Store) -> PostgresPool {
    connect(&PostgresSettings {
        max_connections: 1,
        ..patient(store.database.url())
    })
    .unwrap()
}

/// What the sessions of `roster` are in, beside those of the store itself.
async fn states(sql: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT state FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'roster'
         ORDER BY state",
    )
    .fetch_all(sql)
    .await
    .unwrap()
}

/// Returns when `holds` does.
async fn wait_for(mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), waiting)
        .await
        .unwrap();
}

/// The driver's task, which would ask the connection first, has not run when the next
/// statement is sent.
#[tokio::test]
async fn a_connection_is_at_hand_as_soon_as_its_statement_has_ended() {
    let Some(store) = store().await else { return };
    let pool = connect(&patient(store.database.url())).unwrap();
    let users = PostgresUsers::new(pool.clone());
    let id = users.insert(&new_user(1)).await.unwrap().id;
    for number in 2..20 {
        assert_eq!(pool.idle(), 1);
        assert_eq!(users.find_many(&[id]).await.unwrap().len(), 1);
        assert_eq!(pool.idle(), 1);
        users.insert(&new_user(number)).await.unwrap();
    }
    assert_eq!(states(&mut store.sql().await).await, ["idle"]);
    pool.close().await;
    assert_eq!((pool.size(), pool.idle()), (0, 0));
    assert!(users.find_many(&[id]).await.is_err());
}

#[tokio::test]
async fn everybody_gets_a_turn_on_one_connection() {
    let Some(store) = store().await else { return };
    let users = PostgresUsers::new(alone(&store));
    let id = users.insert(&new_user(1)).await.unwrap().id;
    let readers: Vec<_> = (0..64)
        .map(|_| {
            let users = users.clone();
            tokio::spawn(async move { users.find_many(&[id]).await.unwrap().len() })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 1);
    }
    assert_eq!(states(&mut store.sql().await).await, ["idle"]);
}

/// Its statement goes on in the server, and the connection with it: it is given up in the end.
#[tokio::test]
async fn a_statement_whose_caller_went_away_does_not_keep_its_place() {
    let Some(store) = store().await else { return };
    let users = PostgresUsers::new(alone(&store));
    let id = users.insert(&new_user(1)).await.unwrap().id;
    let mut sql = store.sql().await;
    let mut holdup = sql.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM users FOR UPDATE")
        .execute(&mut *holdup)
        .await
        .unwrap();
    let waiting = users.clone();
    let waiting =
        tokio::spawn(async move { waiting.patch(id, &rename("Late"), None, later(1)).await });
    store.wait_for_locks(1).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    let found = users.find_many(&[id]).await.unwrap().remove(0);
    assert_eq!(found.name, new_user(1).name);
    holdup.rollback().await.unwrap();
}

/// The next statement would be part of the transaction, and its locks be held until then.
#[tokio::test]
async fn a_connection_does_not_rest_within_a_transaction() {
    let Some(store) = store().await else { return };
    let once = Once {
        slot: KeySlot::new([7; 32]),
        request: Fingerprint::new([1; 32]),
        keep: |user, _| user.to_string().into_bytes(),
    };
    let hurried = connect(&PostgresSettings {
        max_connections: 1,
        statement_timeout: Duration::from_secs(1),
        ..patient(store.database.url())
    })
    .unwrap();
    let mut sql = store.sql().await;
    let mut holdup = sql.begin().await.unwrap();
    sqlx::query(
        "INSERT INTO kept_answers (slot, request, user_id, kept_at) VALUES ($1, $1, $2, now())",
    )
    .bind([7_u8; 32].as_slice())
    .bind(user_id(1).get())
    .execute(&mut *holdup)
    .await
    .unwrap();
    let writes = PostgresUserWrites::new(hurried);
    let write = Write::Insert(new_user(1));
    let refused = writes.perform(&write, later(1), Some(once)).await;
    assert!(
        matches!(refused, Err(WriteRefusal::KeyInProgress)),
        "{refused:?}"
    );
    let mut watching = store.sql().await;
    wait_for(async || states(&mut watching).await == ["idle"]).await;
    holdup.rollback().await.unwrap();
}

/// The driver does not know that the transaction has begun. The next statement on the connection
/// would be part of it: told to be done, and seen by nobody.
#[tokio::test]
async fn a_write_whose_caller_went_away_at_its_beginning_leaves_no_transaction() {
    let Some(store) = store().await else { return };
    let (proxy, through) = store.proxied();
    let pool = connect(&PostgresSettings {
        max_connections: 1,
        ..patient(&through)
    })
    .unwrap();
    let users = PostgresUsers::new(pool.clone());
    let id = users.insert(&new_user(1)).await.unwrap().id;
    let mut watching = store.sql().await;

    // The server's answer to BEGIN is on its way for half a second, and then held.
    proxy.set(Fault::Delay(Duration::from_millis(500)));
    let writes = PostgresUserWrites::new(pool);
    let write = Write::Insert(new_user(2));
    let beginning = tokio::spawn(async move { writes.perform(&write, later(1), None).await });
    wait_for(async || states(&mut watching).await == ["idle in transaction"]).await;
    proxy.set(Fault::BlackHole);
    beginning.abort();
    assert!(beginning.await.unwrap_err().is_cancelled());

    proxy.set(Fault::Pass);
    users
        .patch(id, &rename("Kept"), None, later(2))
        .await
        .unwrap();
    let seen = store.users().find_many(&[id]).await.unwrap().remove(0);
    assert_eq!(seen.name.as_str(), "Kept");
    assert_eq!(states(&mut watching).await, ["idle", "idle"]);
}

/// Whoever rests for long goes back to the driver, which finds out that it is dead.
#[tokio::test]
async fn a_connection_that_has_rested_for_long_is_asked_whether_it_is_alive() {
    let Some(store) = store().await else { return };
    let pool = alone(&store);
    let users = PostgresUsers::new(pool.clone());
    let id = users.insert(&new_user(1)).await.unwrap().id;
    let killed: i64 = sqlx::query_scalar(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'roster'",
    )
    .fetch_one(&mut store.sql().await)
    .await
    .unwrap();
    assert_eq!(killed, 1);
    assert_eq!(pool.size(), 1);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
    wait_for(async || pool.size() == 0).await;
    assert_eq!(users.find_many(&[id]).await.unwrap().len(), 1);
}
