//! What memory answers ahead of the router is what the router answers.

use std::num::NonZeroU32;

use roster_http::settings::Rate;

use crate::support::{Answer, Api, Call, NOBODY, Parts, get, patch};
use roster_app::Scope;
use serde_json::json;

use crate::tokens::Mint;

/// A query that says what holds without it: with one, a request goes to the router.
const AS_EVER: &str = "?consistency=cached";

fn shown(answer: &Answer) -> String {
    // Each request has an id of its own, and leaves one less of the quota.
    answer
        .shown()
        .lines()
        .filter(|line| !line.starts_with("x-request-id") && !line.starts_with("ratelimit: "))
        .filter(|line| !line.contains("request_id") && !line.contains("instance"))
        // The server adds it where it is missing.
        .filter(|line| !line.starts_with("content-length"))
        .collect::<Vec<_>>()
        .join("\n")
}

async fn same(api: &Api, what: &str, path: &str, dress: impl Fn(Call) -> Call) -> Answer {
    // A token is remembered from its first request on.
    api.send(dress(get(path))).await;
    let ahead = api.send(dress(get(path))).await;
    let behind = api.send(dress(get(&format!("{path}{AS_EVER}")))).await;
    assert_eq!(shown(&ahead), shown(&behind), "{what}");
    ahead
}

#[tokio::test]
async fn every_dress_of_a_plain_read_has_the_same_answer() {
    let mut parts = Parts::new();
    let requests = NonZeroU32::new(1_000).unwrap();
    parts.settings.quotas.requests = Some(Rate {
        requests,
        seconds: 60,
    });
    let mint = Mint::of(&parts);
    let api = mint.guard(parts).build();
    let path = format!("/v1/users/{}", api.create(1).await["id"].as_str().unwrap());
    let reader = mint.token("batch", &[Scope::UsersRead]);
    let feeder = mint.token("feeds", &[Scope::FeedsWrite]);
    let plain = |call: Call| call.token(&reader);
    // The first fills the memory, and has the token verified.
    for _ in 0..2 {
        assert_eq!(api.send(plain(get(&path))).await.status, 200);
        assert_eq!(
            api.send(plain(get(&format!("/v1/users/{NOBODY}"))))
                .await
                .status,
            404
        );
    }
    let hit = same(&api, "plain", &path, plain).await;
    assert!(
        hit.header("cache-status")
            .unwrap()
            .starts_with("roster-l1; hit")
    );
    assert!(hit.header("ratelimit").is_some());
    let nobody = same(&api, "nobody", &format!("/v1/users/{NOBODY}"), plain).await;
    assert_eq!(nobody.status, 404);
    assert_eq!(nobody.header("staleness-bound"), Some("0.000"));

    let tag = hit.header("etag").unwrap().to_owned();
    for (what, tags, status) in [
        ("the same tag", tag.clone(), 304),
        ("the same tag, weak", format!("W/{tag}"), 304),
        ("one of several", format!("\"other\", {tag}"), 304),
        ("any", "*".to_owned(), 304),
        ("another", "\"v9\"".to_owned(), 200),
        ("unreadable", "v1".to_owned(), 200),
    ] {
        let answer = same(&api, what, &path, |call| {
            plain(call).header("if-none-match", &tags)
        })
        .await;
        assert_eq!(answer.status, status, "{what}");
    }
    for (what, name, value, status) in [
        ("JSON", "accept", "application/json", 200),
        ("a page", "accept", "text/html", 406),
        ("its own name", "host", "localhost:8080", 200),
        ("another name", "host", "evil.example", 400),
        ("the primary", "cache-control", "no-cache", 200),
        ("long headers", "x-filler", &"x".repeat(40_000), 431),
    ] {
        let answer = same(&api, what, &path, |call| plain(call).header(name, value)).await;
        assert_eq!(answer.status, status, "{what}");
    }
    assert_eq!(same(&api, "no token", &path, |call| call).await.status, 401);
    assert_eq!(
        same(&api, "no right", &path, |call| call.token(&feeder))
            .await
            .status,
        403
    );
    let twice = |call: Call| plain(plain(call));
    assert_eq!(same(&api, "two tokens", &path, twice).await.status, 401);
}

#[tokio::test]
async fn a_change_is_in_the_next_answer() {
    let api = Parts::new().build();
    let path = format!("/v1/users/{}", api.create(1).await["id"].as_str().unwrap());
    for number in 0..20 {
        let name = format!("Name {number}");
        let changed = api.send(patch(&path, &json!({ "name": name }))).await;
        assert_eq!(changed.status, 200);
        for _ in 0..3 {
            let read = api.send(get(&path)).await;
            assert_eq!(read.json()["name"], name);
            assert_eq!(read.header("etag"), changed.header("etag"));
        }
    }
}

#[tokio::test]
async fn who_was_deactivated_reads_nothing_from_memory_either() {
    let parts = Parts::new();
    let mint = Mint::of(&parts);
    let api = mint.guard(parts).build();
    let operator = mint.token("operator", &[Scope::UsersAdmin]);
    let ids = api.create_many(2).await;
    let paths = ids.iter().map(|id| format!("/v1/users/{id}"));
    let paths: Vec<_> = paths.collect();
    let own = mint.token(&ids[0], &[Scope::UsersRead]);
    // All of it is in memory: the token, the caller, and both users.
    for path in paths.iter().chain(&paths) {
        assert_eq!(api.send(get(path).token(&own)).await.status, 200, "{path}");
    }
    let change = patch(&paths[0], &json!({ "is_active": false }));
    assert_eq!(api.send(change.token(&operator)).await.status, 200);
    // The operator's read puts the deactivated user into memory.
    assert_eq!(api.send(get(&paths[0]).token(&operator)).await.status, 200);
    for path in paths.iter().chain(&paths) {
        let refused = same(&api, path, path, |call| call.token(&own)).await;
        assert_eq!(refused.status, 401, "{path}");
    }
}

#[tokio::test]
async fn one_request_beyond_the_quota_is_refused_once() {
    let mut parts = Parts::new();
    let requests = NonZeroU32::new(3).unwrap();
    parts.settings.quotas.requests = Some(Rate {
        requests,
        seconds: 60,
    });
    let api = parts.build();
    let path = format!("/v1/users/{}", api.create(1).await["id"].as_str().unwrap());
    let tag = api
        .send(get(&path))
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    // What the client has already costs nothing.
    for _ in 0..5 {
        let answer = api.send(get(&path).header("if-none-match", &tag)).await;
        assert_eq!(answer.status, 304);
    }
    assert_eq!(api.send(get(&path)).await.status, 200);
    let refused = api.send(get(&path)).await;
    assert_eq!(
        (refused.status.as_u16(), &*refused.problem()),
        (429, "quota-exceeded")
    );
    let metrics = api.metrics.render();
    let counted = "roster_http_quota_exceeded_total{quota=\"requests\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}
