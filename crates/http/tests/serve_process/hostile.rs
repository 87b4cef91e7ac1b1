//! Whatever strangers send, all at once and for long: everybody else is served, nothing is
//! answered with 500, and memory does not grow with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use roster_app::{Scope, Scopes};
use roster_domain::ports::Clock as _;
use roster_http::authentication::{Grant, LocalKey};
use roster_http::system::SystemClock;
use roster_test_services::PostgresServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::process::{PATIENCE, Server};
use super::store::Store;

/// How long it goes on; a recorded run sets 600.
fn lasting() -> Duration {
    let given = std::env::var("ROSTER_TEST_HOSTILE_SECONDS").ok();
    Duration::from_secs(given.and_then(|text| text.parse().ok()).unwrap_or(8))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_strangers_send_does_not_add_up_embedded() {
    endure(&Store::embedded()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_strangers_send_does_not_add_up_distributed() {
    if let Some(store) = Store::distributed_alone() {
        endure(&store).await;
    }
}

async fn endure(store: &Store) {
    /// Looks at memory: the first before anything was sent.
    const LOOKS: u32 = 12;
    /// What the second half may add. The first fills what is bounded: tokens, quotas, absences.
    const MOST_MORE: u64 = 8 * 1_024;
    // Small bounds are reached in a short run, too.
    let flags = [
        "--cache-memory",
        "4MiB",
        "--http-header-timeout",
        "1s",
        "--http-idle-timeout",
        "2s",
    ];
    let server = store.serve(&flags);
    let key = store.folder.path().join("roster-data/token-key.pem");
    let sent = Arc::new(Sent::new(&server, LocalKey::load(&key).unwrap()));
    let mut strangers = JoinSet::new();
    let clock = Arc::new(SystemClock::new());
    let end = clock.monotonic() + lasting();
    let mut held = vec![(0, Held::of(&server, store.postgres.as_ref()))];
    for number in 0..400 {
        let (sent, clock) = (Arc::clone(&sent), Arc::clone(&clock));
        strangers.spawn(async move {
            while clock.monotonic() < end {
                match number {
                    0..150 => sent.drip().await,
                    150..360 => sent.stay_silent().await,
                    _ => sent.something(number).await,
                }
            }
        });
    }
    let mut refused = 0;
    for look in 1..=LOOKS {
        let due = end.saturating_sub(lasting() / LOOKS * (LOOKS - look));
        tokio::time::sleep(due.saturating_sub(clock.monotonic())).await;
        let served = tokio::time::timeout(PATIENCE, sent.honest()).await;
        refused += served.expect("nobody else is served");
        held.push((sent.count(), Held::of(&server, store.postgres.as_ref())));
    }
    while let Some(ended) = strangers.join_next().await {
        ended.unwrap();
    }
    let statuses = sent.statuses.lock().unwrap().clone();
    let (half, last) = (&held[held.len() / 2], &held[held.len() - 1]);
    let requests = last.0 - half.0;
    let mut said = format!(
        "{} requests and connections, {statuses:?}; somebody else was served {LOOKS} times, and told to come back {refused} times\n",
        last.0
    );
    for (count, held) in &held {
        writeln!(said, "after {count}: {held:?} KiB").unwrap();
    }
    let more = last.1.service.saturating_sub(half.1.service);
    writeln!(
        said,
        "the second half added {more} KiB, {} octets a request",
        more * 1_024 / requests.max(1)
    )
    .unwrap();
    eprintln!("{said}");
    // 0 is a connection that was closed without an answer.
    let expected = [
        0, 400, 401, 403, 404, 405, 408, 413, 414, 415, 422, 429, 431, 503, 504,
    ];
    let unexpected: Vec<_> = statuses
        .keys()
        .filter(|status| !expected.contains(status))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}: {said}");
    assert!(requests > 100, "{said}");
    assert!(more < MOST_MORE, "{said}");
    let more = last.1.postgres.saturating_sub(half.1.postgres);
    assert!(more < MOST_MORE, "PostgreSQL: {said}");
}

/// What processes hold, in KiB.
#[derive(Debug)]
struct Held {
    service: u64,
    /// All of it together, apart from what its processes share.
    postgres: u64,
}

impl Held {
    fn of(server: &Server, postgres: Option<&PostgresServer>) -> Self {
        Self {
            service: server.resident(),
            postgres: postgres.map_or(0, |postgres| own_memory(postgres.pid())),
        }
    }
}

/// The memory of a process and its children that is theirs alone, in KiB.
fn own_memory(root: u32) -> u64 {
    let mut sum = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // It may end while it is looked at.
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let number = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        };
        if pid == root || number("PPid:") == Some(u64::from(root)) {
            sum += number("RssAnon:").unwrap_or_default();
        }
    }
    sum
}

/// What was sent and what came back.
struct Sent {
    address: String,
    key: LocalKey,
    honest: String,
    requests: AtomicU64,
    number: AtomicUsize,
    statuses: Mutex<BTreeMap<u16, u64>>,
}

impl Sent {
    fn new(server: &Server, key: LocalKey) -> Self {
        Self {
            address: server.address.clone(),
            honest: server.token("honest", "users:read"),
            key,
            requests: AtomicU64::new(0),
            number: AtomicUsize::new(0),
            statuses: Mutex::default(),
        }
    }

    fn count(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// A request of somebody who comes back when told to, until it is served: how often it was
    /// refused before.
    async fn honest(&self) -> u32 {
        let head = format!(
            "GET /v1/users HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n",
            self.honest
        );
        let mut refused = 0;
        loop {
            match self.answer(head.as_bytes()).await {
                200 => return refused,
                status => assert!([503, 504].contains(&status), "{status}"),
            }
            refused += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A head that never ends, an octet at a time.
    async fn drip(&self) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let _ = stream.write_all(b"GET /v1/users HTTP/1.1\r\nx: ").await;
        let mut octet = [0];
        loop {
            tokio::select! {
                _ = stream.read(&mut octet) => break,
                () = tokio::time::sleep(Duration::from_millis(50)) => {
                    if stream.write_all(b"a").await.is_err() {
                        break;
                    }
                }
            }
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection on which nothing is said.
    async fn stay_silent(&self) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let closed = tokio::time::timeout(PATIENCE, stream.read(&mut [0])).await;
        let _ = closed.expect("a silent connection stays open");
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// One of the requests that nobody should send.
    async fn something(&self, kind: usize) {
        let n = self.number.fetch_add(1, Ordering::Relaxed);
        let request = self.request(kind % 13, n);
        let status = self.answer(request.as_bytes()).await;
        *self.statuses.lock().unwrap().entry(status).or_default() += 1;
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn request(&self, kind: usize, n: usize) -> String {
        let id = format!("0190c2a8-7d3e-7c5b-9f1e-{n:012x}");
        let forged = format!("authorization: Bearer eyJhbGciOiJub25lIn0.e30.{n}");
        let token = || format!("authorization: Bearer {}", self.token(n));
        let get = |path: &str, header: &str| {
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{header}\r\n\r\n")
        };
        let post = |path: &str, header: &str, body: &str| {
            let length = body.len();
            format!(
                "POST {path} HTTP/1.1\r\nhost: localhost\r\n{header}\r\nidempotency-key: {n}\r\n\
                 content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            )
        };
        match kind {
            0 => get("/v1/users", &forged),
            1 => get("/v1/users", &format!("x: {}", "a".repeat(40_000))),
            2 => get("/v1/users", &format!("x: {}", "a".repeat(100_000))),
            3 => get(&format!("/v1/users?q={}", "a".repeat(9_000)), &forged),
            4 => get(&format!("/nowhere/{n}"), &forged),
            5 => get(&format!("/v1/users/{id}"), &token()),
            6 => get(&format!("/v1/users?cursor={n}"), &token()),
            7 => get(&format!("/v1/users?unknown{n}=1"), &token()),
            8 => post("/v1/users", &token(), &format!("{{\"email\":{n}}}")),
            9 => post("/v1/users", &token(), &"[".repeat(60_000)),
            10 => post("/v1/users", &token(), &"x".repeat(100_000)),
            11 => get("/v1/users", "").replacen("GET", &format!("METHOD{n}"), 1),
            _ => post(
                "/v1/users/lookup",
                &token(),
                &format!("{{\"email\":\"{n}@example.com\"}}"),
            ),
        }
    }

    /// A token that is accepted, of somebody who was never here before.
    fn token(&self, n: usize) -> String {
        let grant = Grant {
            subject: format!("stranger-{n}"),
            scopes: Scopes::from_iter([Scope::UsersRead, Scope::UsersWrite]),
            ttl: Duration::from_mins(10),
        };
        self.key.sign(&grant, SystemClock::new().now()).unwrap()
    }

    /// The status of the answer; 0 when the connection is closed instead.
    async fn answer(&self, request: &[u8]) -> u16 {
        let asked = async {
            let mut stream = TcpStream::connect(&self.address).await.unwrap();
            // It may be closed before all of it is sent.
            let _ = stream.write_all(request).await;
            let mut head = [0; 12];
            stream.read_exact(&mut head).await.ok()?;
            std::str::from_utf8(&head[9..]).ok()?.parse().ok()
        };
        let answered = tokio::time::timeout(PATIENCE, asked).await;
        answered.expect("a request hangs").unwrap_or(0)
    }
}
