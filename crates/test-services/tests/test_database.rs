//! One database for each test, copied from a template that is migrated once.

#![expect(clippy::unwrap_used, reason = "a broken set-up has to fail the test")]

use std::sync::atomic::{AtomicU32, Ordering};

use roster_test_services::{BoxError, test_database};
use sqlx::{Connection, PgConnection};

#[tokio::test]
async fn tests_share_the_schema_and_nothing_else() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let migrate = async |url: String| {
        RUNS.fetch_add(1, Ordering::Relaxed);
        make_things(url).await
    };
    let (first, second) = tokio::join!(
        test_database("shared", migrate),
        test_database("shared", migrate)
    );
    let (Some(first), Some(second)) = (first, second) else {
        return;
    };
    assert!(RUNS.load(Ordering::Relaxed) <= 1);
    let mut one = PgConnection::connect(first.url()).await.unwrap();
    let mut two = PgConnection::connect(second.url()).await.unwrap();
    sqlx::query("INSERT INTO things VALUES (1)")
        .execute(&mut one)
        .await
        .unwrap();
    assert_eq!(count(&mut one).await, 1);
    assert_eq!(count(&mut two).await, 0);
}

#[tokio::test]
async fn a_dropped_database_is_gone_even_with_a_connection_open() {
    let Some(database) = test_database("dropped", make_things).await else {
        return;
    };
    let url = database.url().to_owned();
    let _open = PgConnection::connect(&url).await.unwrap();
    drop(database);
    assert!(PgConnection::connect(&url).await.is_err());
}

#[tokio::test]
async fn another_template_has_another_schema() {
    let Some(database) = test_database("empty", async |_| Ok(())).await else {
        return;
    };
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    assert!(
        sqlx::query("SELECT n FROM things")
            .execute(&mut connection)
            .await
            .is_err()
    );
}

#[tokio::test]
#[should_panic(expected = "the migrations of the template database failed: no such column")]
async fn a_failing_migration_fails_the_test() {
    if test_database("failing", async |_| Err("no such column".into()))
        .await
        .is_none()
    {
        panic!(
            "the migrations of the template database failed: no such column (not run: no server)"
        );
    }
}

async fn make_things(url: String) -> Result<(), BoxError> {
    let mut connection = PgConnection::connect(&url).await?;
    sqlx::query("CREATE TABLE things (n int)")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}

async fn count(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM things")
        .fetch_one(connection)
        .await
        .unwrap()
}
