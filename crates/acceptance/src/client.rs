use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::RngExt as _;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::Result;
use crate::roster::Roster;

/// How often all clients repeated a request since somebody asked.
static REPEATED: AtomicUsize = AtomicUsize::new(0);

/// How often a request is repeated at the most.
const REPEATS: usize = 10;

/// How often all requests of a check are, so that a service that refuses much fails it.
const REPEATS_IN_ALL: usize = 300;

/// A client of one running service that sends again what is answered with 503 or 504, as the
/// documents ask of it.
///
/// A patch needs no key for that: those of the checks set members to values, and twice is once.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
}

/// What the service answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// How often the request had been sent before.
    pub(crate) repeats: usize,
}

/// How often requests were repeated since the last call.
pub(crate) fn take_repeated() -> usize {
    REPEATED.swap(0, Ordering::Relaxed)
}

impl Client {
    /// A client that may do everything.
    pub(crate) fn new(roster: &Roster) -> Result<Self> {
        let mut token = HeaderValue::try_from(format!("Bearer {}", roster.token))?;
        token.set_sensitive(true);
        let http = reqwest::Client::builder()
            .no_proxy()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, token)]))
            .tcp_nodelay(true)
            .timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(1_024)
            .build()?;
        Ok(Self {
            http,
            base: roster.base.clone(),
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        send(self.request(Method::GET, path)).await
    }

    /// The same without a repeat, for checks that count what is refused or asked.
    pub(crate) async fn get_once(&self, path: &str) -> Result<Answer> {
        send_once(self.request(Method::GET, path)).await
    }

    /// A POST that stores nothing.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// A POST that stores something, and once however often it is sent.
    pub(crate) async fn create(&self, path: &str, body: &Value) -> Result<Answer> {
        let key = format!("{:032x}", rand::rng().random::<u128>());
        let request = self.request(Method::POST, path).json(body);
        send(request.header("idempotency-key", key)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        let request = self
            .request(Method::PATCH, path)
            .header(CONTENT_TYPE, "application/merge-patch+json");
        send(request.body(body.to_string())).await
    }

    /// A repeat may find that the first one was done: then nobody is there.
    pub(crate) async fn delete(&self, path: &str) -> Result<Answer> {
        send(self.request(Method::DELETE, path)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }
}

/// Sends a request until its answer is one that stays.
async fn send(request: RequestBuilder) -> Result<Answer> {
    let mut repeats = 0;
    loop {
        let same = request.try_clone().ok_or("a body that is gone once sent")?;
        let answer = send_once(same).await?;
        let is_last = repeats == REPEATS || REPEATED.load(Ordering::Relaxed) >= REPEATS_IN_ALL;
        if is_last || !answer.is_passing() {
            return Ok(Answer { repeats, ..answer });
        }
        tokio::time::sleep(answer.retry_after()).await;
        repeats += 1;
        REPEATED.fetch_add(1, Ordering::Relaxed);
    }
}

async fn send_once(request: RequestBuilder) -> Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await?;
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    };
    Ok(Answer {
        status,
        headers,
        body,
        repeats: 0,
    })
}

impl Answer {
    /// A header as text; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether it is one of the documented refusals, and not a failure of the server.
    pub(crate) fn is_problem(&self) -> bool {
        self.status.is_client_error()
            && self.header("content-type") == "application/problem+json"
            && self.body["type"]
                .as_str()
                .is_some_and(|name| name.starts_with("/problems/"))
    }

    /// Whether the same request may be answered otherwise a moment later.
    fn is_passing(&self) -> bool {
        [503, 504].contains(&self.status.as_u16())
            || self.body["type"] == "/problems/idempotency-in-progress"
    }

    /// How long to wait before the next one, by `Retry-After` and within reason.
    fn retry_after(&self) -> Duration {
        const LEAST: Duration = Duration::from_millis(100);
        const MOST: Duration = Duration::from_secs(1);
        let seconds = self.header("retry-after").parse::<u64>();
        let told = seconds.map_or(LEAST, Duration::from_secs);
        told.clamp(LEAST, MOST)
    }

    /// Whether a cache answered, by `Cache-Status`.
    pub(crate) fn is_hit(&self) -> bool {
        self.header("cache-status").contains("; hit")
    }
}
