//! The log as relays read it, while others write.

use std::time::Duration;

use roster_adapters_postgres::{PostgresUserTransfer, PostgresUsers, connect};
use roster_domain::ports::{
    ChangeLog as _, ImportRow, Incarnation, Invalidation, OnConflict, StoreError,
    UserRepository as _, UserTransfer as _,
};
use roster_domain::{Timestamp, UserId, UserVersion};
use roster_port_contracts::samples::{later, new_user, rename, user_id};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::support::{Store, patient, store};

fn cache(name: &str) -> Incarnation {
    Incarnation {
        clock: name.into(),
        history: "1".into(),
    }
}

fn inserted(number: u64) -> Invalidation {
    Invalidation {
        id: user_id(number),
        floor: UserVersion::FIRST,
    }
}

async fn pending(store: &Store) -> Vec<Invalidation> {
    let answer = store.change_log().pending(&cache("m"), 10_000).await;
    let mut changes = answer.unwrap().changes;
    changes.sort_by_key(|change| (change.id, change.floor));
    changes
}

async fn execute(sql: &mut PgConnection, statement: &'static str) -> u64 {
    let done = sqlx::query(statement).execute(sql).await.unwrap();
    done.rows_affected()
}

async fn server_time(sql: &mut PgConnection) -> Timestamp {
    let now: time::OffsetDateTime = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(sql)
        .await
        .unwrap();
    now.try_into().unwrap()
}

/// What is skipped because somebody holds it would be missing under the watermark.
#[tokio::test]
async fn a_row_that_another_transaction_holds_is_pending() {
    let Some(store) = store().await else { return };
    for number in 1..=4 {
        store.users().insert(&new_user(number)).await.unwrap();
    }
    let mut sql = store.sql().await;
    let mut holding = sql.begin().await.unwrap();
    for statement in [
        "SELECT 1 FROM user_changes FOR UPDATE",
        "UPDATE user_changes SET applied_to = 'm:1' WHERE user_id::text LIKE '%1'",
        "DELETE FROM user_changes WHERE user_id::text LIKE '%2'",
    ] {
        assert!(execute(&mut holding, statement).await >= 1);
    }
    let all: Vec<_> = (1..=4).map(inserted).collect();
    assert_eq!(pending(&store).await, all);
    holding.commit().await.unwrap();
    assert_eq!(pending(&store).await, all[2..]);
}

/// Its row is older than the last look, which did not see it.
#[tokio::test]
async fn a_change_that_began_before_the_last_look_is_pending_when_it_commits() {
    let Some(store) = store().await else { return };
    let mut sql = store.sql().await;
    let mut writing = sql.begin().await.unwrap();
    let statement = "INSERT INTO user_changes (user_id, version, changed_at)
                     SELECT $1, 1, now() RETURNING changed_at";
    let began: time::OffsetDateTime = sqlx::query_scalar(statement)
        .bind(user_id(1).get())
        .fetch_one(&mut *writing)
        .await
        .unwrap();
    let before = store.change_log().pending(&cache("m"), 10).await.unwrap();
    assert_eq!(before.changes, []);
    assert!(Timestamp::try_from(began).unwrap() < before.at);
    writing.commit().await.unwrap();
    assert_eq!(pending(&store).await, [inserted(1)]);
}

#[tokio::test]
async fn the_time_of_a_look_is_the_server_s_when_it_began() {
    let Some(store) = store().await else { return };
    store.users().insert(&new_user(1)).await.unwrap();
    let mut sql = store.sql().await;
    for limit in [0, 10] {
        let before = server_time(&mut sql).await;
        let answer = store.change_log().pending(&cache("m"), limit).await;
        let at = answer.unwrap().at;
        let after = server_time(&mut sql).await;
        assert!(before <= at && at <= after, "{before}, {at}, {after}");
    }
}

/// Statements that wait for a lock have a snapshot from before they got it.
#[tokio::test]
async fn who_waited_for_another_s_raise_answers_that() {
    let Some(store) = store().await else { return };
    let before = store.change_log().namespace().await.unwrap();
    let mut sql = store.sql().await;
    let mut holding = sql.begin().await.unwrap();
    execute(&mut holding, "SELECT 1 FROM cache_namespace FOR UPDATE").await;
    let raises = [1, 2, 3].map(|to| {
        let log = store.change_log();
        tokio::spawn(async move { log.raise_epoch(before.epoch, to).await })
    });
    store.wait_for_locks(3).await;
    holding.rollback().await.unwrap();
    let mut answers = Vec::new();
    for raise in raises {
        answers.push(raise.await.unwrap().unwrap());
    }
    let now = store.change_log().namespace().await.unwrap();
    assert_ne!(now, before);
    assert_eq!(answers, [now; 3]);
}

#[tokio::test]
async fn a_row_that_is_purged_while_its_acknowledgement_waits_stays_gone() {
    let Some(store) = store().await else { return };
    store.users().insert(&new_user(1)).await.unwrap();
    store.users().insert(&new_user(2)).await.unwrap();
    let mut sql = store.sql().await;
    let mut purging = sql.begin().await.unwrap();
    let statement = "DELETE FROM user_changes WHERE user_id::text LIKE '%1'";
    assert_eq!(execute(&mut purging, statement).await, 1);
    let log = store.change_log();
    let waiting = tokio::spawn(async move {
        let changes = [inserted(1), inserted(2)];
        log.acknowledge(&cache("m"), &changes).await
    });
    store.wait_for_locks(1).await;
    purging.commit().await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(pending(&store).await, []);
    let left: Vec<String> = sqlx::query_scalar("SELECT applied_to FROM user_changes")
        .fetch_all(&mut sql)
        .await
        .unwrap();
    assert_eq!(left, ["m:1"]);
}

/// A row that is written again takes an entry in every index.
#[tokio::test]
async fn what_is_acknowledged_already_is_not_written_again() {
    let Some(store) = store().await else { return };
    store.users().insert(&new_user(1)).await.unwrap();
    let mut sql = store.sql().await;
    let mut places = Vec::new();
    for name in ["m", "m", "n"] {
        let log = store.change_log();
        log.acknowledge(&cache(name), &[inserted(1)]).await.unwrap();
        let place: String = sqlx::query_scalar("SELECT ctid::text FROM user_changes")
            .fetch_one(&mut sql)
            .await
            .unwrap();
        places.push(place);
    }
    assert_eq!(places[0], places[1]);
    assert_ne!(places[1], places[2]);
}

#[tokio::test]
async fn relays_that_acknowledge_the_same_rows_at_once_all_succeed() {
    let Some(store) = store().await else { return };
    let mut sql = store.sql().await;
    let statement = "INSERT INTO user_changes (user_id, version, changed_at)
                     SELECT gen_random_uuid(), 1, now() FROM generate_series(1, 2000)";
    execute(&mut sql, statement).await;
    let changes = pending(&store).await;
    let relays = (0..12).map(|number| {
        let (log, mut changes) = (store.change_log(), changes.clone());
        tokio::spawn(async move {
            // Each has read them in another order.
            changes.rotate_left(number * 150);
            log.acknowledge(&cache(&number.to_string()), &changes).await
        })
    });
    for outcome in futures::future::join_all(relays).await {
        outcome.unwrap().unwrap();
    }
    let statement = "DELETE FROM user_changes WHERE applied_to IS NOT NULL";
    assert_eq!(execute(&mut sql, statement).await, 2_000);
}

/// Lets functions of the test take the place of the server's own, in every session that begins
/// from now on.
async fn ours_first(sql: &mut PgConnection) {
    let name: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(&mut *sql)
        .await
        .unwrap();
    let statement = format!("ALTER DATABASE {name} SET search_path = public, pg_catalog");
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(sql)
        .await
        .unwrap();
}

/// Its rows may lag behind what the primary has acknowledged.
#[tokio::test]
async fn a_standby_does_not_say_what_is_pending() {
    let Some(store) = store().await else { return };
    let mut sql = store.sql().await;
    ours_first(&mut sql).await;
    let statement = "CREATE FUNCTION public.pg_is_in_recovery() RETURNS boolean
                     LANGUAGE sql AS 'SELECT true'";
    execute(&mut sql, statement).await;
    store.users().insert(&new_user(1)).await.unwrap();
    let refused = store.change_log().pending(&cache("m"), 10).await;
    let Err(StoreError::Unavailable(source)) = refused else {
        panic!("{refused:?}");
    };
    assert!(source.to_string().contains("standby"), "{source}");
    execute(&mut sql, "DROP FUNCTION public.pg_is_in_recovery()").await;
    assert_eq!(pending(&store).await, [inserted(1)]);
}

/// One row that nobody here wrote must not hold up all the others.
#[tokio::test]
async fn a_version_that_no_user_can_have_is_passed_on_as_none() {
    let Some(store) = store().await else { return };
    let mut sql = store.sql().await;
    let statement = "INSERT INTO user_changes (user_id, version, changed_at)
                     VALUES ('00000000-0000-0000-0000-000000000000', -1, now())";
    execute(&mut sql, statement).await;
    store.users().insert(&new_user(1)).await.unwrap();
    let nobody = Invalidation {
        id: UserId::new(uuid::Uuid::nil()),
        floor: UserVersion::NONE,
    };
    assert_eq!(pending(&store).await, [nobody, inserted(1)]);
}

/// A writer's look after its own write sees the row, whichever connection it gets.
#[tokio::test]
async fn every_look_sees_what_was_acknowledged_before_it() {
    let Some(store) = store().await else { return };
    let user = store.users().insert(&new_user(1)).await.unwrap();
    let writers = (1..=8).map(|writer| {
        let (users, log) = (store.users(), store.change_log());
        tokio::spawn(async move {
            for round in 0..20 {
                let patch = rename(&format!("Writer {writer}, round {round}"));
                let written = users.patch(user.id, &patch, None, later(1)).await;
                let floor = written.unwrap().unwrap().user.version;
                let look = log.pending(&cache("m"), 10_000).await.unwrap();
                let expected = Invalidation { id: user.id, floor };
                assert!(look.changes.contains(&expected), "{floor}");
            }
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer.unwrap();
    }
    let log = store.change_log();
    let purged = log.purge_older_than(Duration::ZERO, 1_000).await;
    assert_eq!(purged.unwrap(), 161);
}

/// Its rows would be nearly old enough to be purged when they become visible.
#[tokio::test]
async fn a_transaction_that_was_under_way_for_long_does_not_commit() {
    let Some(store) = store().await else { return };
    let user = store.users().insert(&new_user(1)).await.unwrap();
    let mut sql = store.sql().await;
    ours_first(&mut sql).await;
    let rows = async |sql: &mut PgConnection| -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM user_changes")
            .fetch_one(sql)
            .await
            .unwrap()
    };
    let import = [ImportRow {
        user: new_user(2),
        id_given: true,
    }];
    for (ago, done) in [("51 seconds", false), ("40 seconds", true)] {
        // As if the transaction had begun then.
        let statement = format!(
            "CREATE OR REPLACE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql
             AS $$SELECT pg_catalog.now() - interval '{ago}'$$"
        );
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut sql)
            .await
            .unwrap();
        let pool = connect(&patient(store.database.url())).unwrap();
        let before = rows(&mut sql).await;
        let transfer = PostgresUserTransfer::new(pool.clone());
        let imported = transfer.import(&import, OnConflict::Fail, later(1)).await;
        let users = PostgresUsers::new(pool);
        let purged = users.purge(user.id, None, later(1)).await;
        assert_eq!((imported.is_ok(), purged.is_ok()), (done, done), "{ago}");
        let left = rows(&mut sql).await - before;
        assert_eq!(left, if done { 2 } else { 0 }, "{ago}");
    }
}
