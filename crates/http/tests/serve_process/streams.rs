//! Imports and exports over HTTP, against the real binary: their memory, and what is left when
//! the connection is cut.

use std::io::Write as _;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::process::{PATIENCE, Server};
use super::store::Store;

/// What is asked here needs no token.
const OPEN: [&str; 2] = ["--auth", "off"];

const NDJSON: &str = "application/x-ndjson";

/// How many users the stores of these tests hold; a recorded run sets a million.
fn users() -> u32 {
    let given = std::env::var("ROSTER_TEST_STREAM_USERS").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(60_000)
}

fn rows(numbers: std::ops::Range<u32>) -> Vec<u8> {
    let mut rows = Vec::new();
    for n in numbers {
        writeln!(
            rows,
            "{{\"email\":\"user{n}@example.com\",\"name\":\"Imported user {n}\",\"metadata\":{{\"team\":\"blue\"}}}}"
        )
        .unwrap();
    }
    rows
}

/// Sends rows, each request as long as may be, and answers the last line of each.
async fn import(server: &Server, count: u32) -> Vec<Value> {
    /// Below 32 MiB.
    const AT_ONCE: u32 = 250_000;
    let mut ends = Vec::new();
    for first in (0..count).step_by(AT_ONCE as usize) {
        let request = Client::new()
            .post(server.url("/v1/users/import"))
            .header("content-type", NDJSON)
            // The whole file goes out before the first line is read, as simple clients do.
            .body(rows(first..count.min(first + AT_ONCE)));
        let mut answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let mut last = Vec::new();
        while let Some(piece) = answer.chunk().await.unwrap() {
            last.extend_from_slice(&piece);
            let cut = last[..last.len() - 1]
                .iter()
                .rposition(|octet| *octet == b'\n');
            last.drain(..cut.map_or(0, |place| place + 1));
        }
        ends.push(serde_json::from_slice(&last).unwrap());
    }
    ends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_great_many_users_go_in_and_out_in_little_memory() {
    in_and_out(&Store::embedded()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_great_many_users_go_in_and_out_of_postgresql_in_little_memory() {
    if let Some(store) = Store::distributed().await {
        in_and_out(&store).await;
    }
}

async fn in_and_out(store: &Store) {
    let server = store.serve(&OPEN);
    let before = server.resident();
    let more = |now: u64| now.saturating_sub(before);
    let count = users();
    for end in import(&server, count).await {
        assert_eq!(end["summary"]["created"], end["summary"]["read"], "{end}");
        assert_eq!(end["problem"], Value::Null, "{end}");
    }
    let imported = more(server.resident());
    let mut lines = 0_u32;
    let mut octets = 0;
    // After each quarter of what is exported.
    let mut exporting = Vec::new();
    let request = Client::new().get(server.url("/v1/users/export"));
    let mut answer = request.send().await.unwrap();
    while let Some(piece) = answer.chunk().await.unwrap() {
        octets += piece.len();
        lines += u32::try_from(piece.split(|octet| *octet == b'\n').count() - 1).unwrap();
        if u64::from(lines) * 4 >= u64::from(count) * (exporting.len() as u64 + 1) {
            exporting.push(more(server.resident()));
        }
    }
    eprintln!(
        "{count} users, {octets} octets: {before} KiB before, {imported} KiB more after the import, \
         {exporting:?} KiB more in the export, {} KiB more at the most",
        more(server.most_resident())
    );
    assert_eq!(lines, count);
    // What waits for a client that does not read, what SQLite caches, and the batches under way.
    assert!(more(server.most_resident()) < 96 * 1024);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_import_leaves_whole_batches_and_goes_on() {
    cut_import(&Store::embedded()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_import_into_postgresql_leaves_whole_batches_and_goes_on() {
    if let Some(store) = Store::distributed().await {
        cut_import(&store).await;
    }
}

async fn cut_import(store: &Store) {
    let server = store.serve(&OPEN);
    let file = rows(0..6_000);
    for part in [3, 2] {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        let head = format!(
            "POST /v1/users/import HTTP/1.1\r\nhost: localhost\r\ncontent-type: {NDJSON}\r\n\
             content-length: {}\r\n\r\n",
            file.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&file[..file.len() / part]).await.unwrap();
        // Some of it has been stored, which the answer says; then the connection breaks.
        let mut seen = [0; 1_024];
        assert!(stream.read(&mut seen).await.unwrap() > 0);
        stream.set_zero_linger().unwrap();
    }
    let settled = async {
        let mut before = u32::MAX;
        loop {
            let now = stored(&server).await;
            if now == before {
                return now;
            }
            before = now;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let stored_now = tokio::time::timeout(PATIENCE, settled).await.unwrap();
    assert!(stored_now > 0 && stored_now < 6_000, "{stored_now}");
    assert_eq!(
        stored_now % 1_000,
        0,
        "a batch is stored whole or not at all"
    );
    let again = Client::new()
        .post(server.url("/v1/users/import"))
        .header("content-type", NDJSON)
        .body(file);
    let text = again.send().await.unwrap().text().await.unwrap();
    let end: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let count = |name: &str| end["summary"][name].as_u64().unwrap();
    // A batch that was under way when the connection broke may have ended since.
    assert!(count("skipped") >= u64::from(stored_now), "{end}");
    assert_eq!(count("skipped") % 1_000, 0, "{end}");
    assert_eq!(count("skipped") + count("created"), 6_000, "{end}");
    assert_eq!(end["committed_line"], 6_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_export_goes_on_behind_the_last_whole_line() {
    cut_export(&Store::embedded()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_export_from_postgresql_goes_on_behind_the_last_whole_line() {
    if let Some(store) = Store::distributed().await {
        cut_export(&store).await;
    }
}

async fn cut_export(store: &Store) {
    const USERS: u32 = 20_000;
    let server = store.serve(&OPEN);
    import(&server, USERS).await;
    let url = server.url("/v1/users/export");
    let mut answer = reqwest::get(&url).await.unwrap();
    let mut arrived = Vec::new();
    while arrived.len() < 1_000_000 {
        arrived.extend_from_slice(&answer.chunk().await.unwrap().unwrap());
    }
    // An answer that was not read to its end takes its connection with it.
    drop(answer);
    let whole = arrived.iter().rposition(|octet| *octet == b'\n').unwrap();
    let mut ids = ids(&arrived[..whole]);
    let last = ids.last().unwrap().clone();
    assert!(ids.len() < USERS as usize, "it was cut in the middle");
    let rest = reqwest::get(format!("{url}?after={last}")).await.unwrap();
    ids.extend(self::ids(&rest.bytes().await.unwrap()));
    assert!(
        ids.is_sorted_by(|one, two| one < two),
        "none is there twice"
    );
    assert_eq!(ids.len(), USERS as usize);
}

/// The ids of exported lines, in their order.
fn ids(lines: &[u8]) -> Vec<String> {
    let lines = lines
        .split(|octet| *octet == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let user: Value = serde_json::from_slice(line).unwrap();
            user["id"].as_str().unwrap().to_owned()
        })
        .collect()
}

async fn stored(server: &Server) -> u32 {
    let url = server.url("/v1/users?limit=1&count=exact");
    let list: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    u32::try_from(list["total"].as_u64().unwrap()).unwrap()
}
