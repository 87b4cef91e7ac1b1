//! A cache between the service and its clients, which obeys HTTP (RFC 9111) and nothing else:
//! what one identity may read never reaches another.

use std::collections::HashMap;
use std::sync::Mutex;

use http::StatusCode;
use roster_app::Scope;
use serde_json::json;

use crate::document::{document, fresh_with, operations};
use crate::support::{Answer, Api, Call, Parts, call, get};
use crate::tokens::Mint;

/// A shared cache.
#[derive(Default)]
struct Proxy {
    kept: Mutex<HashMap<String, Kept>>,
    hits: Mutex<usize>,
}

#[derive(Clone)]
struct Kept {
    /// The request's fields that Vary names, and their values then.
    selecting: Vec<(String, Option<String>)>,
    answer: String,
    status: StatusCode,
}

/// One identity's request, as the proxy sees it.
struct Asked<'a> {
    path: &'a str,
    token: Option<&'a str>,
}

impl Asked<'_> {
    fn field(&self, name: &str) -> Option<String> {
        match name {
            "authorization" => Some(format!("Bearer {}", self.token?)),
            _ => None,
        }
    }

    fn call(&self) -> Call {
        match self.token {
            Some(token) => get(self.path).token(token),
            None => get(self.path),
        }
    }
}

fn directives(answer: &Answer) -> Vec<String> {
    let line = answer.header("cache-control").unwrap_or_default();
    line.split(',')
        .map(|directive| directive.trim().to_lowercase())
        .collect()
}

/// Whether a shared cache may keep it (RFC 9111, 3 and 3.5).
fn may_keep(asked: &Asked<'_>, answer: &Answer) -> bool {
    let directives = directives(answer);
    let has = |name: &str| {
        directives
            .iter()
            .any(|found| found == name || found.starts_with(&format!("{name}=")))
    };
    let for_everybody = has("public") || has("s-maxage") || has("must-revalidate");
    !has("private") && !has("no-store") && (asked.token.is_none() || for_everybody)
}

/// Whether it may be answered without asking again (RFC 9111, 4).
fn is_fresh(answer: &Answer) -> bool {
    let directives = directives(answer);
    let age = directives
        .iter()
        .find_map(|found| found.strip_prefix("max-age=")?.parse::<u32>().ok());
    // Without a lifetime a cache may guess one.
    !directives.iter().any(|found| found == "no-cache") && age != Some(0)
}

impl Proxy {
    async fn ask(&self, api: &Api, asked: &Asked<'_>) -> (StatusCode, String) {
        let kept = self.kept.lock().unwrap().get(asked.path).cloned();
        if let Some(kept) = kept
            && kept
                .selecting
                .iter()
                .all(|(name, value)| asked.field(name) == *value)
        {
            *self.hits.lock().unwrap() += 1;
            return (kept.status, kept.answer);
        }
        let answer = api.send(asked.call()).await;
        let vary = answer.header("vary").unwrap_or_default().to_lowercase();
        if may_keep(asked, &answer) && is_fresh(&answer) && vary != "*" {
            let names = vary.split(',').map(|name| name.trim().to_owned());
            let kept = Kept {
                selecting: names
                    .filter(|name| !name.is_empty())
                    .map(|name| (name.clone(), asked.field(&name)))
                    .collect(),
                answer: answer.text(),
                status: answer.status,
            };
            let mut all = self.kept.lock().unwrap();
            all.insert(asked.path.to_owned(), kept);
        }
        (answer.status, answer.text())
    }
}

#[tokio::test]
async fn nothing_crosses_from_one_identity_to_another() {
    let parts = Parts::new();
    let mint = Mint::of(&parts);
    let (api, ada) = fresh_with(mint.guard(parts)).await;
    let bob = api.create(2).await["id"].as_str().unwrap().to_owned();
    let (of_ada, of_bob) = (mint.token(&ada, &[]), mint.token(&bob, &[]));
    let admin = mint.token("batch", &Scope::ALL);
    let proxy = Proxy::default();
    let document = document();
    let mut asked = 0;
    for (path, method, _) in operations(&document) {
        if method != "GET" || !path.starts_with("/v1/") {
            continue;
        }
        let path = path.replace("{id}", &ada);
        for _ in 0..2 {
            // Who may read it comes first, so that there is something to cross.
            for token in [Some(&admin), Some(&of_ada), Some(&of_bob), None] {
                let question = Asked {
                    path: &path,
                    token: token.map(String::as_str),
                };
                let (status, body) = proxy.ask(&api, &question).await;
                let direct = api.send(question.call()).await;
                assert_eq!(status, direct.status, "{path}");
                let is_bobs = token == Some(&of_bob);
                if is_bobs || token.is_none() {
                    assert!(!body.contains("user1@example.com"), "{path}: {body}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked >= 100, "{asked}");
    let kept = proxy.kept.lock().unwrap();
    assert!(kept.is_empty(), "{:?}", kept.keys());
}

/// The proxy keeps what it may, or the test above would show nothing.
#[tokio::test]
async fn the_proxy_keeps_what_is_for_everybody() {
    let parts = Parts::new();
    let mint = Mint::of(&parts);
    let (api, _) = fresh_with(mint.guard(parts)).await;
    let proxy = Proxy::default();
    let question = Asked {
        path: "/v1/users",
        token: None,
    };
    for (directives, vary, is_kept) in [
        ("private, no-cache", "accept, authorization", false),
        ("no-store", "", false),
        ("max-age=60", "", true),
        ("", "", true),
    ] {
        let answer = Answer {
            status: StatusCode::OK,
            headers: [("cache-control", directives), ("vary", vary)]
                .into_iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect(),
            body: Vec::new(),
        };
        let keeps = may_keep(&question, &answer) && is_fresh(&answer);
        assert_eq!(keeps, is_kept, "{directives}");
    }
    // A public page of the service itself.
    let page = Asked {
        path: "/docs",
        token: None,
    };
    for _ in 0..3 {
        proxy.ask(&api, &page).await;
    }
    let of_service = *proxy.hits.lock().unwrap();
    let known = Kept {
        selecting: vec![("authorization".to_owned(), None)],
        answer: "kept".to_owned(),
        status: StatusCode::OK,
    };
    proxy
        .kept
        .lock()
        .unwrap()
        .insert("/v1/users".to_owned(), known);
    assert_eq!(proxy.ask(&api, &question).await.1, "kept");
    assert_eq!(*proxy.hits.lock().unwrap(), of_service + 1);
    let token = mint.token("batch", &Scope::ALL);
    let other = Asked {
        path: "/v1/users",
        token: Some(&token),
    };
    assert_ne!(proxy.ask(&api, &other).await.1, "kept", "Vary is obeyed");
}

#[tokio::test]
async fn every_answer_about_users_is_private_and_depends_on_the_token() {
    let parts = Parts::new();
    let mint = Mint::of(&parts);
    let (api, id) = fresh_with(mint.guard(parts)).await;
    let token = mint.token("batch", &Scope::ALL);
    let document = document();
    for (path, method, operation) in operations(&document) {
        if !path.starts_with("/v1/") {
            continue;
        }
        for token in [Some(&token), None] {
            let call = crate::document::sample(&document, path, &method, operation, &id, "");
            let answer = api
                .send(match token {
                    Some(token) => call.token(token),
                    None => call,
                })
                .await;
            let place = format!("{method} {path}: {}", answer.status);
            let cache = answer.header("cache-control").unwrap();
            assert!(
                cache.contains("private") || cache.contains("no-store"),
                "{place}: {cache}"
            );
            let vary = answer.header("vary").unwrap();
            assert!(vary.contains("authorization"), "{place}: {vary}");
        }
        let restore = call("POST", &format!("/v1/users/{id}/restore")).json(&json!({}));
        api.send(restore.token(&token)).await;
    }
}
