//! Bodies in chunks and heads at their limits, as hardly any client sends them: what is answered,
//! and whether the connection goes on with the right octet, or ends.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::process::{PATIENCE, Server};

/// What comes behind each request: it is answered if the connection goes on.
const NEXT: &str = "GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// Whether the connection goes on.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    Next,
    End,
}

/// A server that answers anybody.
struct Framing {
    server: Server,
    _folder: tempfile::TempDir,
    created: AtomicU32,
}

impl Framing {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            server: Server::start(folder.path(), &["--auth", "off"]),
            _folder: folder,
            created: AtomicU32::new(0),
        }
    }

    /// A user that is not there yet, in two chunks; `{size}` of the second one can be anything.
    fn chunks(&self, extension: &str, trailers: &str) -> String {
        let n = self.created.fetch_add(1, Ordering::Relaxed);
        let (one, two) = (
            "{\"email\":",
            format!("\"user{n}@example.com\",\"name\":\"x\"}}"),
        );
        format!(
            "{:x}{extension}\r\n{one}\r\n00{:X}\r\n{two}\r\n0\r\n{trailers}\r\n",
            one.len(),
            two.len()
        )
    }

    /// Every status on a connection that carries these octets, and whatever follows them.
    async fn statuses(&self, request: &str) -> (u16, Then, String) {
        let asked = async {
            let mut stream = TcpStream::connect(&self.server.address).await.unwrap();
            let (mut reading, mut sending) = stream.split();
            // It may end before all of it is sent.
            let sent = async {
                let _ = sending.write_all(request.as_bytes()).await;
                let _ = sending.write_all(NEXT.as_bytes()).await;
            };
            let mut answer = Vec::new();
            let ((), _) = tokio::join!(sent, reading.read_to_end(&mut answer));
            String::from_utf8_lossy(&answer).into_owned()
        };
        let answer = tokio::time::timeout(PATIENCE, asked).await;
        let answer = answer.expect("the connection stays open");
        let mut statuses = answer
            .split("HTTP/1.1 ")
            .skip(1)
            .map(|answer| answer[..3].parse::<u16>().unwrap());
        let first = statuses.next().unwrap_or(0);
        let then = match statuses.next() {
            None => Then::End,
            Some(status) => {
                assert_eq!(status, 200, "the next request is another: {answer}");
                Then::Next
            }
        };
        (first, then, answer)
    }

    /// Sends each request, and holds what is answered against what is expected.
    async fn expect(self, cases: Vec<(&str, String, u16, Then)>) {
        let mut wrong = String::new();
        for (name, request, status, then) in cases {
            let found = self.statuses(&request).await;
            if (found.0, &found.1) != (status, &then) {
                writeln!(wrong, "{name}: {found:?}").unwrap();
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
        let (ended, said) = tokio::task::spawn_blocking(|| self.server.stop())
            .await
            .unwrap();
        assert!(ended.success());
        let panicked = said.iter().find(|line| line.contains("panicked"));
        assert_eq!(panicked, None);
    }
}

fn post(headers: &str, body: &str) -> String {
    format!(
        "POST /v1/users HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}\r\n{body}"
    )
}

fn chunked(body: &str) -> String {
    post("transfer-encoding: chunked\r\n", body)
}

#[tokio::test]
async fn a_body_in_chunks_is_read_to_its_end_or_refused() {
    let framing = Framing::start();
    let trailers =
        |count: usize| (0..count).fold(String::new(), |all, n| all + &format!("x-{n}: 1\r\n"));
    let of = |extension: &str, trailers: &str| chunked(&framing.chunks(extension, trailers));
    let cases = vec![
        ("plain", of("", ""), 201, Then::Next),
        (
            "an extension",
            of(";name=value;quoted=\"a b\"", ""),
            201,
            Then::Next,
        ),
        (
            "trailers",
            of("", "x-checksum: 1\r\ncontent-length: 9\r\n"),
            201,
            Then::Next,
        ),
        ("many trailers", of("", &trailers(100)), 201, Then::Next),
        (
            "an extension of 15 KiB",
            of(&format!(";{}", "a".repeat(15_000)), ""),
            201,
            Then::Next,
        ),
        (
            "an extension of 17 KiB",
            of(&format!(";{}", "a".repeat(17_000)), ""),
            400,
            Then::End,
        ),
        ("too many trailers", of("", &trailers(102)), 400, Then::End),
        (
            "a trailer of 70 KiB",
            of("", &format!("x: {}\r\n", "a".repeat(70_000))),
            400,
            Then::End,
        ),
        (
            "a trailer that is none",
            of("", "no colon\r\n"),
            400,
            Then::End,
        ),
        ("no size", chunked("\r\n\r\n"), 400, Then::End),
        (
            "a size that is no number",
            chunked("zz\r\n{}\r\n0\r\n\r\n"),
            400,
            Then::End,
        ),
        (
            "a negative size",
            chunked("-2\r\n{}\r\n0\r\n\r\n"),
            400,
            Then::End,
        ),
        (
            "a size beyond 64 bits",
            chunked("10000000000000002\r\n{}\r\n0\r\n\r\n"),
            400,
            Then::End,
        ),
        (
            "a size with a prefix",
            chunked("0x2\r\n{}\r\n0\r\n\r\n"),
            400,
            Then::End,
        ),
        (
            "a chunk that is longer than it says",
            chunked("1\r\n{}\r\n0\r\n\r\n"),
            400,
            Then::End,
        ),
        ("bare line feeds", chunked("2\n{}\n0\n\n"), 400, Then::End),
        (
            "more than a body may have",
            chunked(&format!("20000\r\n{}\r\n0\r\n\r\n", " ".repeat(0x20000))),
            413,
            Then::End,
        ),
    ];
    framing.expect(cases).await;
}

#[tokio::test]
async fn a_body_has_one_length_or_the_connection_ends() {
    let framing = Framing::start();
    let of = |headers: &str| post(headers, &framing.chunks("", ""));
    let cases = vec![
        // The chunks count, and whoever read the other length is not believed any more.
        (
            "chunks, and a length",
            of("transfer-encoding: chunked\r\ncontent-length: 5\r\n"),
            201,
            Then::End,
        ),
        (
            "a length, and chunks",
            of("content-length: 5\r\ntransfer-encoding: chunked\r\n"),
            201,
            Then::End,
        ),
        (
            "another coding",
            of("transfer-encoding: gzip\r\n"),
            400,
            Then::End,
        ),
        (
            "chunks that are not the last coding",
            of("transfer-encoding: chunked, gzip\r\n"),
            400,
            Then::End,
        ),
        (
            "chunks in disguise",
            of("transfer-encoding: xchunked\r\n"),
            400,
            Then::End,
        ),
        (
            "a name with a space",
            of("transfer-encoding : chunked\r\n"),
            400,
            Then::End,
        ),
        (
            "two lengths",
            post("content-length: 2\r\ncontent-length: 3\r\n", "{}"),
            400,
            Then::End,
        ),
        (
            "a list of lengths",
            post("content-length: 2, 3\r\n", "{}"),
            400,
            Then::End,
        ),
        (
            "a signed length",
            post("content-length: +2\r\n", "{}"),
            400,
            Then::End,
        ),
        (
            "a negative length",
            post("content-length: -2\r\n", "{}"),
            400,
            Then::End,
        ),
        (
            "a length beyond 64 bits",
            post("content-length: 18446744073709551618\r\n", "{}"),
            400,
            Then::End,
        ),
        (
            "chunks before there were any",
            of("transfer-encoding: chunked\r\n").replacen("HTTP/1.1", "HTTP/1.0", 1),
            400,
            Then::End,
        ),
    ];
    framing.expect(cases).await;
}

#[tokio::test]
async fn a_head_has_so_many_fields_of_such_a_length() {
    let framing = Framing::start();
    let get = |fields: usize, octets: usize| {
        let mut head = "GET /v1/users HTTP/1.1\r\nhost: localhost\r\n".to_owned();
        for n in 1..fields {
            write!(head, "x-{n}: {}\r\n", "a".repeat(octets)).unwrap();
        }
        head + "\r\n"
    };
    let cases = vec![
        ("100 fields", get(100, 1), 200, Then::Next),
        ("101 fields", get(101, 1), 431, Then::End),
        ("10,000 fields", get(10_000, 1), 431, Then::End),
        ("a field of 30 KiB", get(2, 30_000), 200, Then::Next),
        ("a field of 40 KiB", get(2, 40_000), 431, Then::Next),
        ("a field of 70 KiB", get(2, 70_000), 431, Then::End),
        ("a field of 1 MiB", get(2, 1 << 20), 431, Then::End),
        (
            "a field that goes on in the next line",
            get(2, 1).replacen("a\r\n", "a\r\n b\r\n", 1),
            400,
            Then::End,
        ),
        (
            "a field with NUL in it",
            get(2, 1).replacen('a', "\0", 1),
            400,
            Then::End,
        ),
        (
            "a name that is none",
            get(2, 1).replacen("x-1", "x(1)", 1),
            400,
            Then::End,
        ),
        (
            "no version",
            "GET /v1/users\r\n\r\n".to_owned(),
            400,
            Then::End,
        ),
    ];
    framing.expect(cases).await;
}
