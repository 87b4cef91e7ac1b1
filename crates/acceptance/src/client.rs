use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::RngExt as _;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::Result;
use crate::roster::Roster;

/// How often all clients repeated a request since somebody asked.
static REPEATED: AtomicUsize = AtomicUsize::new(0);

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
    /// How often a request is repeated at the most.
    const REPEATS: usize = 10;

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
        self.send(&Method::GET, path, None, None).await
    }

    /// The same without a repeat, for checks that count what is refused or asked.
    pub(crate) async fn get_once(&self, path: &str) -> Result<Answer> {
        self.send_once(&Method::GET, path, None, None).await
    }

    /// A POST that stores nothing.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(&Method::POST, path, Some(body), None).await
    }

    /// A POST that stores something, and once however often it is sent.
    pub(crate) async fn create(&self, path: &str, body: &Value) -> Result<Answer> {
        let key = format!("{:032x}", rand::rng().random::<u128>());
        self.send(&Method::POST, path, Some(body), Some(&key)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(&Method::PATCH, path, Some(body), None).await
    }

    /// A repeat may find that the first one was done: then nobody is there.
    pub(crate) async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(&Method::DELETE, path, None, None).await
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Answer> {
        let mut repeats = 0;
        loop {
            let answer = self.send_once(method, path, body, key).await?;
            if repeats == Self::REPEATS || !answer.is_passing() {
                return Ok(Answer { repeats, ..answer });
            }
            tokio::time::sleep(answer.retry_after()).await;
            repeats += 1;
            REPEATED.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn send_once(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Answer> {
        let content = if method == Method::PATCH {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method.clone(), url);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", content)
                .body(body.to_string());
        }
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
