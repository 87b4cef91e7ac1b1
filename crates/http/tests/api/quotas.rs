//! How much one caller may ask for, as answers tell it.

use std::num::NonZeroU32;
use std::time::Duration;

use insta::assert_snapshot;
use roster_http::settings::Rate;
use serde_json::json;

use crate::support::{Api, NOBODY, Parts, get, post};

fn rate(requests: u32, seconds: u32) -> Option<Rate> {
    let requests = NonZeroU32::new(requests)?;
    Some(Rate { requests, seconds })
}

fn with_requests(requests: u32, seconds: u32) -> Api {
    let mut parts = Parts::new();
    parts.settings.quotas.requests = rate(requests, seconds);
    parts.build()
}

#[tokio::test]
async fn answers_say_what_is_left_until_nothing_is() {
    let api = with_requests(2, 60);
    let first = api.send(get("/v1/users")).await;
    assert_eq!(
        first.header("ratelimit-policy"),
        Some("\"requests\";q=2;w=60")
    );
    assert_eq!(first.header("ratelimit"), Some("\"requests\";r=1;t=30"));
    // Problems cost as much as answers, and say the same.
    let second = api.send(get("/v1/users?limit=0")).await;
    assert_eq!(second.problem(), "invalid-limit");
    assert_eq!(second.header("ratelimit"), Some("\"requests\";r=0;t=60"));
    let refused = api.send(get("/v1/users")).await;
    assert_eq!(
        (refused.status.as_u16(), &*refused.problem()),
        (429, "quota-exceeded")
    );
    assert_snapshot!("quota_exceeded", refused.shown());
    api.clock.advance(Duration::from_secs(29));
    assert_eq!(api.send(get("/v1/users")).await.status, 429);
    api.clock.advance(Duration::from_secs(1));
    assert_eq!(api.send(get("/v1/users")).await.status, 200);
    let metrics = api.metrics.render();
    assert!(
        metrics.contains("roster_http_quota_exceeded_total{quota=\"requests\"} 2"),
        "{metrics}"
    );
}

#[tokio::test]
async fn what_only_tells_of_the_service_has_no_quota() {
    let api = with_requests(1, 3_600);
    for path in [
        "/livez",
        "/readyz",
        "/version",
        "/openapi.json",
        "/problems",
        "/none",
    ] {
        for _ in 0..3 {
            let answer = api.send(get(path)).await;
            assert_ne!(answer.status, 429, "{path}");
            assert_eq!(answer.header("ratelimit"), None, "{path}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_news_costs_nothing() {
    let mut parts = Parts::new();
    parts.settings.quotas.requests = rate(5, 3_600);
    let api = parts.build();
    let id = api.create(1).await["id"].as_str().unwrap().to_owned();
    let uri = format!("/v1/users/{id}");
    let tag = api.send(get(&uri)).await.header("etag").unwrap().to_owned();
    for _ in 0..50 {
        let answer = api.send(get(&uri).header("if-none-match", &tag)).await;
        assert_eq!(answer.status, 304);
        assert_eq!(answer.header("ratelimit"), Some("\"requests\";r=3;t=1440"));
    }
    for _ in 0..3 {
        assert_eq!(api.send(get(&uri)).await.status, 200);
    }
    assert_eq!(api.send(get(&uri)).await.status, 429);
}

#[tokio::test]
async fn look_ups_and_reads_of_the_primary_have_their_own() {
    let mut parts = Parts::new();
    parts.settings.quotas.lookups = rate(2, 60);
    parts.settings.quotas.strong_reads = rate(2, 60);
    let api = parts.build();
    let look_up = || post("/v1/users/lookup", &json!({ "email": "a@example.com" }));
    let strong = format!("/v1/users/{NOBODY}?consistency=strong");
    for _ in 0..2 {
        assert_eq!(api.send(look_up()).await.problem(), "user-not-found");
        assert_eq!(api.send(get(&strong)).await.problem(), "user-not-found");
    }
    assert_eq!(api.send(look_up()).await.problem(), "quota-exceeded");
    assert_eq!(api.send(get(&strong)).await.problem(), "quota-exceeded");
    let cached = api.send(get(&format!("/v1/users/{NOBODY}"))).await;
    assert_eq!(cached.problem(), "user-not-found");
    assert_eq!(cached.header("ratelimit"), None);
}
