//! Writes under a key, when connections break and when others hold the key.

use std::time::Duration;

use roster_adapters_postgres::{PostgresSettings, PostgresUserWrites, connect};
use roster_domain::ports::{
    Once, Performed, StoreError, UserWrites as _, Write, WriteError, WriteRefusal,
};
use roster_domain::{Fingerprint, KeySlot, NewUser, UserId};
use roster_port_contracts::samples::{email, later, new_user};
use roster_test_services::Fault;
use sqlx::{Connection as _, PgConnection};

use crate::support::{Store, patient, store};

/// How often a connection dies.
const ROUNDS: u64 = 1_000;

fn once(round: u64) -> Once {
    let mut slot = [0; 32];
    slot[..8].copy_from_slice(&round.to_be_bytes());
    Once {
        slot: KeySlot::new(slot),
        request: Fingerprint::new([1; 32]),
        keep: |user, _| user.to_string().into_bytes(),
    }
}

/// The request of a round, with the id that the service makes each time it is sent.
fn creation(round: u64, attempt: u64) -> Write {
    Write::Insert(NewUser {
        email: email(&format!("round-{round}@example.com")),
        ..new_user(round * 100 + attempt)
    })
}

#[tokio::test]
async fn a_connection_that_dies_at_its_commit_leaves_one_effect() {
    let Some(store) = store().await else { return };
    let (proxy, through) = store.proxied();
    let pool = connect(&PostgresSettings {
        max_connections: 2,
        ..patient(&through)
    })
    .unwrap();
    let writes = PostgresUserWrites::new(pool);
    let mut sql = store.sql().await;
    let (mut replayed, mut done) = (0, 0);
    for round in 1..=ROUNDS {
        let delivered = round % 2 == 0;
        proxy.set(Fault::CutAt {
            bytes: b"COMMIT\0",
            delivered,
        });
        let first = writes
            .perform(&creation(round, 0), later(1), Some(once(round)))
            .await;
        assert!(
            matches!(
                first,
                Err(WriteRefusal::Write(WriteError::Store(
                    StoreError::Unavailable(_)
                )))
            ),
            "round {round}: {first:?}"
        );
        proxy.set(Fault::Pass);
        let user = match again(&writes, round).await {
            Performed::Replayed(kept) => {
                replayed += 1;
                assert_eq!(kept.octets, kept.user.to_string().into_bytes());
                kept.user
            }
            Performed::Done(_) => {
                done += 1;
                owner(&mut sql, round).await
            }
            Performed::Absent => panic!("round {round}: an insert is never absent"),
        };
        assert_eq!(owner(&mut sql, round).await, user, "round {round}");
    }
    println!("{replayed} replayed, {done} done again after a lost commit");
    assert_eq!(replayed, ROUNDS / 2);
    let counts = [
        "SELECT count(*) FROM users",
        "SELECT count(*) FROM user_emails",
        "SELECT count(*) FROM user_changes",
        "SELECT count(*) FROM kept_answers",
    ];
    for count in counts {
        let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut sql).await.unwrap();
        assert_eq!(u64::try_from(rows).unwrap(), ROUNDS, "{count}");
    }
}

/// The request sent again until the service knows how it ended.
async fn again(writes: &PostgresUserWrites, round: u64) -> Performed {
    for attempt in 1..90 {
        let performed = writes
            .perform(&creation(round, attempt), later(2), Some(once(round)))
            .await;
        match performed {
            Ok(performed) => return performed,
            Err(
                WriteRefusal::KeyInProgress
                | WriteRefusal::Write(WriteError::Store(StoreError::Unavailable(_))),
            ) => {}
            Err(refusal) => panic!("round {round}: {refusal:?}"),
        }
    }
    panic!("round {round}: no answer after 90 attempts");
}

async fn owner(sql: &mut PgConnection, round: u64) -> UserId {
    let id = sqlx::query_scalar("SELECT user_id FROM user_emails WHERE email = $1")
        .bind(format!("round-{round}@example.com"))
        .fetch_one(sql)
        .await
        .unwrap();
    UserId::new(id)
}

/// Another process holds the key for longer than a statement may wait.
#[tokio::test]
async fn a_key_that_another_process_holds_is_in_progress() {
    let Some(store) = store().await else { return };
    let pool = connect(&PostgresSettings {
        statement_timeout: Duration::from_secs(1),
        ..patient(store.database.url())
    })
    .unwrap();
    let writes = PostgresUserWrites::new(pool);
    let mut sql = store.sql().await;
    let mut holding = sql.begin().await.unwrap();
    take(&mut holding, once(1).slot).await;
    let refused = writes
        .perform(&creation(1, 0), later(1), Some(once(1)))
        .await;
    assert!(
        matches!(refused, Err(WriteRefusal::KeyInProgress)),
        "{refused:?}"
    );
    holding.rollback().await.unwrap();
    let performed = store
        .writes()
        .perform(&creation(1, 1), later(1), Some(once(1)))
        .await;
    assert!(matches!(performed, Ok(Performed::Done(_))), "{performed:?}");
}

/// A refused write leaves its connection, and with it the key, to whoever comes next.
#[tokio::test]
async fn a_refused_write_holds_nothing() {
    let Some(store) = store().await else { return };
    let writes = store.writes();
    writes
        .perform(&creation(1, 0), later(1), None)
        .await
        .unwrap();
    let refused = writes
        .perform(&creation(1, 1), later(1), Some(once(1)))
        .await;
    assert!(
        matches!(refused, Err(WriteRefusal::Write(WriteError::EmailTaken))),
        "{refused:?}"
    );
    let mut sql = store.sql().await;
    let open: i64 = wait_for_none(&store, &mut sql).await;
    assert_eq!(open, 0);
}

async fn take(transaction: &mut PgConnection, slot: KeySlot) {
    sqlx::query(
        "INSERT INTO kept_answers (slot, request, user_id, version, answer, kept_at)
         VALUES ($1, $1, gen_random_uuid(), NULL, NULL, now())",
    )
    .bind(slot.as_octets())
    .execute(transaction)
    .await
    .unwrap();
}

/// Transactions of the pool that are open, once there are none or for a minute.
async fn wait_for_none(_: &Store, sql: &mut PgConnection) -> i64 {
    let count = async |sql: &mut PgConnection| -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'roster'
               AND state LIKE 'idle in transaction%'",
        )
        .fetch_one(sql)
        .await
        .unwrap()
    };
    for _ in 0..1_000 {
        if count(sql).await == 0 {
            return 0;
        }
        tokio::task::yield_now().await;
    }
    count(sql).await
}
