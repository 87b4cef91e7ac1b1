//! Whether answers are right: some are asked for beside the load and compared with the database.

use std::collections::HashMap;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

use crate::Result;
use crate::requests::Request;
use crate::stand::{Row, Stand};
use crate::system::System;

/// What an answer to a list's requests has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The user of the path, as stored.
    User,
    /// The same, while names change.
    ChangingUser,
    /// By its path, these rows in this order.
    Page(HashMap<String, Vec<Uuid>>),
    /// The dashboard of the path's user.
    Dashboard,
    /// One body for everything.
    Constant(String),
    /// 304 without a body.
    NotModified,
    /// 200 with a body of JSON.
    Ready,
}

/// What was compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sampled {
    pub(crate) answers: u64,
    /// What was wrong, in words.
    pub(crate) wrong: Vec<String>,
    /// CRC-32 over the bodies of the list's first requests, taken after the load.
    pub(crate) checksum: Option<u32>,
}

/// Asks for some of a list's requests.
pub(crate) struct Sampler {
    http: reqwest::Client,
    base: String,
    expected: Expected,
    requests: Vec<Request>,
    rows: HashMap<Uuid, Row>,
}

impl Sampler {
    /// So many different requests of a list are asked for.
    const REQUESTS: usize = 200;
    const PAUSE: Duration = Duration::from_millis(50);
    /// So many of them make up the checksum.
    const IN_CHECKSUM: usize = 32;

    pub(crate) async fn new(
        system: &System,
        stand: &Stand,
        requests: &[Request],
        expected: Expected,
    ) -> Result<Self> {
        let http = system.client()?;
        let reads: Vec<_> = requests
            .iter()
            .filter(|request| request.method == "GET")
            .collect();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let requests: Vec<_> = reads
            .sample(&mut random, Self::REQUESTS)
            .map(|request| (*request).clone())
            .collect();
        let ids: Vec<_> = requests.iter().filter_map(Request::user_id).collect();
        Ok(Self {
            http,
            base: system.url(""),
            expected,
            rows: stand.rows(&ids).await?,
            requests,
        })
    }

    /// Compares until it is told to stop, then takes the checksum.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) -> Sampled {
        let mut sampled = Sampled::default();
        let mut next = 0;
        while !*stop.borrow() && !self.requests.is_empty() {
            let request = &self.requests[next % self.requests.len()];
            next += 1;
            sampled.answers += 1;
            if let Err(error) = self.compare(request).await
                && sampled.wrong.len() < 20
            {
                sampled.wrong.push(format!("{}: {error}", request.path));
            }
            let _ = tokio::time::timeout(Self::PAUSE, stop.changed()).await;
        }
        sampled.checksum = self.checksum().await;
        sampled
    }

    async fn body(&self, request: &Request) -> Result<(u16, String)> {
        let mut builder = self.http.get(format!("{}{}", self.base, request.path));
        if let Some((name, value)) = request
            .header
            .as_deref()
            .and_then(|line| line.split_once(": "))
        {
            builder = builder.header(name, value);
        }
        let response = builder.send().await?;
        let status = response.status().as_u16();
        let declared = response.content_length();
        let body = response.text().await?;
        if declared.is_some_and(|length| length != body.len() as u64) {
            return Err("the body is not as long as it says".into());
        }
        Ok((status, body))
    }

    async fn compare(&self, request: &Request) -> Result<()> {
        let (status, body) = self.body(request).await?;
        if self.expected == Expected::NotModified {
            return same("status and length", &(status, body.len()), &(304, 0));
        }
        same("status", &status, &200)?;
        if let Expected::Constant(constant) = &self.expected {
            return same("body", &body, constant);
        }
        let body: Value = serde_json::from_str(&body)?;
        match &self.expected {
            Expected::Page(pages) => {
                let ids = pages.get(&request.path).ok_or("nobody knows the page")?;
                let items = body["items"].as_array().ok_or("no items")?;
                let found: Vec<_> = items
                    .iter()
                    .filter_map(|item| item["id"].as_str()?.parse().ok())
                    .collect::<Vec<Uuid>>();
                same("rows", &found, ids)
            }
            Expected::User | Expected::ChangingUser => {
                let (id, row) = self.row(request)?;
                same("id", &body["id"], &Value::from(id.to_string()))?;
                same("email", &body["email"], &Value::from(row.email.as_str()))?;
                if self.expected == Expected::User {
                    same("name", &body["name"], &Value::from(row.name.as_str()))?;
                }
                Ok(())
            }
            Expected::Dashboard => {
                let (id, row) = self.row(request)?;
                same("id", &body["user"]["id"], &Value::from(id.to_string()))?;
                let stats = &body["stats"]["data"];
                same(
                    "notifications",
                    &stats["notifications"],
                    &Value::from(row.notifications),
                )?;
                same(
                    "activities",
                    &stats["activities"],
                    &Value::from(row.activities),
                )
            }
            Expected::Ready | Expected::Constant(_) | Expected::NotModified => Ok(()),
        }
    }

    fn row(&self, request: &Request) -> Result<(Uuid, &Row)> {
        let id = request.user_id().ok_or("no id in the path")?;
        Ok((id, self.rows.get(&id).ok_or("not stored")?))
    }

    /// A dashboard names the moment, and names change under updates.
    async fn checksum(&self) -> Option<u32> {
        if matches!(
            self.expected,
            Expected::Dashboard | Expected::ChangingUser | Expected::Ready
        ) {
            return None;
        }
        let mut hasher = crc32fast::Hasher::new();
        for request in self.requests.iter().take(Self::IN_CHECKSUM) {
            hasher.update(self.body(request).await.ok()?.1.as_bytes());
        }
        Some(hasher.finalize())
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{what} is {found:?} instead of {wanted:?}").into())
}
