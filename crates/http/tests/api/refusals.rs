use http::Method;
use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Api, Call, NOBODY, Parts, api, call, get, post};

/// Every path with the methods that it has.
const ROUTES: &[(&str, &[&str])] = &[
    ("/v1/users", &["GET", "HEAD", "POST"]),
    ("/v1/users/{id}", &["GET", "HEAD", "PATCH", "DELETE"]),
    ("/v1/users/{id}/restore", &["POST"]),
    ("/v1/users/{id}/stats", &["GET", "HEAD"]),
    ("/v1/users/{id}/dashboard", &["GET", "HEAD"]),
    ("/v1/users/batch-get", &["POST"]),
    ("/v1/users/lookup", &["POST"]),
    ("/v1/admin/cache", &["GET", "HEAD"]),
    ("/v1/admin/cache/users/{id}", &["GET", "HEAD", "DELETE"]),
    ("/v1/admin/cache/epoch", &["POST"]),
    ("/livez", &["GET", "HEAD"]),
    ("/readyz", &["GET", "HEAD"]),
    ("/version", &["GET", "HEAD"]),
    ("/openapi.json", &["GET", "HEAD"]),
    ("/docs", &["GET", "HEAD"]),
    ("/docs/index.html", &["GET", "HEAD"]),
    ("/problems", &["GET", "HEAD"]),
    ("/problems/internal", &["GET", "HEAD"]),
];

fn sample(path: &str, method: &str, query: &str) -> Call {
    let call = call(method, &format!("{}{query}", path.replace("{id}", NOBODY)));
    match (path, method) {
        ("/v1/users", "POST") => call.json(&json!({ "email": "a@example.com", "name": "x" })),
        ("/v1/users/{id}", "PATCH") => call.json(&json!({ "name": "x" })),
        ("/v1/users/batch-get", _) => call.json(&json!({ "ids": [NOBODY] })),
        ("/v1/users/lookup", _) => call.json(&json!({ "email": "a@example.com" })),
        _ => call,
    }
}

fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROUTES
        .iter()
        .flat_map(|(path, methods)| methods.iter().map(|method| (*path, *method)))
}

#[tokio::test]
async fn a_parameter_is_known_and_there_once() {
    let api = api();
    for (path, method) in operations().filter(|(_, method)| *method != "HEAD") {
        for query in [
            "?colour=red",
            "?colour",
            "?w=ab",
            "?Limit=1",
            "?a=1&a=1",
            "?%6Cimit%20=1",
            "?=",
        ] {
            let answer = api.send(sample(path, method, query)).await;
            assert_eq!(
                answer.problem(),
                "malformed-request",
                "{method} {path}{query}: {}",
                answer.text()
            );
        }
    }
    let unknown = api.send(get("/v1/users?colour=%22red%22&limit=1")).await;
    assert_snapshot!("unknown_parameter", unknown.shown());
    assert_snapshot!(
        "repeated_parameter",
        api.send(get("/v1/users?limit=1&limit=1")).await.shown()
    );
    for (path, query) in [
        ("/v1/users/{id}", "?consistency=cached&consistency=strong"),
        ("/v1/users/{id}", "?min_version=1&min_version=1"),
        ("/v1/users/{id}", "?consistency=eventual"),
        ("/v1/users/{id}", "?consistency"),
        ("/v1/users/batch-get", "?consistency=x"),
        ("/v1/users/batch-get", "?min_version=1"),
    ] {
        let method = if path.ends_with("batch-get") {
            "POST"
        } else {
            "GET"
        };
        assert_eq!(
            api.send(sample(path, method, query)).await.problem(),
            "malformed-request",
            "{path}{query}"
        );
    }
    let wrong_purge = api
        .send(sample("/v1/users/{id}", "DELETE", "?purge=yes"))
        .await;
    assert_eq!(wrong_purge.problem(), "malformed-request");
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_answered_with_those_it_has() {
    let api = api();
    let methods = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get",
    ];
    for (path, allowed) in ROUTES {
        for method in methods.iter().filter(|method| !allowed.contains(method)) {
            let answer = api.send(sample(path, method, "")).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            let mut listed: Vec<_> = answer.header("allow").unwrap().split(',').collect();
            listed.sort_unstable();
            let mut expected = allowed.to_vec();
            expected.sort_unstable();
            assert_eq!(listed, expected, "{method} {path}");
            if *method != "HEAD" {
                assert_eq!(answer.problem(), "method-not-allowed", "{method} {path}");
            }
        }
    }
    assert_snapshot!(
        "method_not_allowed",
        api.send(call("PUT", "/v1/users")).await.shown()
    );
}

#[tokio::test]
async fn head_answers_what_get_does_without_its_body() {
    let api = api();
    let id = api.create(1).await["id"].as_str().unwrap().to_owned();
    for (path, _) in ROUTES
        .iter()
        .filter(|(_, methods)| methods.contains(&"GET"))
    {
        for id in [&*id, NOBODY] {
            let uri = path.replace("{id}", id);
            // Twice, so that both find the same in the caches.
            api.send(get(&uri)).await;
            let (get, head) = (
                api.send(get(&uri)).await,
                api.send(call("HEAD", &uri)).await,
            );
            assert_eq!(head.status, get.status, "{uri}");
            assert_eq!(head.body, b"", "{uri}");
            for (name, value) in &get.headers {
                if !matches!(name.as_str(), "x-request-id") {
                    assert_eq!(head.headers.get(name), Some(value), "{uri}: {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_path_is_there_as_it_is_written_or_not_at_all() {
    let api = api();
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/users/",
        "/V1/users",
        "/v1/Users",
        "/v1//users",
        "//v1/users",
        "/v2/users",
        "/v1/users/a/b",
        "/livez/",
        "/readyz/",
        "/openapi.json/",
        "/docs/",
        "/metrics",
        "/v1/me/",
        "/v1%2Fusers",
        "/v1/users%2F",
        "/%ff",
        "/%00",
        "/..;/",
    ] {
        assert_eq!(api.send(get(path)).await.problem(), "not-found", "{path}");
    }
    for suffix in ["", "/stats", "/dashboard", "/restore"] {
        let uri = format!("/v1/users/{NOBODY}{suffix}/");
        assert_eq!(api.send(get(&uri)).await.problem(), "not-found", "{uri}");
    }
    assert_snapshot!("not_found", api.send(get("/v1/users/")).await.shown());
    assert_eq!(api.send(call("OPTIONS", "*")).await.problem(), "not-found");
}

#[tokio::test]
async fn an_id_and_the_encoding_of_a_path_are_right_or_refused() {
    let api = api();
    for id in [
        "nobody",
        "0",
        "%20",
        "%",
        "%zz",
        "%ff",
        "%c3%28",
        "%00",
        "..%2F..%2Fetc",
        "0190c2a87d3e7c5b9f1e3a2b1c0d9e8f",
        "%7B0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f%7D",
        "undefined",
        "null",
        "%F0%9F%91%A9",
        "'%20OR%201=1--",
    ] {
        for suffix in ["", "/stats", "/dashboard"] {
            let answer = api.send(get(&format!("/v1/users/{id}{suffix}"))).await;
            assert_eq!(answer.problem(), "malformed-request", "{id}{suffix}");
        }
    }
    let upper = api
        .send(get(&format!("/v1/users/{}", NOBODY.to_uppercase())))
        .await;
    assert_eq!(upper.problem(), "user-not-found");
    assert_snapshot!(
        "malformed_id",
        api.send(get("/v1/users/nobody")).await.shown()
    );
    for query in [
        "%",
        "a=%",
        "limit=%f",
        "limit=%zz",
        "limit=%ff",
        "%ff=1",
        "limit=%c3%28",
        "limit=1%00",
        "limit=%F0%9F",
    ] {
        let answer = api.send(get(&format!("/v1/users?{query}"))).await;
        assert!(
            matches!(&*answer.problem(), "malformed-request" | "invalid-limit"),
            "{query}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn a_body_is_of_a_type_that_the_path_takes() {
    let api = api();
    let id = api.create(1).await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/users/{id}");
    let create = r#"{"email":"new@example.com","name":"x"}"#;
    for (content_type, accepted) in [
        ("application/json", true),
        ("Application/JSON; charset=UTF-8", true),
        ("application/json;charset=\"utf-8\"", true),
        ("application/json; charset=latin1", false),
        ("application/merge-patch+json", false),
        ("text/plain", false),
        ("application/x-www-form-urlencoded", false),
        ("application/jsonx", false),
        ("", false),
    ] {
        let answer = api
            .send(call("POST", "/v1/users").body(content_type, create))
            .await;
        if accepted {
            assert!(
                matches!(answer.status.as_u16(), 201 | 409),
                "{content_type}: {}",
                answer.text()
            );
        } else {
            assert_eq!(answer.problem(), "unsupported-media-type", "{content_type}");
        }
        for path in ["/v1/users/batch-get", "/v1/users/lookup"] {
            let answer = api.send(call("POST", path).body(content_type, "{}")).await;
            assert_eq!(
                answer.status,
                if accepted { 422 } else { 415 },
                "{path} {content_type}"
            );
        }
        let patch = api
            .send(call("PATCH", &path).body(content_type, "{}"))
            .await;
        if accepted || content_type.starts_with("application/merge-patch") {
            assert_eq!(patch.status, 200, "{content_type}");
        } else {
            assert_eq!(patch.problem(), "unsupported-media-type", "{content_type}");
            assert_eq!(
                patch.header("accept-patch"),
                Some("application/merge-patch+json, application/json")
            );
        }
    }
    let twice = call("POST", "/v1/users")
        .body("application/json", create)
        .header("content-type", "application/json");
    assert_eq!(api.send(twice).await.problem(), "unsupported-media-type");
    assert_snapshot!(
        "unsupported_patch",
        api.send(call("PATCH", &path).body("text/plain", "x"))
            .await
            .shown()
    );
    assert_snapshot!(
        "unsupported_post",
        api.send(call("POST", "/v1/users")).await.shown()
    );
}

#[tokio::test]
async fn a_body_is_not_coded() {
    let api = api();
    let id = api.create(1).await["id"].as_str().unwrap().to_owned();
    let user = format!("/v1/users/{id}");
    let patch = "application/merge-patch+json";
    let sent = |method, path: &str, media, coding| {
        let call = call(method, path).body(media, "{}");
        api.send(call.header("content-encoding", coding))
    };
    for (method, path, media) in [
        ("POST", "/v1/users", "application/json"),
        ("POST", "/v1/users/lookup", "application/json"),
        ("PATCH", &user, patch),
        ("POST", "/v1/users/import", "application/x-ndjson"),
    ] {
        for coding in ["gzip", "br", "identity, gzip", "unheard-of", ""] {
            let answer = sent(method, path, media, coding).await;
            assert_eq!(
                answer.problem(),
                "unsupported-media-type",
                "{path} {coding}"
            );
            assert_eq!(answer.header("accept-encoding"), Some("identity"));
        }
    }
    assert_eq!(sent("PATCH", &user, patch, "Identity").await.status, 200);
}

#[tokio::test]
async fn an_answer_is_of_a_form_that_the_caller_takes() {
    let api = api();
    for (path, method) in operations() {
        if path.starts_with("/docs") || path.starts_with("/problems") {
            continue;
        }
        let answer = api
            .send(sample(path, method, "").header("accept", "text/html, image/*"))
            .await;
        assert_eq!(answer.status, 406, "{method} {path}");
        let answer = api
            .send(sample(path, method, "").header("accept", "text/html, */*;q=0.1"))
            .await;
        assert_ne!(answer.status, 406, "{method} {path}");
    }
    assert_snapshot!(
        "not_acceptable",
        api.send(get("/v1/users").header("accept", "application/xml"))
            .await
            .shown()
    );
    let nowhere = api.send(get("/none").header("accept", "text/html")).await;
    assert_eq!(nowhere.problem(), "not-found");
}

#[tokio::test]
async fn a_request_is_no_larger_than_the_service_takes() {
    let api = api();
    let body = |octets: usize| {
        let frame = r#"{"email":"a@example.com","name":"x","note":""}"#;
        frame.replace("\"\"", &format!("\"{}\"", "n".repeat(octets - frame.len())))
    };
    let longest = 64 * 1024;
    for path in ["/v1/users", "/v1/users/batch-get", "/v1/users/lookup"] {
        let fits = api
            .send(call("POST", path).body("application/json", body(longest)))
            .await;
        assert_eq!(fits.problem(), "validation-failed", "{path}");
        let over = api
            .send(call("POST", path).body("application/json", body(longest + 1)))
            .await;
        assert_eq!(over.problem(), "content-too-large", "{path}");
        let announced = call("POST", path)
            .body("application/json", "{}")
            .header("content-length", "65537");
        assert_eq!(
            api.send(announced).await.problem(),
            "content-too-large",
            "{path}"
        );
    }
    assert_snapshot!(
        "content_too_large",
        api.send(post("/v1/users", &json!("x".repeat(longest))))
            .await
            .shown()
    );

    let uri = |octets: usize| {
        format!(
            "/v1/users?cursor={}",
            "c".repeat(octets - "/v1/users?cursor=".len())
        )
    };
    assert_eq!(api.send(get(&uri(8_192))).await.problem(), "invalid-cursor");
    assert_snapshot!("uri_too_long", api.send(get(&uri(8_193))).await.shown());
    let long_path = api.send(get(&format!("/{}", "p".repeat(60_000)))).await;
    assert_eq!(long_path.problem(), "uri-too-long");
    assert!(
        long_path.body.len() < 2_000,
        "the path is not repeated whole"
    );

    let fits = get("/livez").header("x-padding", "h".repeat(32 * 1024 - "x-padding".len()));
    assert_eq!(api.send(fits).await.status, 200);
    let over = get("/livez").header("x-padding", "h".repeat(32 * 1024));
    assert_snapshot!("headers_too_large", api.send(over).await.shown());
}

#[tokio::test]
async fn limits_are_those_of_the_settings() {
    let mut parts = Parts::new();
    (
        parts.settings.max_body,
        parts.settings.max_url,
        parts.settings.max_headers,
    ) = (10, 20, 30);
    let api: Api = parts.build();
    let large = call("POST", "/v1/users").header("content-type", "application/json");
    assert_eq!(api.send(large).await.problem(), "malformed-request");
    let large = call("POST", "/v1/users")
        .body("application/json", "{\"a\":1234}")
        .header("x", "");
    assert_eq!(api.send(large).await.problem(), "validation-failed");
    let large = call("POST", "/v1/users").body("application/json", "{\"a\":12345}");
    assert_eq!(api.send(large).await.problem(), "content-too-large");
    assert_eq!(
        api.send(get("/v1/users?cursor=abcd")).await.problem(),
        "uri-too-long"
    );
    assert_eq!(
        api.send(get("/livez").header("x-padding", "0123456789012345678901"))
            .await
            .problem(),
        "headers-too-large"
    );
}

#[tokio::test]
async fn every_answer_has_an_id_and_the_headers_that_keep_it_safe() {
    let api = api();
    for (path, method) in
        operations().chain([("/none", "GET"), ("/v1/users", Method::PUT.as_str())])
    {
        let answer = api.send(sample(path, method, "")).await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{method} {path}"
        );
        let is_data = answer.status.is_success() || answer.status.is_redirection();
        let expected = if is_data && !path.starts_with("/v1/admin") {
            "private, no-cache"
        } else {
            "no-store"
        };
        assert_eq!(
            answer.header("cache-control"),
            Some(expected),
            "{method} {path}"
        );
        assert_eq!(
            answer.header("vary"),
            Some("accept, authorization"),
            "{method} {path}"
        );
        assert_eq!(
            answer.headers.get_all("x-request-id").iter().count(),
            1,
            "{method} {path}"
        );
    }
    let id = async |given: &str| {
        let answer = api.send(get("/livez").header("x-request-id", given)).await;
        answer.header("x-request-id").unwrap().to_owned()
    };
    for sane in [
        "a",
        "5f2b/req:1",
        "Root=1-67891233;a.b_c+",
        &"x".repeat(128),
    ] {
        assert_eq!(id(sane).await, sane);
    }
    let mut made = Vec::new();
    for other in [
        "",
        "a b",
        "a\tb",
        "\u{e9}",
        "zoe@example.com",
        &"x".repeat(129),
    ] {
        let id = id(other).await;
        assert_ne!(id, other);
        assert_eq!(id.len(), 32, "{id}");
        made.push(id);
    }
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 6, "no id is given twice");
}
