//! Requests under an `Idempotency-Key`, and the setting that asks for `If-Match`.

use insta::assert_snapshot;
use roster_app::Scope;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Call, NOBODY, Parts, api, call, get, patch, post};
use crate::tokens::Mint;

fn zoe() -> Value {
    json!({ "email": "zoe@example.com", "name": "Zoë" })
}

fn keyed(call: Call, key: &str) -> Call {
    call.header("idempotency-key", key)
}

/// What a repeat must have of the first answer: all but what says which request it was.
fn same(first: &Answer, again: &Answer) {
    assert_eq!(again.status, first.status);
    assert_eq!(again.text(), first.text());
    for name in ["etag", "location", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

async fn users(api: &Api) -> u64 {
    let listed = api.send(get("/v1/users?count=exact&active=any")).await;
    listed.json()["total"].as_u64().unwrap()
}

#[tokio::test]
async fn a_repeated_creation_answers_the_first() {
    let api = api();
    let first = api.send(keyed(post("/v1/users", &zoe()), "k-1")).await;
    assert_eq!(first.status, 201, "{}", first.text());
    // Others change the user meanwhile: the answer is that of the creation.
    let path = first.header("location").unwrap().to_owned();
    api.send(patch(&path, &json!({ "name": "Zo" }))).await;
    let again = api.send(keyed(post("/v1/users", &zoe()), "k-1")).await;
    same(&first, &again);
    assert_snapshot!("replayed", again.shown());
    assert_eq!(users(&api).await, 1);
}

#[tokio::test]
async fn white_space_and_the_order_of_members_make_no_other_request() {
    let api = api();
    let send = async |body: &str| {
        let call = call("POST", "/v1/users").body("application/json", body);
        api.send(keyed(call, "k-1")).await
    };
    let first = send(r#"{"email":"zoe@example.com","name":"Zoë"}"#).await;
    let again = send("{ \"name\": \"Zo\\u00eb\",\n \"email\": \"zoe@example.com\" }").await;
    same(&first, &again);
}

#[tokio::test]
async fn a_key_of_another_request_is_refused() {
    let api = api();
    let created = api.send(keyed(post("/v1/users", &zoe()), "k-1")).await;
    let path = created.header("location").unwrap().to_owned();
    let other = json!({ "email": "ann@example.com", "name": "Ann" });
    let rename = json!({ "name": "Zo" });
    for call in [
        post("/v1/users", &other),
        patch(&path, &rename),
        call("POST", &format!("{path}/restore")),
    ] {
        let refused = api.send(keyed(call, "k-1")).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert_eq!(refused.problem(), "idempotency-key-reused");
    }
    // A condition is a part of the request.
    let renamed = api
        .send(keyed(patch(&path, &rename), "k-2").header("if-match", "\"v1\""))
        .await;
    assert_eq!(renamed.status, 200);
    let refused = api.send(keyed(patch(&path, &rename), "k-2")).await;
    assert_eq!(refused.problem(), "idempotency-key-reused");
    assert_eq!(users(&api).await, 1);
}

#[tokio::test]
async fn keys_of_two_callers_never_meet() {
    let parts = Parts::new();
    let mint = Mint::of(&parts);
    let api = mint.guard(parts).build();
    let (one, other) = (
        mint.token("one", &Scope::ALL),
        mint.token("other", &Scope::ALL),
    );
    let first = keyed(post("/v1/users", &zoe()), "k-1").token(&one);
    assert_eq!(api.send(first).await.status, 201);
    let ann = json!({ "email": "ann@example.com", "name": "Ann" });
    let second = keyed(post("/v1/users", &ann), "k-1").token(&other);
    let second = api.send(second).await;
    assert_eq!(second.status, 201, "{}", second.text());
    assert_eq!(second.header("idempotency-replayed"), None);
    // Whoever may not write any more does not see what was written.
    let reader = mint.token("one", &[Scope::UsersRead]);
    let again = keyed(post("/v1/users", &zoe()), "k-1").token(&reader);
    assert_eq!(api.send(again).await.problem(), "forbidden");
}

#[tokio::test]
async fn every_post_and_patch_that_writes_takes_a_key() {
    let api = api();
    let path = format!("/v1/users/{}", api.create(1).await["id"].as_str().unwrap());
    let told = json!({ "kind": "news", "title": "One" });
    let sent = api
        .send(post(&format!("{path}/notifications"), &told))
        .await;
    let notification = sent.header("location").unwrap().to_owned();
    let deleted = format!("/v1/users/{}", api.create(2).await["id"].as_str().unwrap());
    api.send(call("DELETE", &deleted)).await;
    let calls: [fn(&str, &str, &str) -> Call; 6] = [
        |path, _, _| patch(path, &json!({ "name": "Renamed", "metadata": { "a": 1 } })),
        |_, _, deleted| call("POST", &format!("{deleted}/restore")),
        |path, _, _| {
            let told = json!({ "kind": "news", "title": "Two" });
            post(&format!("{path}/notifications"), &told)
        },
        |_, notification, _| patch(notification, &json!({ "read": true })),
        |path, _, _| {
            let all = json!({ "all": true });
            post(&format!("{path}/notifications/mark-read"), &all)
        },
        |path, _, _| post(&format!("{path}/activity"), &json!([{ "kind": "sang" }])),
    ];
    for (number, make) in calls.iter().enumerate() {
        let key = format!("k-{number}");
        let send = || keyed(make(&path, &notification, &deleted), &key);
        let first = api.send(send()).await;
        assert!(first.status.is_success(), "{number}: {}", first.text());
        same(&first, &api.send(send()).await);
    }
    let counts = api.send(get(&format!("{path}/stats"))).await.json();
    assert_eq!(counts["notifications"], 2);
    assert_eq!(counts["activities"], 1);
    assert_eq!(api.send(get(&path)).await.json()["version"], 2);
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let api = api();
    api.create(1).await;
    let taken = json!({ "email": "user1@example.com", "name": "Zoë" });
    let unknown = format!("/v1/users/{NOBODY}");
    for (call, status) in [
        (post("/v1/users", &json!({ "email": "x" })), 422),
        (post("/v1/users", &taken), 409),
        (patch(&unknown, &json!({ "name": "Zo" })), 404),
    ] {
        let refused = api.send(keyed(call, "k-1")).await;
        assert_eq!(refused.status, status, "{}", refused.text());
    }
    let created = api.send(keyed(post("/v1/users", &zoe()), "k-1")).await;
    assert_eq!(created.status, 201, "{}", created.text());
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let api = api();
    let longest = "k".repeat(255);
    for key in ["", "two words", "schlüssel", &format!("{longest}k")] {
        let refused = api.send(keyed(post("/v1/users", &zoe()), key)).await;
        assert_eq!(refused.status, 400, "{key:?}");
        assert_eq!(refused.problem(), "malformed-request");
    }
    let twice = keyed(keyed(post("/v1/users", &zoe()), "a"), "a");
    assert_eq!(api.send(twice).await.problem(), "malformed-request");
    assert_eq!(users(&api).await, 0);
    let created = api.send(keyed(post("/v1/users", &zoe()), &longest)).await;
    assert_eq!(created.status, 201, "{}", created.text());
}

#[tokio::test]
async fn a_purge_frees_the_keys_that_speak_of_the_user() {
    let api = api();
    let first = api.send(keyed(post("/v1/users", &zoe()), "k-1")).await;
    let path = first.header("location").unwrap().to_owned();
    api.send(call("DELETE", &format!("{path}?purge=true")))
        .await;
    let second = api.send(keyed(post("/v1/users", &zoe()), "k-1")).await;
    assert_eq!(second.status, 201);
    assert_eq!(second.header("idempotency-replayed"), None);
    assert_ne!(second.header("location"), first.header("location"));
}

#[tokio::test]
async fn where_a_condition_is_required_a_change_without_one_is_refused() {
    let mut parts = Parts::new();
    parts.settings.require_if_match = true;
    let api = parts.build();
    let path = format!("/v1/users/{}", api.create(1).await["id"].as_str().unwrap());
    let rename = json!({ "name": "Zo" });
    let changes = || {
        [
            patch(&path, &rename),
            call("DELETE", &path),
            call("POST", &format!("{path}/restore")),
        ]
    };
    for change in changes() {
        let refused = api.send(change).await;
        assert_eq!(refused.status, 428, "{}", refused.text());
        assert_eq!(refused.problem(), "precondition-required");
    }
    assert_eq!(api.send(get(&path)).await.json()["version"], 1);
    for (change, tag) in changes().into_iter().zip(["\"v1\"", "*", "\"v3\""]) {
        let answer = api.send(change.header("if-match", tag)).await;
        assert_eq!(answer.status, 200, "{tag}: {}", answer.text());
    }
}
