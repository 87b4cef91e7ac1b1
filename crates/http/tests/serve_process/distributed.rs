use std::time::Duration;

use reqwest::StatusCode;
use roster_test_services::{
    PostgresOptions, PostgresServer, RedisServer, TestDatabase, or_skip, test_database,
};

use super::process::{PATIENCE, Server, run, stderr, stdout};

/// A database without any table.
async fn empty_database() -> Option<TestDatabase> {
    test_database("empty", async |_| Ok(())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_behind_is_refused_until_it_is_migrated() {
    let Some(database) = empty_database().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--database-url", database.url()];
    for command in [["serve"].as_slice(), &["seed", "--users", "1"]] {
        let output = run(folder.path(), &[command, &flags].concat());
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(
            stderr(&output).contains("run `roster migrate`"),
            "{command:?}: {}",
            stderr(&output)
        );
    }
    let output = run(folder.path(), &[["migrate"].as_slice(), &flags].concat());
    assert!(
        stdout(&output).contains("applied version 1\n"),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    assert!(
        !folder.path().join("roster-data").exists(),
        "this mode needs no data folder"
    );

    let server = Server::start(folder.path(), &flags);
    assert_eq!(server.json("/readyz").await["status"], "ready");
    assert_eq!(
        server
            .client()
            .get(server.url("/v1/users"))
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );
    let (status, said) = server.stop();
    assert!(status.success(), "{said:?}");
}

/// Asks until this is in the answer.
async fn until_says(url: &str, words: &str) {
    let text = async || reqwest::get(url).await.unwrap().text().await.unwrap();
    let asking = async {
        while !text().await.contains(words) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let said = tokio::time::timeout(PATIENCE, asking).await;
    said.unwrap_or_else(|_| panic!("{url} does not say {words}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_come_after_the_service() {
    let Some(database) = empty_database().await else {
        return;
    };
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let url = redis.url();
    let flags = ["--database-url", database.url(), "--redis-url", &url];
    run(folder.path(), &[["migrate"].as_slice(), &flags].concat());
    redis.kill();
    let server = Server::start(folder.path(), &flags);
    let ready = reqwest::get(server.url("/readyz")).await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    assert!(ready.text().await.unwrap().contains("degraded"));
    redis.restart().await.unwrap();
    let metrics = format!("http://{}/metrics", server.metrics.as_deref().unwrap());
    until_says(&metrics, "roster_redis_connected 1\n").await;
    // What was answered before holds for a moment.
    until_says(&server.url("/readyz"), "\"ready\"").await;
    let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
    assert!(
        text.contains("roster_database_connections{state=\"idle\"} "),
        "{text}"
    );
    assert!(
        !text.contains("roster_redis_events_total{event=\"connect_failed\"} 0\n"),
        "{text}"
    );
}

#[test]
fn a_database_that_is_not_there_ends_the_start_with_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://ada:hunter2@127.0.0.1:1/roster";
    let output = run(
        folder.path(),
        &["--database-url", url, "--database-start-wait", "0s"],
    );
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("postgres://ada:***@127.0.0.1:1/roster does not answer"),
        "{message}"
    );
    assert!(!message.contains("hunter2"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_comes_a_little_later_is_waited_for() {
    let Some(postgres) = or_skip(PostgresServer::start(PostgresOptions::default())) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let url = postgres.url("postgres");
    let flags = ["--database-url", &url, "--database-start-wait", "1m"];
    let migrated = run(folder.path(), &[["migrate"].as_slice(), &flags].concat());
    assert!(migrated.status.success(), "{}", stderr(&migrated));
    postgres.stop().await.unwrap();
    let starting = tokio::task::spawn_blocking({
        let (folder, url) = (folder.path().to_owned(), url.clone());
        move || {
            Server::start(
                &folder,
                &["--database-url", &url, "--database-start-wait", "1m"],
            )
        }
    });
    postgres.restart().await.unwrap();
    let server = starting.await.unwrap();
    assert_eq!(
        reqwest::get(server.url("/readyz")).await.unwrap().status(),
        StatusCode::OK
    );
}
