//! More callers than connections.

use std::time::Duration;

use futures::future::join_all;
use roster_adapters_postgres::{
    PostgresPool, PostgresReadiness, PostgresSettings, PostgresUsers, connect,
};
use roster_domain::ports::{Readiness as _, StoreError, UserRepository as _};
use roster_port_contracts::samples::new_user;
use roster_test_services::Fault;
use sqlx::Connection as _;

use crate::support::{Store, patient, store};

/// One connection, for which nobody waits long. It is open: to make it may take longer.
async fn narrow(url: &str) -> PostgresPool {
    let pool = connect(&PostgresSettings {
        max_connections: 1,
        acquire_timeout: Duration::from_millis(300),
        ..patient(url)
    })
    .unwrap();
    let users = PostgresUsers::new(pool.clone());
    let opened = async { while users.find_many(&[new_user(1).id]).await.is_err() {} };
    tokio::time::timeout(Duration::from_mins(1), opened)
        .await
        .unwrap();
    pool
}

/// What everybody waits for while it is held: the only connection, whose statement waits for a
/// lock.
async fn while_it_is_taken<T>(
    store: &Store,
    pool: &PostgresPool,
    work: impl Future<Output = T>,
) -> T {
    let users = PostgresUsers::new(pool.clone());
    let mut sql = store.sql().await;
    let mut holdup = sql.begin().await.unwrap();
    sqlx::query("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *holdup)
        .await
        .unwrap();
    let first = tokio::spawn(async move { users.find_many(&[new_user(1).id]).await });
    store.wait_for_locks(1).await;
    let done = work.await;
    holdup.rollback().await.unwrap();
    assert!(first.await.unwrap().unwrap().is_empty());
    done
}

/// One who gave up and is served all the same takes the turn of one who still waits: when more
/// come than can be served in their time, nobody would be.
#[tokio::test]
async fn who_gives_up_leaves_the_line() {
    let Some(store) = store().await else { return };
    let pool = narrow(store.database.url()).await;
    let users = PostgresUsers::new(pool.clone());
    let runtime = tokio::runtime::Handle::current().metrics();
    let (before, after) = while_it_is_taken(&store, &pool, async {
        let before = runtime.num_alive_tasks();
        let ids = [new_user(1).id];
        for late in join_all((0..50).map(|_| users.find_many(&ids))).await {
            assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
        }
        (before, runtime.num_alive_tasks())
    })
    .await;
    assert!(after <= before, "{} still wait", after - before);
    assert!(users.find_many(&[new_user(1).id]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_database_whose_connections_are_all_taken_is_ready_if_it_answers_others() {
    let Some(store) = store().await else { return };
    let (proxy, through) = store.proxied();
    let pool = narrow(&through).await;
    let (users, readiness) = (
        PostgresUsers::new(pool.clone()),
        PostgresReadiness::new(pool.clone()),
    );
    let ids = [new_user(1).id];

    // Each statement takes its 100 ms, so that none behind the first few has its turn in time.
    proxy.set(Fault::Delay(Duration::from_millis(50)));
    let crowd = join_all((0..20).map(|_| users.find_many(&ids)));
    let (crowd, checked) = tokio::join!(crowd, readiness.check());
    assert!(crowd.iter().any(Result::is_ok) && crowd.iter().any(Result::is_err));
    assert!(checked.is_ok(), "{checked:?}");

    proxy.set(Fault::Pass);
    let checked = while_it_is_taken(&store, &pool, readiness.check()).await;
    assert!(checked.is_err(), "nobody is answered");
}
