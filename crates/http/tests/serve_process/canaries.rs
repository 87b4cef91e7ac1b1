//! Personal data through every route, and what the service says of it: nothing.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use roster_test_services::{RedisServer, test_database};
use serde_json::{Value, json};

use super::process::{Server, run};

const CANARY: &str = "canary";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_logged_or_counted_embedded() {
    let folder = tempfile::tempdir().unwrap();
    sing_through(folder.path(), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_logged_or_counted_distributed() {
    let Some(database) = test_database("empty", async |_| Ok(())).await else {
        return;
    };
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let url = redis.url();
    let flags = ["--database-url", database.url(), "--redis-url", &url];
    run(folder.path(), &[["migrate"].as_slice(), &flags].concat());
    sing_through(folder.path(), &flags).await;
}

/// A service that logs all that it can, and a caller whose every word is the same.
async fn sing_through(folder: &Path, flags: &[&str]) {
    // What passes is said by the service and its drivers; the HTTP library is of the clients' side too.
    let log = ["--log", "trace,hyper=debug,hyper_util=debug,reqwest=off"];
    let server = Server::start(folder, &[flags, log.as_slice()].concat());
    let caller = Caller {
        client: server.client(),
        base: server.url(""),
    };
    live(&caller).await;
    go_astray(&caller).await;
    let metrics = format!("http://{}/metrics", server.metrics.as_deref().unwrap());
    let metrics = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("/v1/users/{id}"), "{metrics}");
    silent(&metrics, "metrics");
    let (status, said) = server.stop();
    assert!(status.success(), "{said:?}");
    let least = if flags.is_empty() { 10 } else { 1 };
    assert!(said.len() >= least, "the log says too little: {said:?}");
    for line in said {
        silent(&line, "log");
    }
}

fn silent(text: &str, place: &str) {
    let found = text.to_lowercase().find(CANARY);
    let shown = found.map(|at| text.get(at.saturating_sub(200)..text.len().min(at + 80)));
    assert!(found.is_none(), "{place}: {shown:?}");
}

struct Caller {
    client: Client,
    base: String,
}

impl Caller {
    async fn send(&self, method: Method, path: &str, body: Value, status: StatusCode) -> Value {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        request = request
            .header("idempotency-key", format!("canary-{path}"))
            .timeout(Duration::from_secs(30));
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        answer.json().await.unwrap_or_default()
    }
}

/// A user's whole life, by every route that takes or answers what is personal.
async fn live(caller: &Caller) {
    use StatusCode as Is;
    let (get, post, patch) = (|| Method::GET, || Method::POST, || Method::PATCH);
    let user = json!({
        "email": "Canary@example.com",
        "name": "Canary Bird",
        "locale": "de-CH",
        "avatar_url": "https://img.example/canary.png",
        "metadata": { "canary": "canary" },
    });
    let created = caller.send(post(), "/v1/users", user, Is::CREATED).await;
    let id = created["id"].as_str().unwrap().to_owned();
    let at = |rest: &str| format!("/v1/users/{id}{rest}");
    let change = json!({ "name": "Canary Renamed", "metadata": { "song": "canary" } });
    caller.send(patch(), &at(""), change, Is::OK).await;
    let move_away = json!({ "email": "canary.two@example.com" });
    caller
        .send(patch(), &format!("{}?", at("")), move_away, Is::OK)
        .await;
    let told = json!({
        "kind": "song", "title": "A canary", "body": "canary", "data": { "a": "canary" },
        "dedupe_key": "canary-1",
    });
    let told = caller
        .send(post(), &at("/notifications"), told, Is::CREATED)
        .await;
    let notification = told["notification"]["id"].as_str().unwrap();
    let sung = json!([{ "kind": "song", "data": { "a": "canary" }, "dedupe_key": "canary-2" }]);
    caller
        .send(post(), &at("/activity"), sung, Is::CREATED)
        .await;
    for path in [
        at(""),
        at("?consistency=strong"),
        at("/dashboard"),
        at("/stats"),
        at("/notifications"),
        at("/notifications/count"),
        at("/activity"),
        "/v1/users".into(),
        "/v1/users?q=canary&count=exact".into(),
        "/v1/users?q=canary.two%40&count=estimate".into(),
        format!("/v1/admin/cache/users/{id}"),
    ] {
        caller.send(get(), &path, Value::Null, Is::OK).await;
    }
    let address = json!({ "email": "canary.two@example.com" });
    caller
        .send(post(), "/v1/users/lookup", address, Is::OK)
        .await;
    let ids = json!({ "ids": [id] });
    caller
        .send(post(), "/v1/users/batch-get", ids, Is::OK)
        .await;
    let read = json!({ "read": true });
    let path = at(&format!("/notifications/{notification}"));
    caller.send(patch(), &path, read, Is::OK).await;
    let all = json!({ "all": true });
    caller
        .send(post(), &at("/notifications/mark-read"), all, Is::OK)
        .await;
    caller
        .send(Method::DELETE, &at(""), Value::Null, Is::OK)
        .await;
    caller
        .send(post(), &at("/restore"), Value::Null, Is::OK)
        .await;
    let purge = at("?purge=true");
    caller
        .send(Method::DELETE, &purge, Value::Null, Is::NO_CONTENT)
        .await;
}

/// Requests that are refused, with the word in every place that a refusal could quote.
async fn go_astray(caller: &Caller) {
    use StatusCode as Is;
    let taken = json!({ "email": "canary@example.com", "name": "Canary" });
    caller
        .send(Method::POST, "/v1/users", taken, Is::CREATED)
        .await;
    let (path, other) = (
        "/v1/users?",
        json!({ "email": "canary@example.com", "name": "Other" }),
    );
    caller.send(Method::POST, path, other, Is::CONFLICT).await;
    let wrong = json!({ "email": "canary", "name": "", "canary": 1 });
    caller
        .send(Method::POST, path, wrong, Is::UNPROCESSABLE_ENTITY)
        .await;
    let reused = json!({ "email": "canary.three@example.com", "name": "Canary" });
    caller
        .send(Method::POST, "/v1/users", reused, Is::UNPROCESSABLE_ENTITY)
        .await;
    for path in [
        "/v1/users/canary",
        "/v1/users?canary=canary",
        "/v1/users?cursor=canary",
        "/v1/users?q=canary%ff",
        "/canary",
    ] {
        let answer = caller.client.get(format!("{}{path}", caller.base)).send();
        assert!(answer.await.unwrap().status().is_client_error(), "{path}");
    }
    let url = format!("{}/v1/users", caller.base);
    for (name, value) in [
        ("content-type", "canary/canary"),
        ("accept", "canary/canary"),
        ("if-match", "canary"),
        ("authorization", "Bearer canary"),
        ("idempotency-key", "canary canary"),
    ] {
        let sent = caller.client.post(&url).header(name, value);
        let answer = sent.body("{\"canary\": canary").send().await.unwrap();
        assert!(answer.status().is_client_error(), "{name}");
    }
}
