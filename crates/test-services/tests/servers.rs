//! The private servers: they start, freeze, die, come back, and never outlive the process that started them.

#![expect(clippy::unwrap_used, reason = "a broken set-up has to fail the test")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use redis::AsyncCommands;
use roster_test_services::{
    PostgresOptions, PostgresServer, RedisServer, ServiceError, or_skip, patient_redis,
};
use sqlx::{Connection, PgConnection};

const CHILD: &str = "ROSTER_TEST_SERVICES_CHILD";
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn postgres_freezes_dies_and_comes_back_with_its_data() {
    let Some(server) = or_skip(PostgresServer::start(PostgresOptions {
        fsync: true,
        ..Default::default()
    })) else {
        return;
    };
    let url = server.url("postgres");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("CREATE TABLE kept (n int)")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query("INSERT INTO kept VALUES (7)")
        .execute(&mut connection)
        .await
        .unwrap();

    server.pause();
    {
        let answer = sqlx::query("SELECT 1").execute(&mut connection);
        tokio::pin!(answer);
        assert!(tokio::time::timeout(SHORT, &mut answer).await.is_err());
        server.resume();
        answer.await.unwrap();
    }

    let pid = server.pid();
    server.kill();
    assert!(!is_alive(pid));
    assert_eq!(server.pid(), 0);
    assert!(
        sqlx::query("SELECT 1")
            .execute(&mut connection)
            .await
            .is_err()
    );
    server.restart().await.unwrap();
    assert_eq!(server.url("postgres"), url);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let kept: i32 = sqlx::query_scalar("SELECT n FROM kept")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(kept, 7);

    server.stop().await.unwrap();
    assert!(PgConnection::connect(&url).await.is_err());
}

#[tokio::test]
async fn postgres_counts_statements_when_asked() {
    let options = PostgresOptions {
        preload_pg_stat_statements: true,
        ..Default::default()
    };
    let Some(server) = or_skip(PostgresServer::start(options)) else {
        return;
    };
    let mut connection = PgConnection::connect(&server.url("postgres"))
        .await
        .unwrap();
    sqlx::query("CREATE EXTENSION pg_stat_statements")
        .execute(&mut connection)
        .await
        .unwrap();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_stat_statements")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(count >= 1);
}

#[test]
fn a_setting_that_postgres_refuses_is_told_with_its_words() {
    let settings = vec![("no_such_setting".to_owned(), "1".to_owned())];
    match PostgresServer::start(PostgresOptions {
        settings,
        ..Default::default()
    }) {
        Err(ServiceError::NotInstalled { .. }) => {}
        Err(ServiceError::DidNotStart { output, .. }) => {
            assert!(output.contains("no_such_setting"), "{output}");
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("started with an unknown setting"),
    }
}

#[tokio::test]
async fn redis_freezes_dies_and_comes_back_empty_on_its_port() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let mut connection = patient_redis(server.addr()).await.unwrap();
    let () = connection.set("key", "value").await.unwrap();

    server.pause();
    assert!(
        tokio::time::timeout(SHORT, connection.get::<_, String>("key"))
            .await
            .is_err()
    );
    server.resume();
    assert_eq!(connection.get::<_, String>("key").await.unwrap(), "value");

    let pid = server.pid();
    server.kill();
    assert!(!is_alive(pid));
    server.restart().await.unwrap();
    let mut connection = patient_redis(server.addr()).await.unwrap();
    assert_eq!(
        connection.get::<_, Option<String>>("key").await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_redis_replica_follows_is_promoted_and_follows_the_other_way() {
    let Some(first) = RedisServer::start() else {
        return;
    };
    set(&first, "before").await;
    let Some(second) = RedisServer::start_replica_of(&first) else {
        return;
    };
    assert_eq!(get(&second).await.as_deref(), Some("before"));
    for round in 0..20 {
        let value = format!("after {round}");
        set(&first, &value).await;
        second.wait_until_synced(&first).await.unwrap();
        assert_eq!(get(&second).await, Some(value));
    }

    second.promote().await.unwrap();
    set(&second, "promoted").await;
    set(&first, "left behind").await;
    first.replicate(&second).await.unwrap();
    first.wait_until_synced(&second).await.unwrap();
    assert_eq!(get(&first).await.as_deref(), Some("promoted"));

    // What a replica wrote down of its primary is not taken up again.
    first.restart().await.unwrap();
    assert_eq!(get(&first).await, None);
}

#[tokio::test]
async fn redis_starts_again_from_a_dump_as_often_as_asked() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    set(&server, "old").await;
    let dump = server.dump().await.unwrap();
    set(&server, "new").await;
    for _ in 0..2 {
        server.restart_from(&dump).await.unwrap();
        assert_eq!(get(&server).await.as_deref(), Some("old"));
    }
    server.restart().await.unwrap();
    assert_eq!(get(&server).await, None);
}

#[tokio::test]
async fn a_primary_is_dumped_right_after_its_replica_got_in_sync() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    set(&server, "kept").await;
    for _ in 0..5 {
        let replica = RedisServer::start_replica_of(&server);
        let dump = server.dump().await.unwrap();
        drop(replica);
        server.restart_from(&dump).await.unwrap();
        assert_eq!(get(&server).await.as_deref(), Some("kept"));
    }
}

#[tokio::test]
async fn a_redis_that_is_gone_is_an_error_and_not_a_hang() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    server.kill();
    let refusal = server.promote().await.unwrap_err().to_string();
    assert_eq!(refusal, "could not promote a replica");
    assert!(server.dump().await.is_err());
    assert!(server.wait_until_synced(&server).await.is_err());
}

async fn set(server: &RedisServer, value: &str) {
    let mut connection = patient_redis(server.addr()).await.unwrap();
    let () = connection.set("key", value).await.unwrap();
}

async fn get(server: &RedisServer) -> Option<String> {
    let mut connection = patient_redis(server.addr()).await.unwrap();
    connection.get("key").await.unwrap()
}

#[tokio::test]
async fn redis_takes_more_arguments() {
    let server = match RedisServer::try_start(&["--maxmemory", "7mb"]) {
        Err(error @ ServiceError::NotInstalled { .. }) => {
            return drop(or_skip::<RedisServer>(Err(error)));
        }
        other => other.unwrap(),
    };
    let mut connection = patient_redis(server.addr()).await.unwrap();
    let answer: Vec<String> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("maxmemory")
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(answer, ["maxmemory", "7340032"]);
}

#[test]
fn dropping_a_server_ends_it_and_removes_its_folder() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let pid = server.pid();
    let folder = fs::read_link(format!("/proc/{pid}/cwd")).ok();
    drop(server);
    assert!(!is_alive(pid));
    assert!(folder.is_none_or(|folder| !folder.exists()));
}

#[test]
fn servers_end_when_their_test_process_is_killed() {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed", "--nocapture"])
        .env(CHILD, "1")
        .env_remove("REQUIRE_SERVICES")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let pids: Vec<u32> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.contains("all started"))
        .filter_map(|line| line.split("pid ").nth(1)?.parse().ok())
        .collect();
    assert!(pids.iter().all(|&pid| is_alive(pid)));
    child.kill().unwrap();
    child.wait().unwrap();
    for pid in pids {
        assert!(
            (0..1_000).any(|_| !is_alive(pid) || pause()),
            "process {pid} outlived its test"
        );
    }
}

/// The other half of the test above: it does nothing in an ordinary run.
#[test]
fn the_process_that_is_killed() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let redis = RedisServer::start();
    let postgres = or_skip(PostgresServer::start(PostgresOptions::default()));
    if let Some(server) = &redis {
        println!("\npid {}", server.pid());
    }
    if let Some(server) = &postgres {
        println!("\npid {}", server.pid());
    }
    println!("\nall started");
    thread::sleep(Duration::from_mins(1));
}

fn pause() -> bool {
    thread::sleep(Duration::from_millis(10));
    false
}

/// A process that ended and waits to be reaped by whoever adopted it counts as gone.
fn is_alive(pid: u32) -> bool {
    let output = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}
