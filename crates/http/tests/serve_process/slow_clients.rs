//! Clients that keep the server waiting, on purpose or not.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::process::{PATIENCE, Server};

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(&server.address).await.unwrap()
}

/// Everything until the server closes the connection, which it must.
async fn rest(stream: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut octets)).await;
    // A reset is an end too.
    let _ = ended.expect("the connection stays open");
    String::from_utf8_lossy(&octets).into_owned()
}

/// Sends an octet of a head now and then, until the server has had enough.
async fn drip(mut stream: TcpStream) -> usize {
    stream
        .write_all(b"GET /v1/users HTTP/1.1\r\nhost: localhost\r\nx-slow: ")
        .await
        .unwrap();
    let mut sent = 0;
    let mut octet = [0];
    loop {
        tokio::select! {
            read = stream.read(&mut octet) => {
                assert!(!matches!(read, Ok(1)), "half a head is answered");
                return sent;
            }
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                if stream.write_all(b"a").await.is_err() {
                    return sent;
                }
                sent += 1;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_drip_in_are_cut_off_while_others_are_served() {
    const DRIPS: usize = 500;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(
        folder.path(),
        &["--auth", "off", "--http-header-timeout", "1s"],
    );
    let mut drips = JoinSet::new();
    for _ in 0..DRIPS {
        drips.spawn(drip(connect(&server).await));
    }
    let mut served = 0;
    // A connection for each request.
    let client = reqwest::Client::builder().pool_max_idle_per_host(0);
    let client = client.build().unwrap();
    while !drips.is_empty() {
        let answer = client.get(server.url("/v1/users")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        served += 1;
        while let Some(ended) = drips.try_join_next() {
            assert!(ended.unwrap() < 600, "a head may take a second, not thirty");
        }
    }
    assert!(served >= 3, "{served}");
}

#[tokio::test]
async fn a_connection_without_a_request_ends_and_one_with_requests_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(
        folder.path(),
        &["--auth", "off", "--http-idle-timeout", "2s"],
    );
    let idle = connect(&server).await;
    let mut used = connect(&server).await;
    let (mut answer, mut octet) = ([0; 4_096], [0]);
    // The one that is used goes on until the idle one has ended, and once more.
    loop {
        used.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        let length = used.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200 "));
        if let Ok(0) = idle.try_read(&mut octet) {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(rest(&mut used).await, "");
}

/// Method, path and media type of whatever reads a body before it does anything else. With a key
/// a restoration does so, too; an import is a stream, and nothing else has a body.
async fn reads_of_bodies(server: &Server) -> Vec<(String, String, String)> {
    let document = server.json("/openapi.json").await;
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let content = &operation["requestBody"]["content"];
            let media_type = content
                .as_object()
                .and_then(|content| content.keys().next());
            if path == "/v1/users/import" || media_type.is_none() && !path.ends_with("/restore") {
                continue;
            }
            let media_type = media_type.map_or("text/plain", String::as_str);
            let path = path.replace("{id}", ID).replace("{nid}", ID);
            found.push((method.to_uppercase(), path, media_type.to_owned()));
        }
    }
    found
}

const ID: &str = "0168c076-f1c4-78a7-8269-414281796f7d";

#[tokio::test]
async fn a_body_that_stands_still_is_answered_and_holds_no_place() {
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        "--auth",
        "off",
        "--http-stall-timeout",
        "300ms",
        "--http-max-in-flight",
        "1",
    ];
    let server = Server::start(folder.path(), &flags);
    let routes = reads_of_bodies(&server).await;
    assert_eq!(routes.len(), 9, "{routes:?}");
    let mut slow = Vec::new();
    for number in 0..4 {
        for (method, path, media_type) in &routes {
            let mut stream = connect(&server).await;
            let head = format!(
                "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media_type}\r\n\
                 idempotency-key: {number}-{path}\r\ncontent-length: 100\r\n\r\n{{\"email\":"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            slow.push((path, stream));
        }
    }
    // The only place is free while they are waited for.
    let answer = reqwest::get(server.url("/v1/users")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    for (path, mut stream) in slow {
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 504 "), "{path}: {answer}");
        let problem = "/problems/deadline-exceeded";
        assert!(answer.contains(problem), "{path}: {answer}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_ends_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(
        folder.path(),
        &["--auth", "off", "--http-stall-timeout", "300ms"],
    );
    let mut stream = connect(&server).await;
    // Requests go in until the answers fill everything on the way; nothing is read.
    let request = b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let sending = async { while stream.write_all(request).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, sending)
        .await
        .expect("the connection stays open");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_cost_little_and_nobody_waits_for_them() {
    const MOST: usize = 10_000;
    /// What one may cost the server, its buffers included.
    const KIB_EACH: u64 = 24;
    let room = roster_http::server::allow_open_files(MOST + 1_000);
    let count = MOST.min(room.saturating_sub(1_000));
    if count < MOST {
        eprintln!("only {count} connections: the limit of open files allows no more");
    }
    assert!(
        count >= 500,
        "the limit of open files is too low to see anything"
    );
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(
        folder.path(),
        &["--auth", "off", "--http-idle-timeout", "10m"],
    );
    let before = server.resident();
    let mut idle = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = connect(&server).await;
        if number % 2 == 0 {
            // Half of them have been used.
            stream
                .write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
                .await
                .unwrap();
            let mut answer = [0; 1_024];
            assert!(stream.read(&mut answer).await.unwrap() > 0);
        }
        idle.push(stream);
    }
    let answer = reqwest::get(server.url("/v1/users")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let grown = server.resident().saturating_sub(before);
    eprintln!("{count} idle connections: {before} KiB before, {grown} KiB more");
    assert!(grown < count as u64 * KIB_EACH, "{grown} KiB for {count}");
    drop(idle);
    let (status, said) = tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
    assert!(status.success(), "{said:?}");
}
