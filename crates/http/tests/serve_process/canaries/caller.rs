//! Whoever sends the word, and keeps account of what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::process::{PATIENCE, Server};

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Succeeded,
    Refused,
    Failed,
}

impl Outcome {
    fn of(status: StatusCode) -> Self {
        if status.is_server_error() {
            Self::Failed
        } else if status.is_client_error() {
            Self::Refused
        } else {
            Self::Succeeded
        }
    }
}

/// One operation of the document.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    path: String,
    /// Whether it takes a body.
    pub(super) has_body: bool,
    /// Whether it takes a token.
    pub(super) is_closed: bool,
}

impl Operation {
    /// As `GET /v1/users`.
    pub(super) fn place(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// How much of a path stands in the document as it is, if the path is of this operation.
    fn fits(&self, path: &str) -> Option<usize> {
        let (own, given) = (self.path.split('/'), path.split('/'));
        if own.clone().count() != given.clone().count() {
            return None;
        }
        own.zip(given).try_fold(0, |literal, (own, given)| {
            let fits = own == given || own.starts_with('{');
            fits.then_some(literal + usize::from(own == given))
        })
    }
}

/// Everything that the document has.
fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, operation)| Operation {
            method: method.to_uppercase().parse().unwrap(),
            path: path.clone(),
            has_body: operation["requestBody"].is_object(),
            is_closed: operation["security"].is_array(),
        })
    });
    all.collect()
}

/// What is sent: its media type, and its text.
pub(super) type Sent = Option<(&'static str, String)>;

/// A body of JSON.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it is passed on where there may be none"
)]
pub(super) fn json(body: &Value) -> Sent {
    Some(("application/json", body.to_string()))
}

/// A user that is there for as long as the test, and a client that is this user.
pub(super) struct Known {
    pub(super) id: String,
    pub(super) notification: String,
    client: Client,
}

/// A service that may do everything.
pub(super) struct Caller<'a> {
    server: &'a Server,
    client: Client,
    pub(super) operations: Vec<Operation>,
    pub(super) known: Option<Known>,
    ended: Mutex<BTreeMap<Outcome, BTreeSet<String>>>,
}

impl<'a> Caller<'a> {
    pub(super) async fn of(server: &'a Server) -> Self {
        let document = reqwest::get(server.url("/openapi.json")).await.unwrap();
        Self {
            server,
            client: server.client(),
            operations: operations(&document.json().await.unwrap()),
            known: None,
            ended: Mutex::default(),
        }
    }

    /// From now on, what is asked below `/v1/me` is asked by this user.
    pub(super) fn know(&mut self, id: &str, notification: &str) {
        self.known = Some(Known {
            id: id.to_owned(),
            notification: notification.to_owned(),
            client: Server::client_with(&self.server.token(id, "")),
        });
    }

    pub(super) fn known(&self) -> &Known {
        self.known.as_ref().unwrap()
    }

    /// Where the server listens.
    pub(super) fn address(&self) -> &str {
        &self.server.address
    }

    /// A token that is good for everything.
    pub(super) fn token(&self) -> String {
        let everything = "users:read users:write users:admin feeds:write ops";
        self.server.token("test", everything)
    }

    /// The path of an operation on the known user.
    pub(super) fn path(&self, operation: &Operation) -> String {
        let known = self.known();
        let path = operation.path.replace("{id}", &known.id);
        let path = path.replace("{nid}", &known.notification);
        path.replace("{name}", "internal")
    }

    /// A request with the word in each header that anybody might write down. Its key is its path,
    /// with what stands behind `#`, which is not sent.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let own = self.known.as_ref().filter(|_| path.starts_with("/v1/me"));
        let client = own.map_or(&self.client, |known| &known.client);
        let mut request = client.request(method, self.server.url(path));
        for (name, value) in [
            ("idempotency-key", &*format!("canary-{path}")),
            ("user-agent", "canary/1.0"),
            ("referer", "http://canary.example/?canary"),
            ("cookie", "name=canary"),
            ("forwarded", "for=canary"),
            ("x-forwarded-for", "canary"),
            ("from", "canary@example.com"),
        ] {
            request = request.header(name, value);
        }
        request.timeout(PATIENCE)
    }

    /// Sends a request, and notes what became of the operation.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Sent) -> (StatusCode, String) {
        let mut request = self.request(method.clone(), path);
        if let Some((media_type, body)) = body {
            request = request.header("content-type", media_type).body(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        // A stream that breaks off has shown its status all the same.
        let body = answer.text().await.unwrap_or_default();
        // Refused for want of room: nothing of it was done, nor said.
        let has_no_room = body.contains("/problems/temporary-reduced-capacity");
        if status != StatusCode::SERVICE_UNAVAILABLE || !has_no_room {
            self.note(&method, path, status);
        }
        (status, body)
    }

    /// The same, with one status as its only right one. On a busy machine a store may be too late:
    /// the request is sent again then, as any caller would.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Sent,
        expected: StatusCode,
    ) -> Value {
        let (mut status, mut text) = self.ask(method.clone(), path, body.clone()).await;
        for _ in 0..10 {
            if !matches!(status.as_u16(), 503 | 504) {
                break;
            }
            (status, text) = self.ask(method.clone(), path, body.clone()).await;
        }
        assert_eq!(status, expected, "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn note(&self, method: &Method, path: &str, status: StatusCode) {
        let path = path.split(['?', '#']).next().unwrap();
        let fitting = self.operations.iter().filter(|one| one.method == *method);
        let best = fitting.filter_map(|one| Some((one.fits(path)?, one)));
        if let Some((_, operation)) = best.max_by_key(|(literal, _)| *literal) {
            let mut ended = self.ended.lock().unwrap();
            let ended = ended.entry(Outcome::of(status)).or_default();
            ended.insert(operation.place());
        }
    }

    /// Every operation ended so at least once, but for those that cannot.
    pub(super) fn assert_asked(&self, outcome: Outcome, spared: &[&str]) {
        let ended = self.ended.lock().unwrap();
        let ended = ended.get(&outcome).cloned().unwrap_or_default();
        let places = self.operations.iter().map(Operation::place);
        let missing: Vec<_> = places
            .filter(|place| !ended.contains(place) && !spared.contains(&&**place))
            .collect();
        assert!(missing.is_empty(), "none has {outcome:?} of {missing:?}");
    }
}
