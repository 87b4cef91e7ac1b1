//! How much one caller may ask for, as answers tell it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use jsonwebtoken::Algorithm as Signing;
use roster_adapters_memory::{MemoryUserWrites, MemoryUsers};
use roster_domain::ports::Clock;
use roster_http::authentication::{Authentication, Issuers};
use roster_http::settings::Rate;
use serde_json::{Value, json};

use crate::forge::{ISSUER, Signer, Site};
use crate::support::{Api, NOBODY, Parts, get, patch, post};

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
async fn an_answer_without_news_that_a_store_was_asked_for_costs_what_one_with_news_does() {
    for below in ["", "/dashboard", "/stats", "/notifications", "/activity"] {
        let mut parts = Parts::new();
        parts.settings.quotas.requests = rate(4, 3_600);
        let api = parts.build();
        let id = api.create(1).await["id"].as_str().unwrap().to_owned();
        let uri = match below {
            "" => "/v1/users?limit=200&count=exact".to_owned(),
            below => format!("/v1/users/{id}{below}"),
        };
        for _ in 0..3 {
            let answer = api.send(get(&uri).header("if-none-match", "*")).await;
            assert_eq!(answer.status, 304, "{uri}");
        }
        let answer = api.send(get(&uri).header("if-none-match", "*")).await;
        assert_eq!(answer.status, 429, "{uri}");
    }
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

#[tokio::test]
async fn a_minimum_that_forces_a_read_of_the_primary_counts_as_one() {
    let mut parts = Parts::new().with_shared_cache();
    parts.settings.quotas.strong_reads = rate(4, 60);
    let api = parts.build();
    let user = format!("/v1/users/{}", api.create(1).await["id"].as_str().unwrap());
    let at = |uri: &str, least: u64| get(&format!("{uri}?min_version={least}"));
    let dashboard = format!("{user}/dashboard");
    // What the caches answer, or do not know yet, does not count.
    for uri in [&user, &dashboard] {
        for _ in 0..10 {
            let answer = api.send(at(uri, 1)).await;
            assert_eq!(answer.status, 200, "{uri}");
            assert_eq!(answer.header("ratelimit"), None, "{uri}");
        }
    }
    let absent = format!("/v1/users/{NOBODY}");
    let forced = [
        (at(&user, 99), "version-ahead"),
        (at(&dashboard, 99), "version-ahead"),
        (at(&absent, 99), "user-not-found"),
        (at(&format!("{absent}/dashboard"), 99), "user-not-found"),
    ];
    for ((call, problem), left) in forced.into_iter().zip([3, 2, 1, 0]) {
        let answer = api.send(call).await;
        assert_eq!(answer.problem(), problem);
        let told = answer.header("ratelimit").unwrap();
        let expected = format!("\"strong-reads\";r={left};");
        assert!(told.starts_with(&expected), "{told}");
    }
    // Whoever goes on is refused, whatever is asked for, before the primary is read again.
    for uri in [&user, &dashboard, &absent] {
        let refused = api.send(at(uri, 99)).await;
        assert_eq!(refused.problem(), "quota-exceeded", "{uri}");
        assert!(refused.header("retry-after").is_some(), "{uri}");
    }
    let strong = format!("{user}?consistency=strong");
    assert_eq!(api.send(get(&strong)).await.problem(), "quota-exceeded");
    // What needs no forced read is answered all the same.
    for uri in [&user, &dashboard] {
        assert_eq!(api.send(at(uri, 1)).await.status, 200, "{uri}");
    }
    let metrics = api.metrics.render();
    let line = "roster_http_quota_exceeded_total{quota=\"strong-reads\"} 4";
    assert!(metrics.contains(line), "{metrics}");
    api.clock.advance(Duration::from_secs(15));
    assert_eq!(api.send(at(&user, 99)).await.problem(), "version-ahead");
}

#[tokio::test]
async fn a_minimum_that_only_the_primary_satisfies_counts_when_it_does() {
    let mut parts = Parts::new().with_shared_cache();
    parts.settings.quotas.strong_reads = rate(3, 60);
    let store = parts.store.clone();
    let api = parts.build();
    let id = api.create(1).await["id"].as_str().unwrap().to_owned();
    let uri = format!("/v1/users/{id}");
    for _ in 0..2 {
        assert_eq!(api.send(get(&uri)).await.status, 200);
    }
    // Another process changes the user, and no cache has heard of it.
    let other = Parts {
        store: store.clone(),
        users: Arc::new(MemoryUsers::new(store.clone())),
        writes: Arc::new(MemoryUserWrites::new(store)),
        ..Parts::new()
    };
    let changed = other.build();
    let call = patch(&uri, &json!({ "name": "Changed elsewhere" }));
    assert_eq!(changed.send(call).await.status, 200);
    let forced = api.send(get(&format!("{uri}?min_version=2"))).await;
    assert_eq!(forced.header("etag"), Some("\"v2\""));
    assert_eq!(
        forced.header("ratelimit"),
        Some("\"strong-reads\";r=2;t=20")
    );
    // Now the caches have it.
    let cached = api.send(get(&format!("{uri}?min_version=2"))).await;
    assert_eq!(cached.header("etag"), Some("\"v2\""));
    assert_eq!(cached.header("ratelimit"), None);
}

#[tokio::test]
async fn the_primary_is_not_read_for_nothing_because_there_is_no_news() {
    let mut parts = Parts::new();
    parts.settings.quotas.requests = rate(100, 60);
    parts.settings.quotas.strong_reads = rate(2, 60);
    let api = parts.build();
    let id = api.create(1).await["id"].as_str().unwrap().to_owned();
    let strong = || {
        let uri = format!("/v1/users/{id}?consistency=strong");
        get(&uri).header("if-none-match", "*")
    };
    for _ in 0..2 {
        assert_eq!(api.send(strong()).await.status, 304);
    }
    assert_eq!(api.send(strong()).await.problem(), "quota-exceeded");
}

#[tokio::test]
async fn a_token_that_was_good_and_is_over_is_no_guess() {
    const RSA: Signer<'_> = Signer::Rsa(Signing::RS256);
    let mut parts = Parts::new();
    parts.settings.quotas.refused = rate(3, 3_600);
    let clock: Arc<dyn Clock> = Arc::clone(&parts.clock) as _;
    let site = Site::new();
    let now = clock.now().unix_micros() / 1_000_000;
    let issuers = Issuers::new(vec![site.issuer(Arc::clone(&clock))], clock);
    parts.authentication = Authentication::required(issuers);
    let api = parts.build();
    let header = json!({ "alg": "RS256", "kid": "rsa" }).to_string();
    let token = |audience: &str, not_before: i64, signer| {
        let over = now - 3_600;
        let claims: Value = json!({
            "iss": ISSUER, "aud": audience, "sub": NOBODY, "exp": over, "nbf": not_before,
        });
        get("/v1/me").token(&crate::forge::token(&header, &claims.to_string(), signer))
    };
    let expired = || token("roster", 0, RSA);
    // A client that has not noticed yet, as often as it likes.
    for _ in 0..50 {
        let answer = api.send(expired()).await;
        assert_eq!(answer.problem(), "unauthenticated");
        assert_eq!(answer.header("ratelimit"), None);
    }
    // What is over and was never good is counted as anything else is.
    for (call, left) in [
        (token("roster", 0, Signer::StrangersRsa), 2),
        (token("elsewhere", 0, RSA), 1),
        (token("roster", now + 3_600, RSA), 0),
    ] {
        let answer = api.send(call).await;
        assert_eq!(answer.problem(), "unauthenticated");
        let told = answer.header("ratelimit").unwrap();
        assert!(
            told.starts_with(&format!("\"refused\";r={left};")),
            "{told}"
        );
    }
    assert_eq!(api.send(get("/v1/me")).await.problem(), "quota-exceeded");
    // It is still told what it needs to hear.
    assert_eq!(api.send(expired()).await.problem(), "unauthenticated");
    let metrics = api.metrics.render();
    let line = "roster_tokens_refused_total{reason=\"expired\"} 51";
    assert!(metrics.contains(line), "{metrics}");
}
