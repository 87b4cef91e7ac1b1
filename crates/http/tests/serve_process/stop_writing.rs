//! A stop under writes: what was acknowledged is there, and what was not happens once under its
//! key, whether the stop waited for it or cut it off.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::process::{HELD_UP, PATIENCE, Server, now};

/// Half of them let the requests end that are under way, half cut them off.
const STOPS: usize = 20;
const CLIENTS: usize = 12;
/// Of those under keys, the newest of each client; fewer than are kept of one user.
const REPEATED: usize = 8;

#[derive(Clone, Debug)]
struct Write {
    path: String,
    body: String,
    key: Option<String>,
    /// What stands in the row, and in no other.
    mark: String,
    outcome: Outcome,
    /// Whether it was out so late that nothing follows from it when it was not answered.
    was_held_up: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// Acknowledged, with the id of what was made.
    Done { id: String, replayed: bool },
    /// 503 or 504, as on a machine that is busy with other tests: it may have happened.
    Refused,
    /// The connection ended before.
    Unanswered,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_writes_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut unanswered, mut settled, mut replayed) = (0, 0, 0, 0);
    let mut left_out = 0;
    let mut users = Vec::new();
    let mut before: Vec<Vec<Write>> = Vec::new();
    for stop in 0..STOPS {
        let cuts_off = stop % 2 == 1;
        let (grace, limit) = if cuts_off {
            ("0s", "20ms")
        } else {
            ("100ms", "10s")
        };
        let flags = ["--http-drain-grace", grace, "--http-drain-limit", limit];
        let server = Server::start(folder.path(), &flags);
        let address: SocketAddr = server.address.parse().unwrap();
        let token: Arc<str> = server.token("test", "users:write feeds:write").into();

        let stored = marks(folder.path()).await;
        for write in before.iter().flat_map(|writes| repeatable(writes)) {
            let happened = stored.contains_key(&write.mark);
            let (id, again) = insist(address, &token, write).await;
            assert!(again || !happened, "stop {stop}: {write:?} was done again");
            if let Outcome::Done { id: first, .. } = &write.outcome {
                assert_eq!(*first, id, "stop {stop}: {write:?}");
            }
            let unknown = write.outcome == Outcome::Unanswered;
            settled += usize::from(unknown);
            replayed += usize::from(again);
        }
        // Each once, whatever was answered, and however often it was sent.
        for (mark, ids) in marks(folder.path()).await {
            assert_eq!(ids.len(), 1, "stop {stop}: {mark} is there more than once");
        }

        while users.len() < CLIENTS {
            let mark = format!("reader-{}", users.len());
            let write = create(&mark, Some(mark.clone()));
            users.push(insist(address, &token, &write).await.0);
        }
        let load = Arc::new(Load::default());
        let clients: Vec<JoinHandle<Vec<Write>>> = (0..CLIENTS)
            .map(|number| {
                let name = format!("stop{stop}-client{number}");
                let client = Client {
                    address,
                    token: Arc::clone(&token),
                    kind: number % 3,
                    name,
                    user: users[number].clone(),
                };
                tokio::spawn(client.run(Arc::clone(&load)))
            })
            .collect();
        load.reached(|load| load.answered() >= 8 * CLIENTS).await;
        let mut other = open(folder.path()).await;
        if cuts_off {
            // All wait for the file.
            let lock = sqlx::query("BEGIN IMMEDIATE").execute(&mut other);
            lock.await.unwrap();
            load.reached(|load| load.under_way() == CLIENTS).await;
        }
        server.signal("TERM");
        let mut written = Vec::new();
        for client in clients {
            written.push(timeout(PATIENCE, client).await.unwrap().unwrap());
        }
        // With it goes the lock: what was cut off may still be written now.
        drop(other);
        let (status, said) = tokio::task::spawn_blocking(|| server.wait()).await.unwrap();
        assert!(status.success(), "stop {stop}: {said:?}");

        let stored = marks(folder.path()).await;
        for write in written.iter().flatten() {
            let ids = stored.get(&write.mark).map_or(&[][..], |ids| ids);
            match &write.outcome {
                Outcome::Done { id, .. } => {
                    assert_eq!(
                        ids,
                        std::slice::from_ref(id),
                        "stop {stop}: {write:?} is lost or doubled"
                    );
                    acknowledged += 1;
                }
                Outcome::Refused => assert!(ids.len() <= 1, "stop {stop}: {write:?}"),
                Outcome::Unanswered => {
                    let is_excused = cuts_off || write.was_held_up;
                    assert!(is_excused, "stop {stop}: {write:?} was dropped");
                    assert!(ids.len() <= 1, "stop {stop}: {write:?}");
                    unanswered += usize::from(cuts_off);
                    left_out += usize::from(!cuts_off);
                }
            }
        }
        before = written;
    }
    println!(
        "f12: {STOPS} stops, {acknowledged} writes acknowledged and none lost, {unanswered} cut \
         off; {settled} of those were sent again under their keys, and {replayed} writes in all \
         were answered again"
    );
    assert!(acknowledged >= STOPS * CLIENTS, "{acknowledged}");
    assert!(left_out * 20 <= acknowledged, "{left_out} were held up");
    assert!(unanswered > 0 && settled > 0, "{unanswered}, {settled}");
    assert!(replayed > STOPS, "{replayed}");
}

/// What has a key that is kept for certain.
fn repeatable(writes: &[Write]) -> impl Iterator<Item = &Write> {
    let keyed = writes.iter().filter(|write| write.key.is_some());
    keyed.rev().take(REPEATED)
}

#[derive(Default)]
struct Load {
    sent: AtomicUsize,
    answered: AtomicUsize,
}

impl Load {
    fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    fn under_way(&self) -> usize {
        let answered = self.answered();
        self.sent.load(Ordering::SeqCst) - answered
    }

    async fn reached(&self, state: impl Fn(&Self) -> bool) {
        let reached = async {
            while !state(self) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, reached)
            .await
            .expect("the load stands still");
    }
}

/// Who writes one thing after the other, on a connection each, until there is no connection.
struct Client {
    address: SocketAddr,
    token: Arc<str>,
    /// 0 makes users, 1 makes them under keys, 2 tells one user something under keys.
    kind: usize,
    name: String,
    user: String,
}

impl Client {
    async fn run(self, load: Arc<Load>) -> Vec<Write> {
        let mut written = Vec::new();
        for number in 0.. {
            let mark = format!("{}-{number}", self.name);
            let key = (self.kind > 0).then(|| format!("key-{mark}"));
            let mut write = if self.kind < 2 {
                create(&mark, key)
            } else {
                notify(&self.user, &mark, key)
            };
            let began = now();
            let Ok(mut stream) = TcpStream::connect(self.address).await else {
                break;
            };
            load.sent.fetch_add(1, Ordering::SeqCst);
            let sent = send(&mut stream, &self.token, &write).await;
            write.was_held_up = began.elapsed() > HELD_UP;
            let outcome = match sent {
                Ok(()) => answer(stream, &write).await,
                Err(error) => Err(error),
            };
            write.outcome = outcome.unwrap_or(Outcome::Unanswered);
            let is_last = write.outcome == Outcome::Unanswered;
            written.push(write);
            if is_last {
                break;
            }
            load.answered.fetch_add(1, Ordering::SeqCst);
        }
        written
    }
}

fn create(mark: &str, key: Option<String>) -> Write {
    Write {
        path: "/v1/users".into(),
        body: format!("{{\"email\":\"{mark}@example.com\",\"name\":\"{mark}\"}}"),
        key,
        mark: mark.to_owned(),
        outcome: Outcome::Unanswered,
        was_held_up: false,
    }
}

fn notify(user: &str, mark: &str, key: Option<String>) -> Write {
    Write {
        path: format!("/v1/users/{user}/notifications"),
        body: format!("{{\"kind\":\"news\",\"title\":\"{mark}\"}}"),
        key,
        mark: mark.to_owned(),
        outcome: Outcome::Unanswered,
        was_held_up: false,
    }
}

/// Sends a write under a key until it is done; what it made, and whether that was before.
async fn insist(address: SocketAddr, token: &str, write: &Write) -> (String, bool) {
    for _ in 0..20 {
        let stream = TcpStream::connect(address).await.unwrap();
        match exchange(stream, token, write).await.unwrap() {
            Outcome::Done { id, replayed } => return (id, replayed),
            Outcome::Refused => {}
            Outcome::Unanswered => panic!("{write:?} was dropped"),
        }
    }
    panic!("{write:?} is refused for good");
}

/// Sends a write and reads all of the answer; an error when there is none.
async fn exchange(mut stream: TcpStream, token: &str, write: &Write) -> io::Result<Outcome> {
    send(&mut stream, token, write).await?;
    answer(stream, write).await
}

async fn send(stream: &mut TcpStream, token: &str, write: &Write) -> io::Result<()> {
    let key = write.key.as_ref();
    let key = key.map_or(String::new(), |key| format!("idempotency-key: {key}\r\n"));
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n{key}\r\n{}",
        write.path,
        write.body.len(),
        write.body
    );
    stream.write_all(request.as_bytes()).await
}

async fn answer(mut stream: TcpStream, write: &Write) -> io::Result<Outcome> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8(answer).map_err(io::Error::other)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    if ["HTTP/1.1 503 ", "HTTP/1.1 504 "]
        .iter()
        .any(|late| head.starts_with(late))
    {
        return Ok(Outcome::Refused);
    }
    assert!(head.starts_with("HTTP/1.1 201 "), "{write:?}: {answer}");
    let body: Value = serde_json::from_str(body)?;
    let id = body["id"].as_str().or(body["notification"]["id"].as_str());
    Ok(Outcome::Done {
        id: id.unwrap().to_owned(),
        replayed: head.to_lowercase().contains("idempotency-replayed: true"),
    })
}

async fn open(folder: &Path) -> SqliteConnection {
    let path = folder.join("roster-data/roster.db");
    // The server writes all the time: its lock is free for short moments only.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(PATIENCE);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// The ids of all rows of each mark.
async fn marks(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let mut sql = open(folder).await;
    let rows: Vec<(String, sqlx::types::Uuid)> =
        sqlx::query_as("SELECT name, id FROM users UNION ALL SELECT title, id FROM notifications")
            .fetch_all(&mut sql)
            .await
            .unwrap();
    let mut marks: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (mark, id) in rows {
        marks.entry(mark).or_default().push(id.to_string());
    }
    marks
}
