//! The embedded store on a disk that is full, and under a lock that somebody else holds.

use std::path::Path;
use std::process::Command;

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use super::process::{Server, roster};

/// What is asked here needs no token.
const OPEN: [&str; 2] = ["--auth", "off"];

async fn create(server: &Server, number: u32) -> reqwest::Response {
    let body = json!({ "email": format!("user{number}@example.com"), "name": "x".repeat(200) });
    let request = reqwest::Client::new().post(server.url("/v1/users"));
    request.json(&body).send().await.unwrap()
}

async fn problem(answer: reqwest::Response) -> String {
    let body: Value = answer.json().await.unwrap();
    body["type"].as_str().unwrap().to_owned()
}

async fn open(folder: &Path) -> SqliteConnection {
    let path = folder.join("roster-data/roster.db");
    let url = format!("sqlite://{}", path.display());
    SqliteConnection::connect(&url).await.unwrap()
}

async fn assert_intact(folder: &Path) {
    let mut connection = open(folder).await;
    let found: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(found, "ok");
}

/// The binary, in a shell that lets no file grow beyond so many blocks of 512 octets. A write
/// beyond it fails as one to a full disk does.
#[cfg(unix)]
fn with_little_room(folder: &Path, blocks: u32) -> Command {
    let inner = roster(folder);
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""
        ))
        .arg(inner.get_program())
        .current_dir(folder)
        .stdin(std::process::Stdio::null());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // The first start makes the tables with all the room that it wants.
    drop(Server::start(folder.path(), &OPEN).stop());
    let server = Server::start_as(with_little_room(folder.path(), 1_200), folder.path(), &OPEN);
    let mut stored = Vec::new();
    let refused = loop {
        let answer = create(&server, u32::try_from(stored.len()).unwrap()).await;
        if answer.status() != StatusCode::CREATED {
            break answer;
        }
        let user: Value = answer.json().await.unwrap();
        stored.push(user["id"].as_str().unwrap().to_owned());
        assert!(stored.len() < 20_000, "the disk never gets full");
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(problem(refused).await, "/problems/dependency-unavailable");
    assert!(!stored.is_empty());
    for id in &stored {
        let answer = reqwest::get(server.url(&format!("/v1/users/{id}")))
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{id}");
    }
    let (status, said) = tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
    assert!(status.success(), "{said:?}");
    assert_intact(folder.path()).await;

    // With room again, everything that was acknowledged is there and writes go on.
    let server = Server::start(folder.path(), &OPEN);
    for id in &stored {
        let answer = reqwest::get(server.url(&format!("/v1/users/{id}")))
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{id}");
    }
    let next = create(&server, 1_000_000).await;
    assert_eq!(next.status(), StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_somebody_else_locks_refuses_writes_until_they_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &OPEN);
    assert_eq!(create(&server, 1).await.status(), StatusCode::CREATED);
    let mut other = open(folder.path()).await;
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let refused = create(&server, 2).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(problem(refused).await, "/problems/dependency-unavailable");
    let read = reqwest::get(server.url("/v1/users")).await.unwrap();
    assert_eq!(read.status(), StatusCode::OK);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(create(&server, 3).await.status(), StatusCode::CREATED);
    let (status, said) = tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
    assert!(status.success(), "{said:?}");
    drop(other);
    assert_intact(folder.path()).await;
}
