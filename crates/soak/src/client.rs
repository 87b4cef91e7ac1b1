use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

use crate::Result;
use crate::access::TOKEN;

/// A client of one process on one connection that is kept. It is small, because it shares the
/// processors with what it measures.
pub struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
    limit: Duration,
}

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// Never a version below this one; 0 asks for none.
    pub min_version: u64,
    /// From the primary.
    pub strong: bool,
}

/// What an answer says about its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// No newer version was acknowledged longer ago.
    Proven(Duration),
    /// Nothing shows how old it is.
    Unproven,
    /// It says nothing.
    Missing,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// From `ETag`.
    pub version: Option<u64>,
    /// From `Staleness-Bound`.
    pub bound: Bound,
    /// `Cache-Status`, as it is.
    pub cache: String,
    /// Whether there is a `Retry-After`.
    pub retry_after: bool,
    /// From the name of the user.
    pub value: Option<u64>,
    /// The body, as it is.
    pub body: String,
}

impl Answer {
    /// Whether the cache in the process answered.
    pub fn is_l1_hit(&self) -> bool {
        self.cache.contains("roster-l1; hit")
    }

    /// Whether the shared cache answered.
    pub fn is_l2_hit(&self) -> bool {
        self.cache.contains("roster-l2; hit")
    }
}

impl Client {
    /// Connects when it is first used, and again after a connection failed.
    pub const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            limit: Duration::from_secs(10),
        }
    }

    /// Where it asks.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// One user.
    pub async fn read(&mut self, id: Uuid, query: Query) -> io::Result<Answer> {
        self.exchange(&read_request(id, query)).await
    }

    /// The same read so many times, all sent before the first answer.
    pub async fn read_many(
        &mut self,
        id: Uuid,
        query: Query,
        times: usize,
    ) -> io::Result<Vec<Answer>> {
        self.exchange_many(&read_request(id, query).repeat(times), times)
            .await
    }

    /// Gives the user a value, as its name.
    pub async fn write(&mut self, id: Uuid, value: u64) -> io::Result<Answer> {
        let body = format!("{{\"name\":\"value {value}\"}}");
        self.send("PATCH", &format!("/v1/users/{id}"), &body).await
    }

    /// A new user with value 0.
    pub async fn create(&mut self, number: usize) -> Result<Uuid> {
        let body = format!("{{\"email\":\"user{number}@example.com\",\"name\":\"value 0\"}}");
        let answer = self.send("POST", "/v1/users", &body).await?;
        let user: serde_json::Value = serde_json::from_str(&answer.body)?;
        match user["id"].as_str() {
            Some(id) => Ok(id.parse()?),
            None => Err(format!("no user was made: {}", answer.body).into()),
        }
    }

    /// Anything else.
    pub async fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.exchange(&format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
        ))
        .await
    }

    /// Anything with a body of JSON.
    pub async fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        self.exchange(&format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await
    }

    async fn exchange(&mut self, request: &str) -> io::Result<Answer> {
        let mut answers = self.exchange_many(request, 1).await?;
        answers
            .pop()
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    async fn exchange_many(&mut self, requests: &str, count: usize) -> io::Result<Vec<Answer>> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => timeout(self.limit, connect(self.address)).await??,
        };
        let answers = timeout(self.limit, async {
            stream.write_all(requests.as_bytes()).await?;
            let mut answers = Vec::with_capacity(count);
            for _ in 0..count {
                answers.push(read_answer(&mut stream).await?);
            }
            io::Result::Ok(answers)
        })
        .await??;
        // One that failed has gone, with whatever may still be on its way.
        self.stream = Some(stream);
        Ok(answers)
    }
}

async fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

fn read_request(id: Uuid, query: Query) -> String {
    let mut request = format!("GET /v1/users/{id}");
    let mut mark = '?';
    if query.min_version > 0 {
        let _ = write!(request, "{mark}min_version={}", query.min_version);
        mark = '&';
    }
    if query.strong {
        let _ = write!(request, "{mark}consistency=strong");
    }
    request.push_str(" HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ");
    request.push_str(TOKEN);
    request.push_str("\r\n\r\n");
    request
}

async fn read_answer(stream: &mut BufReader<TcpStream>) -> io::Result<Answer> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let Some(status) = status else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let mut answer = Answer {
        status,
        version: None,
        bound: Bound::Missing,
        cache: String::new(),
        retry_after: false,
        value: None,
        body: String::new(),
    };
    let mut length = 0;
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().map_err(io::Error::other)?;
        } else if name.eq_ignore_ascii_case("etag") {
            answer.version = value.trim_matches('"').trim_start_matches('v').parse().ok();
        } else if name.eq_ignore_ascii_case("staleness-bound") {
            answer.bound = read_bound(value);
        } else if name.eq_ignore_ascii_case("cache-status") {
            value.clone_into(&mut answer.cache);
        } else if name.eq_ignore_ascii_case("retry-after") {
            answer.retry_after = true;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    answer.body = String::from_utf8(body).map_err(io::Error::other)?;
    answer.value = value_in(&answer.body);
    Ok(answer)
}

fn read_bound(text: &str) -> Bound {
    match text.parse().map(Duration::try_from_secs_f64) {
        Ok(Ok(bound)) => Bound::Proven(bound),
        _ => Bound::Unproven,
    }
}

/// The number behind the word `value`.
pub(crate) fn value_in(text: &str) -> Option<u64> {
    let (_, behind) = text.split_once("value ")?;
    let end = behind.find(|c: char| !c.is_ascii_digit());
    behind.get(..end.unwrap_or(behind.len()))?.parse().ok()
}
