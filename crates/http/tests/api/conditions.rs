use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Api, Call, NOBODY, api, call, get, patch, post};

async fn user_at_version_3(api: &Api) -> String {
    let path = format!("/v1/users/{}", api.create(1).await["id"].as_str().unwrap());
    for name in ["two", "three"] {
        api.send(patch(&path, &json!({ "name": name }))).await;
    }
    path
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let api = api();
    let path = user_at_version_3(&api).await;
    for (line, status) in [
        ("\"v3\"", 304),
        ("W/\"v3\"", 304),
        ("\"v1\", W/\"v2\", \"v3\"", 304),
        ("*", 304),
        ("\"v2\"", 200),
        ("\"v33\"", 200),
        ("v3", 200),
        ("", 200),
    ] {
        let answer = api.send(get(&path).header("if-none-match", line)).await;
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.header("etag"), Some("\"v3\""), "{line}");
        assert_eq!(answer.body.is_empty(), status == 304, "{line}");
    }
    let two_lines = get(&path)
        .header("if-none-match", "\"v1\"")
        .header("if-none-match", "\"v3\"");
    let answer = api.send(two_lines).await;
    assert_snapshot!("not_modified", answer.shown());
    assert_eq!(
        answer.header("content-length"),
        None,
        "304 has the length of what it stands for, or none"
    );
    let head = api
        .send(call("HEAD", &path).header("if-none-match", "*"))
        .await;
    assert_eq!(head.status, 304);
}

#[tokio::test]
async fn a_write_is_done_only_at_a_version_that_it_names() {
    let api = api();
    let write = async |line: &str| {
        let path = user_at_version_3(&api).await;
        let answer = api
            .send(patch(&path, &json!({ "name": "four" })).header("if-match", line))
            .await;
        let version = api.send(get(&path)).await.json()["version"]
            .as_u64()
            .unwrap();
        assert_eq!(version, if answer.status == 200 { 4 } else { 3 }, "{line}");
        api.send(call("DELETE", &format!("{path}?purge=true")))
            .await;
        answer
    };
    for line in [
        "\"v3\"",
        "*",
        "\"v1\", \"v3\"",
        "\"v3\", \"v9\", W/\"v4\"",
        "\"other\",\"v3\"",
    ] {
        assert_eq!(write(line).await.status, 200, "{line}");
    }
    for line in [
        "\"v2\"",
        "\"v4\"",
        "W/\"v3\"",
        "\"v1\", \"v2\"",
        "\"3\"",
        "\"\"",
        "\"v0\"",
    ] {
        assert_eq!(write(line).await.problem(), "version-mismatch", "{line}");
    }
    for line in ["v3", "", "\"v3", "3", "\"v3\" \"v4\"", "*, \"v3\""] {
        assert_eq!(write(line).await.problem(), "malformed-request", "{line}");
    }
    assert_snapshot!("version_mismatch", write("\"v2\"").await.shown());
}

#[tokio::test]
async fn every_write_takes_a_condition() {
    let api = api();
    let path = user_at_version_3(&api).await;
    let (restore, purge) = (format!("{path}/restore"), format!("{path}?purge=true"));
    let with = |call: Call, tag: &str| call.header("if-match", tag);

    assert_eq!(
        api.send(with(call("DELETE", &path), "\"v2\""))
            .await
            .problem(),
        "version-mismatch"
    );
    let deleted = api.send(with(call("DELETE", &path), "\"v3\"")).await;
    assert_eq!(
        (deleted.status.as_u16(), deleted.header("etag")),
        (200, Some("\"v4\""))
    );
    assert_eq!(
        api.send(with(call("POST", &restore), "\"v3\""))
            .await
            .problem(),
        "version-mismatch"
    );
    let restored = api.send(with(call("POST", &restore), "\"v4\"")).await;
    assert_eq!(
        (restored.status.as_u16(), restored.header("etag")),
        (200, Some("\"v5\""))
    );
    assert_eq!(
        api.send(with(call("DELETE", &purge), "\"v4\""))
            .await
            .problem(),
        "version-mismatch"
    );
    assert_eq!(
        api.send(with(call("DELETE", &purge), "\"v1\", \"v5\""))
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn nobody_is_not_found_whatever_the_condition() {
    let api = api();
    let path = format!("/v1/users/{NOBODY}");
    for line in ["*", "\"v1\"", "W/\"v1\"", "\"other\""] {
        for call in [
            patch(&path, &json!({ "name": "x" })),
            patch(&path, &json!({ "email": "x@example.com" })),
            call("DELETE", &path),
            call("DELETE", &format!("{path}?purge=true")),
            call("POST", &format!("{path}/restore")),
        ] {
            assert_eq!(
                api.send(call.header("if-match", line)).await.problem(),
                "user-not-found",
                "{line}"
            );
        }
    }
}

#[tokio::test]
async fn lists_and_counters_have_weak_tags() {
    let api = api();
    let path = user_at_version_3(&api).await;
    for uri in [
        "/v1/users".to_owned(),
        format!("{path}/stats"),
        format!("{path}/dashboard"),
        "/openapi.json".to_owned(),
    ] {
        let tag = api.send(get(&uri)).await.header("etag").unwrap().to_owned();
        assert!(tag.starts_with("W/\""), "{uri}: {tag}");
        // The moment at which a dashboard was gathered is no change of it.
        api.clock.advance(std::time::Duration::from_secs(1));
        let held = api.send(get(&uri).header("if-none-match", &tag)).await;
        assert_eq!(
            (held.status.as_u16(), held.header("etag")),
            (304, Some(&*tag)),
            "{uri}"
        );
        let strong = api.send(get(&uri).header("if-none-match", &tag[2..])).await;
        assert_eq!(strong.status, 304, "{uri}: the comparison is the weak one");
        assert_eq!(
            api.send(get(&uri).header("if-none-match", "W/\"0\""))
                .await
                .status,
            200,
            "{uri}"
        );
    }
    let list = api
        .send(get("/v1/users"))
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    let dashboard_path = format!("{path}/dashboard");
    let dashboard = api
        .send(get(&dashboard_path))
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    api.send(post(
        "/v1/users",
        &json!({ "email": "new@example.com", "name": "x" }),
    ))
    .await;
    api.send(patch(&path, &json!({ "metadata": { "a": 1 } })))
        .await;
    assert_eq!(
        api.send(get("/v1/users").header("if-none-match", list))
            .await
            .status,
        200
    );
    assert_eq!(
        api.send(get(&dashboard_path).header("if-none-match", dashboard))
            .await
            .status,
        200
    );
}
