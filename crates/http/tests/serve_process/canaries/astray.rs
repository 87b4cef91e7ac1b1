//! Requests that are refused, with the word in every place that a refusal could quote.

use reqwest::{Method, StatusCode as Is};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::caller::{Caller, json as body};

pub(super) async fn go_astray(caller: &Caller<'_>) {
    for operation in &caller.operations {
        let path = caller.path(operation);
        let method = &operation.method;
        let odd = format!("{path}?canary=canary");
        let (status, text) = caller.ask(method.clone(), &odd, None).await;
        assert!(status.is_client_error(), "{method} {odd}: {status} {text}");
        for (media_type, sent) in [
            ("application/json", "{\"canary\": canary"),
            ("application/json", "{\"canary\": \"canary\"}"),
            ("application/json", "[\"canary\"]"),
            ("canary/canary", "canary"),
        ] {
            if operation.has_body {
                let sent = Some((media_type, sent.to_owned()));
                let (status, text) = caller.ask(method.clone(), &path, sent).await;
                assert!(status.is_client_error(), "{method} {path}: {status} {text}");
            }
        }
        if operation.is_closed {
            let request = caller.request(method.clone(), &path);
            let answer = request.bearer_auth("canary").send().await.unwrap();
            assert!(answer.status().is_client_error(), "{method} {path}");
        }
    }
    with_bodies(caller).await;
    with_paths_and_headers(caller).await;
    with_half_a_body(caller).await;
}

async fn with_bodies(caller: &Caller<'_>) {
    let post = || Method::POST;
    let taken = json!({ "email": "canary.taken@example.com", "name": "Canary" });
    let path = "/v1/users#taken";
    caller.send(post(), path, body(&taken), Is::CREATED).await;
    let other = json!({ "email": "canary.taken@example.com", "name": "Other" });
    // Under a key of its own, and under the one that has an answer.
    let unkeyed = "/v1/users#other";
    caller
        .send(post(), unkeyed, body(&other), Is::CONFLICT)
        .await;
    let reused = Is::UNPROCESSABLE_ENTITY;
    caller.send(post(), path, body(&other), reused).await;
    let wrong = json!({ "email": "canary", "name": "", "canary": 1 });
    caller.send(post(), unkeyed, body(&wrong), reused).await;
}

async fn with_paths_and_headers(caller: &Caller<'_>) {
    for path in [
        "/v1/users/canary",
        "/v1/users?cursor=canary",
        "/v1/users?q=canary%ff",
        "/v1/users/export?after=canary",
        "/v1/users/import?on_conflict=canary",
        "/v1/admin/cache/users/canary",
        "/v1/me/canary",
        "/problems/canary",
        "/docs/canary",
        "/canary",
    ] {
        let (status, _) = caller.ask(Method::GET, path, None).await;
        assert!(status.is_client_error(), "{path}");
    }
    for (name, value) in [
        ("content-type", "canary/canary"),
        ("accept", "canary/canary"),
        ("if-match", "canary"),
        ("idempotency-key", "canary canary"),
    ] {
        // In the place of what is sent otherwise.
        let mut sent = caller.request(Method::POST, "/v1/users").build().unwrap();
        sent.headers_mut().insert(name, value.parse().unwrap());
        *sent.body_mut() = Some("{\"canary\": canary".into());
        let answer = reqwest::Client::new().execute(sent).await.unwrap();
        assert!(answer.status().is_client_error(), "{name}");
    }
}

/// An import whose connection breaks in the middle of a row.
async fn with_half_a_body(caller: &Caller<'_>) {
    let row = "{\"email\":\"canary.half@example.com\",\"name\":\"Canary Half\"}\n";
    let head = format!(
        "POST /v1/users/import HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-type: application/x-ndjson\r\ncontent-length: 100000\r\n\r\n",
        caller.token()
    );
    let mut stream = TcpStream::connect(caller.address()).await.unwrap();
    let rows = row.repeat(20);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(rows.as_bytes()).await.unwrap();
    stream.write_all(&row.as_bytes()[..30]).await.unwrap();
    stream.shutdown().await.unwrap();
    // Until the service has given up on it, however that ends.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}
