use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{NOBODY, Parts, api, call, get, patch, post};

fn zoe() -> serde_json::Value {
    json!({
        "email": "Zoë@Example.com",
        "name": "Zoë Müller",
        "locale": "de-ch",
        "avatar_url": "https://img.example/zoe.png",
        "metadata": { "team": "blue", "n": 1.0, "big": 123_456_789_012_345_678_901_234_567_890_u128.to_string() },
    })
}

#[tokio::test]
async fn a_user_is_created_read_changed_deleted_restored_and_purged() {
    let api = api();
    let created = api.send(post("/v1/users", &zoe())).await;
    assert_snapshot!("created", created.shown());
    let location = created.header("location").unwrap().to_owned();

    assert_snapshot!("read_first", api.send(get(&location)).await.shown());
    assert_snapshot!("read_again", api.send(get(&location)).await.shown());

    api.clock
        .advance(std::time::Duration::from_micros(1_500_001));
    let changes = json!({ "name": "Zoë Weiß", "locale": null, "metadata": { "team": null, "floor": 4 }, "is_active": false });
    assert_snapshot!(
        "patched",
        api.send(patch(&location, &changes)).await.shown()
    );
    let again = api.send(patch(&location, &changes)).await;
    assert_eq!(
        again.header("etag"),
        Some("\"v2\""),
        "a patch that changes nothing keeps the version"
    );

    assert_snapshot!("deleted", api.send(call("DELETE", &location)).await.shown());
    assert_snapshot!("read_deleted", api.send(get(&location)).await.shown());
    assert_snapshot!(
        "deleted_twice",
        api.send(call("DELETE", &location)).await.shown()
    );
    assert_snapshot!(
        "patched_deleted",
        api.send(patch(&location, &changes)).await.shown()
    );

    let restore = format!("{location}/restore");
    assert_snapshot!("restored", api.send(call("POST", &restore)).await.shown());
    assert_snapshot!(
        "restored_twice",
        api.send(call("POST", &restore)).await.shown()
    );

    let purge = format!("{location}?purge=true");
    assert_snapshot!("purged", api.send(call("DELETE", &purge)).await.shown());
    assert_eq!(
        api.send(call("DELETE", &purge)).await.problem(),
        "user-not-found"
    );
    assert_eq!(
        api.send(call("POST", &restore)).await.problem(),
        "user-not-found"
    );
}

#[tokio::test]
async fn a_shared_cache_is_told_of_in_the_answer() {
    let api = Parts::new().with_shared_cache().build();
    let path = format!("/v1/users/{}", api.create(1).await["id"].as_str().unwrap());
    let status = async |call| {
        let answer = api.send(call).await;
        (
            answer.header("cache-status").unwrap().to_owned(),
            answer.header("staleness-bound").unwrap().to_owned(),
        )
    };
    let (miss, bound) = status(get(&path)).await;
    assert_eq!(miss, "roster-l2; fwd=miss, roster-l1; fwd=miss");
    assert_eq!(bound, "0.000", "the database was asked at this very moment");
    let (shared, bound) = status(get(&path)).await;
    assert!(shared.starts_with("roster-l2; hit; ttl=3"), "{shared}");
    assert!(
        shared.ends_with(", roster-l1; fwd=miss; stored"),
        "{shared}"
    );
    assert_eq!(bound, "unproven", "nobody looks at the watermark here");
    let (near, bound) = status(get(&path)).await;
    assert_eq!(near, "roster-l1; hit; ttl=60");
    assert_eq!(bound, "unproven");
    api.clock.advance(Duration::from_mins(1));
    let (shared, bound) = status(get(&path)).await;
    assert!(shared.starts_with("roster-l2; hit; ttl=3"), "{shared}");
    assert!(
        shared.ends_with(", roster-l1; fwd=miss; stored"),
        "{shared}"
    );
    assert_eq!(bound, "unproven");
    for call in [
        get(&format!("{path}?consistency=strong")),
        get(&path).header("cache-control", "max-age=0, No-Cache"),
    ] {
        let (forced, _) = status(call).await;
        assert!(forced.starts_with("roster-l2; fwd=request"), "{forced}");
    }
    let absent = api.send(get(&format!("/v1/users/{NOBODY}"))).await;
    assert_eq!(absent.problem(), "user-not-found");
    assert_eq!(absent.header("cache-status"), None);
}

#[tokio::test]
async fn a_minimum_version_is_kept_or_refused() {
    let api = api();
    let path = format!("/v1/users/{}", api.create(1).await["id"].as_str().unwrap());
    assert_eq!(
        api.send(get(&format!("{path}?min_version=1"))).await.status,
        200
    );
    assert_snapshot!(
        "version_ahead",
        api.send(get(&format!("{path}?min_version=2")))
            .await
            .shown()
    );
    let most = u64::MAX;
    assert_eq!(
        api.send(get(&format!(
            "{path}?min_version={most}&consistency=strong"
        )))
        .await
        .problem(),
        "version-ahead"
    );
    for wrong in ["-1", "1.0", "18446744073709551616", "", "x"] {
        let answer = api.send(get(&format!("{path}?min_version={wrong}"))).await;
        assert_eq!(answer.problem(), "malformed-request", "{wrong}");
    }
}

#[tokio::test]
async fn an_address_and_an_id_are_taken_once() {
    let api = api();
    let first = api.create(1).await;
    let taken = post(
        "/v1/users",
        &json!({ "email": "USER1@EXAMPLE.COM", "name": "x" }),
    );
    assert_snapshot!("email_taken", api.send(taken).await.shown());
    let same_id = post(
        "/v1/users",
        &json!({ "email": "new@example.com", "name": "x", "id": first["id"] }),
    );
    assert_snapshot!("id_taken", api.send(same_id).await.shown());
    let other = api.create(2).await;
    let path = format!("/v1/users/{}", other["id"].as_str().unwrap());
    assert_eq!(
        api.send(patch(&path, &json!({ "email": "user1@example.com" })))
            .await
            .problem(),
        "email-taken"
    );
    let given = post(
        "/v1/users",
        &json!({ "email": "given@example.com", "name": "x", "id": NOBODY.to_uppercase() }),
    );
    assert_eq!(api.send(given).await.json()["id"], NOBODY);
}

#[tokio::test]
async fn every_refused_member_is_listed_at_once() {
    let api = api();
    let body = br#"{
        "email": "nobody", "name": 7, "locale": "english language", "avatar_url": "javascript:alert(1)",
        "metadata": { "a": "\u0000" }, "id": "x", "is_active": true, "a/b~c": 1, "name": "twice"
    }"#;
    let create = api
        .send(call("POST", "/v1/users").body("application/json", body.to_vec()))
        .await;
    assert_snapshot!("create_refused", create.shown());

    let path = format!("/v1/users/{}", api.create(1).await["id"].as_str().unwrap());
    let body = json!({ "name": null, "email": null, "is_active": "yes", "id": NOBODY, "version": 1, "metadata": [] });
    assert_snapshot!("patch_refused", api.send(patch(&path, &body)).await.shown());
    assert_eq!(api.send(get(&path)).await.json()["version"], 1);

    assert_snapshot!(
        "create_empty",
        api.send(post("/v1/users", &json!({}))).await.shown()
    );
}

#[tokio::test]
async fn what_is_no_object_of_text_is_refused_at_its_place() {
    let api = api();
    for (body, pointer, code) in [
        ("[]", "", "not_an_object"),
        ("null", "", "not_an_object"),
        ("\"text\"", "", "not_an_object"),
        (r#"{"\ud800":1}"#, "", "not_text"),
        (
            r#"{"email":"a@example.com","name":"\ud800"}"#,
            "/name",
            "not_text",
        ),
        (
            r#"{"email":"a@example.com","name":"\u0000"}"#,
            "/name",
            "control_character",
        ),
        (
            r#"{"email":"a@example.com","name":"x","metadata":{"a":1,"a":2}}"#,
            "/metadata",
            "duplicate_member",
        ),
        (
            r#"{"email":"a@example.com","name":"x","metadata":"{}"}"#,
            "/metadata",
            "not_an_object",
        ),
        (
            r#"{"email":"a@example.com","name":"x","n\u0061me":"y"}"#,
            "/name",
            "duplicate_member",
        ),
    ] {
        let answer = api
            .send(call("POST", "/v1/users").body("application/json", body))
            .await;
        assert_eq!(answer.problem(), "validation-failed", "{body}");
        let errors = answer.json()["errors"].clone();
        assert_eq!(
            (&errors[0]["pointer"], &errors[0]["code"]),
            (&json!(pointer), &json!(code)),
            "{body}"
        );
        assert_eq!(errors.as_array().unwrap().len(), 1, "{body}");
    }
    for body in ["", "{", "{}{}", "{\"a\":1,}", "nul", "\u{feff}{}"] {
        let answer = api
            .send(call("POST", "/v1/users").body("application/json", body))
            .await;
        assert_eq!(answer.problem(), "malformed-request", "{body}");
    }
    let broken = api
        .send(call("POST", "/v1/users").body("application/json", b"{\"name\":\"\xff\"}".to_vec()))
        .await;
    assert_eq!(broken.problem(), "malformed-request");
}

#[tokio::test]
async fn a_body_of_nothing_but_mistakes_has_a_short_answer() {
    let body: serde_json::Map<_, _> = (0..5_000).map(|n| (n.to_string(), json!(1))).collect();
    let answer = api().send(post("/v1/users", &body.into())).await;
    assert_eq!(answer.problem(), "validation-failed");
    assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn what_is_stored_comes_back_unchanged() {
    let api = api();
    for (number, name) in [
        "田中さん",
        "𝓣𝓱𝓮",
        "\"quoted\" \\ back",
        "ﷺ",
        "👩‍👩‍👧‍👧",
        "<script>",
        "a\u{202e}b",
        " x ",
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({
            "email": format!("n{number}@example.com"), "name": name, "metadata": { name: [name, { "deep": name }] }
        });
        let created = api.send(post("/v1/users", &body)).await;
        let read = api
            .send(get(created.header("location").unwrap()))
            .await
            .json();
        assert_eq!(read["name"], name);
        assert_eq!(read["metadata"], body["metadata"]);
        assert_eq!(read, created.json());
    }
    let numbers = r#"{"email":"num@example.com","name":"n","metadata":{"n":1.10,"e":1E400,"i":123456789012345678901234567890}}"#;
    let created = api
        .send(call("POST", "/v1/users").body("application/json", numbers))
        .await;
    assert!(
        created
            .text()
            .contains(r#"{"e":1E400,"i":123456789012345678901234567890,"n":1.10}"#),
        "{}",
        created.text()
    );
}

#[tokio::test]
async fn a_batch_answers_in_the_order_asked() {
    let api = api();
    let ids = api.create_many(3).await;
    let body = json!({ "ids": [ids[2], NOBODY, ids[0], ids[2]] });
    assert_snapshot!(
        "batch",
        api.send(post("/v1/users/batch-get", &body)).await.shown()
    );
    let nobody = api
        .send(post("/v1/users/batch-get", &json!({ "ids": [NOBODY] })))
        .await;
    assert_eq!(nobody.json(), json!({ "items": [], "missing": [NOBODY] }));

    let wrong = json!({ "ids": [ids[0], "x", 7, null] });
    assert_snapshot!(
        "batch_refused",
        api.send(post("/v1/users/batch-get", &wrong)).await.shown()
    );
    for (count, code) in [(0, Some("too_few")), (100, None), (101, Some("too_many"))] {
        let answer = api
            .send(post(
                "/v1/users/batch-get",
                &json!({ "ids": vec![NOBODY; count] }),
            ))
            .await;
        match code {
            Some(code) => assert_eq!(answer.json()["errors"][0]["code"], code, "{count}"),
            None => assert_eq!(answer.status, 200),
        }
    }
    for (body, code) in [
        (json!({}), "required"),
        (json!({ "ids": null }), "not_an_array"),
        (json!({ "ids": {} }), "not_an_array"),
    ] {
        assert_eq!(
            api.send(post("/v1/users/batch-get", &body)).await.json()["errors"][0]["code"],
            code,
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_address_is_looked_up_in_any_case() {
    let api = api();
    api.create(1).await;
    let found = api
        .send(post(
            "/v1/users/lookup",
            &json!({ "email": "User1@EXAMPLE.com" }),
        ))
        .await;
    assert_snapshot!("looked_up", found.shown());
    let nobody = api
        .send(post(
            "/v1/users/lookup",
            &json!({ "email": "nobody@example.com" }),
        ))
        .await;
    assert_snapshot!("looked_up_nobody", nobody.shown());
    api.send(call("DELETE", found.header("content-location").unwrap()))
        .await;
    let deleted = api
        .send(
            post("/v1/users/lookup", &json!({ "email": "user1@example.com" }))
                .header("x-request-id", "a"),
        )
        .await;
    let nobody = api
        .send(
            post(
                "/v1/users/lookup",
                &json!({ "email": "nobody@example.com" }),
            )
            .header("x-request-id", "a"),
        )
        .await;
    let without_quota = |answer: &crate::support::Answer| {
        let shown = answer.shown();
        let lines = shown.lines().filter(|line| !line.starts_with("ratelimit:"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        without_quota(&deleted),
        without_quota(&nobody),
        "nothing tells a deleted user from none"
    );
}
