//! Imports and exports of clients that hardly send, or that do not read: what they hold, and for
//! how long.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::process::{PATIENCE, Server};

/// One stream at a time, and nobody is waited for.
const ONE_STREAM: [&str; 6] = [
    "--auth",
    "off",
    "--http-stall-timeout",
    "500ms",
    "--http-max-streams",
    "1",
];

/// The same for clients that are slow and never still: they may be held up for as long, too.
const SLOW_STREAM: [&str; 6] = [
    "--auth",
    "off",
    "--http-stall-timeout",
    "3s",
    "--http-max-streams",
    "1",
];

/// What such a client sends comes in so many pieces, with a pause after each: more than three
/// times as long as it may stand still.
const PIECES: usize = 60;
const PAUSE: Duration = Duration::from_millis(170);

fn rows(numbers: std::ops::Range<u32>) -> String {
    let row = |n| format!("{{\"email\":\"user{n}@example.com\",\"name\":\"User {n}\"}}\n");
    numbers.map(row).collect()
}

/// A connection with little room for what the server sends.
async fn connect(server: &Server) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1_024).unwrap();
    let address = server.address.parse().unwrap();
    socket.connect(address).await.unwrap()
}

/// A connection on which an import of so many octets has begun.
async fn importing(server: &Server, query: &str, length: usize) -> TcpStream {
    let mut stream = connect(server).await;
    let head = format!(
        "POST /v1/users/import{query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/x-ndjson\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Everything until the server closes the connection, which it must.
async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut octets = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut octets)).await;
    // A reset is an end too.
    let _ = ended.expect("the connection stays open");
    String::from_utf8_lossy(&octets).into_owned()
}

/// What is answered to an octet now and then.
async fn drip(mut stream: TcpStream) -> String {
    let (mut reading, mut sending) = stream.split();
    let dripping = async {
        while sending.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::future::pending().await
    };
    tokio::select! {
        answer = rest(&mut reading) => answer,
        never = dripping => never,
    }
}

/// The last line of an import, out of its chunks.
fn last_line(answer: &str) -> Value {
    let mut lines = answer
        .lines()
        .filter(|line| line.starts_with("{\"summary\""));
    let line = lines
        .next_back()
        .unwrap_or_else(|| panic!("no end: {answer}"));
    serde_json::from_str(line).unwrap()
}

/// Waits until the only place of a stream is free: how often it was not.
async fn until_free(server: &Server) -> u32 {
    let freed = async {
        let mut refused = 0;
        loop {
            let end = "ffffffff-ffff-7fff-bfff-ffffffffffff";
            let url = server.url(&format!("/v1/users/export?after={end}"));
            let answer = reqwest::get(url).await.unwrap();
            if answer.status() == StatusCode::OK {
                return refused;
            }
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            refused += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let freed = tokio::time::timeout(PATIENCE, freed).await;
    freed.expect("the place is never given back")
}

#[tokio::test]
async fn an_import_that_drips_in_ends_and_says_how_far_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &ONE_STREAM);
    // Nothing was stored: an answer as to any other body that does not come.
    let nothing = importing(&server, "", 1_000_000).await;
    let answer = drip(nothing).await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert!(answer.contains("Less than 1024 octets"), "{answer}");
    until_free(&server).await;
    // A batch was: the answer has begun, and says where it ended.
    let mut some = importing(&server, "", 1_000_000).await;
    some.write_all(rows(0..1_010).as_bytes()).await.unwrap();
    let answer = drip(some).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let end = last_line(&answer);
    assert_eq!(end["committed_line"], 1_000, "{end}");
    assert_eq!(end["summary"]["created"], 1_000, "{end}");
    assert_eq!(end["problem"]["type"], "/problems/deadline-exceeded");
    until_free(&server).await;
}

#[tokio::test]
async fn an_import_that_is_slow_comes_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &SLOW_STREAM);
    // Less than a batch, so that nothing is answered before the end.
    let body = rows(0..900);
    let mut stream = importing(&server, "", body.len()).await;
    for piece in body.as_bytes().chunks(body.len() / PIECES) {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(PAUSE).await;
    }
    let end = last_line(&rest(&mut stream).await);
    assert_eq!(end["summary"]["created"], 900, "{end}");
    assert_eq!(end["problem"], Value::Null, "{end}");
}

/// Many clients send a whole file before they read, over lines where that takes minutes.
#[tokio::test]
async fn an_import_that_is_sent_before_its_answer_is_read_is_not_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &SLOW_STREAM);
    // Each is answered with several times its length, far beyond what fits on the way.
    let body = "{}\n".repeat(36_000);
    let mut stream = importing(&server, "?dry_run=true", body.len()).await;
    for piece in body.as_bytes().chunks(body.len() / PIECES) {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(PAUSE).await;
    }
    let end = last_line(&rest(&mut stream).await);
    assert_eq!(end["summary"]["rejected"], 36_000, "{end}");
    assert_eq!(end["problem"], Value::Null, "{end}");
}

/// What such clients leave behind, in KiB, once the first of them has filled what stays.
const MOST_MORE: u64 = 16 * 1_024;

#[tokio::test]
async fn imports_whose_answers_nobody_reads_add_up_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &ONE_STREAM);
    let before = server.resident();
    let body = "{}\n".repeat(100_000);
    let mut grown = Vec::new();
    for _ in 0..4 {
        let mut stream = importing(&server, "?dry_run=true", 30_000_000).await;
        // It is not read on once too much waits for its client, and given up then.
        let sending = async { while stream.write_all(body.as_bytes()).await.is_ok() {} };
        let sent = tokio::time::timeout(PATIENCE, sending).await;
        sent.expect("the connection stays open");
        until_free(&server).await;
        grown.push(server.resident().saturating_sub(before));
    }
    let most = server.most_resident().saturating_sub(before);
    eprintln!("{before} KiB before, {grown:?} KiB more after each, {most} KiB at the most");
    assert!(most < 96 * 1_024, "{most}");
    assert!(grown[3] < grown[0] + MOST_MORE, "{grown:?}");
}

/// Stores so many users.
async fn fill(server: &Server, count: u32) {
    let import = reqwest::Client::new()
        .post(server.url("/v1/users/import"))
        .header("content-type", "application/x-ndjson")
        .body(rows(0..count));
    let answer = import.send().await.unwrap().text().await.unwrap();
    assert_eq!(last_line(&answer)["summary"]["created"], count);
    until_free(server).await;
}

#[tokio::test]
async fn an_export_that_is_read_slowly_comes_to_its_end() {
    /// Some 8 MB: more than the kernel takes by itself.
    const USERS: u32 = 40_000;
    const PART: usize = 48 * 1_024;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &SLOW_STREAM);
    fill(&server, USERS).await;
    // On this side it has room for next to nothing.
    let mut stream = connect(&server).await;
    let head = b"GET /v1/users/export HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(head).await.unwrap();
    // By itself the kernel has room for millions of octets, and says so again when a third of them
    // has gone: at this pace later than a client is given up. Somebody who reads all the time is
    // not, for all that. What is left after a while may come at once.
    let (mut all, mut part) = (Vec::new(), vec![0; PART]);
    for number in 0.. {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut part)).await;
        let read = read.expect("nothing comes").expect("the export broke off");
        if read == 0 {
            break;
        }
        all.extend_from_slice(&part[..read]);
        if number < PIECES {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    let all = String::from_utf8(all).unwrap();
    assert!(all.ends_with("\r\n0\r\n\r\n"), "it broke off");
    assert_eq!(all.matches("\"email\"").count(), USERS as usize);
}

#[tokio::test]
async fn exports_that_nobody_reads_add_up_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &ONE_STREAM);
    fill(&server, 20_000).await;
    let before = server.resident();
    let (mut grown, mut held) = (Vec::new(), 0);
    for _ in 0..4 {
        let mut stream = connect(&server).await;
        let head = b"GET /v1/users/export HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(head).await.unwrap();
        stream.read_exact(&mut [0; 16]).await.unwrap();
        held += until_free(&server).await;
        grown.push(server.resident().saturating_sub(before));
    }
    eprintln!("{before} KiB before, {grown:?} KiB more after each");
    assert!(held > 0, "the exports ended by themselves");
    assert!(grown[3] < grown[0] + MOST_MORE, "{grown:?}");
}
