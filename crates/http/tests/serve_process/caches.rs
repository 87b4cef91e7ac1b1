//! The caches as an operator meets them: over HTTP and by the command.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use roster_test_services::{RedisServer, refusing, test_database};
use serde_json::{Value, json};

use super::process::{PATIENCE, Server, run, stderr, stdout};

const NOBODY: &str = "0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f";

/// A running server, as the command and as clients reach it.
struct Service<'a> {
    folder: &'a Path,
    address: String,
    client: reqwest::Client,
}

impl<'a> Service<'a> {
    fn start(folder: &'a Path, flags: &[&str]) -> (Self, Server) {
        let server = Server::start(folder, flags);
        let service = Self {
            folder,
            address: server.address.clone(),
            client: server.client(),
        };
        (service, server)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// `roster cache …` against it.
    fn cache(&self, args: &[&str]) -> Output {
        let address = ["--listen", &*self.address];
        run(
            self.folder,
            &[["cache"].as_slice(), args, &address].concat(),
        )
    }

    /// The same, which must work.
    fn said(&self, args: &[&str]) -> String {
        let output = self.cache(args);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{args:?}: {}",
            stderr(&output)
        );
        stdout(&output)
    }

    async fn send(&self, method: Method, path: &str) -> reqwest::Response {
        let request = self.client.request(method, self.url(path));
        request.send().await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        self.send(Method::GET, path).await.json().await.unwrap()
    }

    async fn create(&self) -> String {
        let user = json!({ "email": "ada@example.org", "name": "Ada" });
        let request = self.client.post(self.url("/v1/users")).json(&user);
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        body["id"].as_str().unwrap().to_owned()
    }

    /// What the caches said to a read of the user.
    async fn read(&self, id: &str) -> String {
        let answer = self.send(Method::GET, &format!("/v1/users/{id}")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let status = &answer.headers()["cache-status"];
        status.to_str().unwrap().to_owned()
    }

    /// Reads what neither cache holds.
    async fn misses(&self, id: &str) {
        let status = self.read(id).await;
        assert!(
            status.contains("roster-l2; fwd=miss") && status.contains("roster-l1; fwd=miss"),
            "{status}"
        );
    }

    /// Reads until the cache in the process answers.
    async fn warm(&self, id: &str) {
        eventually(async || self.read(id).await.starts_with("roster-l1; hit")).await;
    }
}

async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let watch = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, watch)
        .await
        .expect("it does not come to that");
}

fn row<'a>(table: &'a str, tier: &str) -> Vec<&'a str> {
    let line = table.lines().find(|line| line.starts_with(tier));
    let line = line.unwrap_or_else(|| panic!("no {tier} in {table}"));
    line[tier.len()..].split_whitespace().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_cache_is_looked_at_and_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _server) = Service::start(folder.path(), &[]);
    let id = service.create().await;
    service.warm(&id).await;
    let status = service.said(&["status"]);
    assert!(
        status.contains("embedded") && !status.contains("watermark"),
        "{status}"
    );
    let shown = service.said(&["show", &id]);
    assert_eq!(row(&shown, "this process")[..2], ["value", "1"], "{shown}");
    assert_eq!(row(&shown, "Redis"), ["not", "there"], "{shown}");
    assert_eq!(row(&shown, "database"), ["value", "1"], "{shown}");

    let evicted = service.said(&["evict", &id]);
    assert_eq!(evicted, format!("took user {id} out of every cache\n"));
    let shown: Value = serde_json::from_str(&service.said(&["show", &id, "--json"])).unwrap();
    assert_eq!(
        shown,
        json!({
            "id": id,
            "l1": { "state": "nothing" },
            "l2": null,
            "row": { "state": "value", "version": 1 },
        })
    );
    service.warm(&id).await;
    let cleared = service.said(&["clear"]);
    assert!(cleared.contains("every process"), "{cleared}");
    assert!(service.read(&id).await.starts_with("roster-l1; fwd=miss"));
    let status: Value = serde_json::from_str(&service.said(&["status", "--json"])).unwrap();
    assert_eq!(status["shared"], Value::Null);
    assert_eq!(status["mode"], "embedded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_cache_is_looked_at_and_cleared_and_its_loss_is_seen() {
    let Some(database) = test_database("empty", async |_| Ok(())).await else {
        return;
    };
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let url = redis.url();
    let flags = ["--database-url", database.url(), "--redis-url", &url];
    // However busy the machine is, the stores are waited for.
    let patient = [
        "--redis-command-timeout=500ms",
        "--database-acquire-timeout=2s",
    ];
    run(folder.path(), &[["migrate"].as_slice(), &flags].concat());
    let (service, _server) = Service::start(folder.path(), &[&flags[..], &patient].concat());
    let shared =
        async |member: &str| service.json("/v1/admin/cache").await["shared"][member].clone();
    eventually(async || shared("bound_seconds").await.is_f64()).await;
    let status = service.said(&["status"]);
    assert_eq!(row(&status, "tracked"), ["yes"], "{status}");
    assert!(status.contains("an answer is at most"), "{status}");

    let id = service.create().await;
    // What is delivered later would be a floor where the eviction left nothing.
    eventually(async || shared("relayed").await != json!(0)).await;
    eventually(async || shared("pending_invalidations").await == json!(0)).await;
    service.warm(&id).await;
    let of = format!("/v1/admin/cache/users/{id}");
    let tiers = service.json(&of).await;
    for tier in ["l1", "l2", "row"] {
        assert_eq!(tiers[tier]["state"], "value", "{tiers}");
        assert_eq!(tiers[tier]["version"], 1, "{tiers}");
    }
    assert!(tiers["l1"]["ttl_seconds"].as_u64() <= Some(60), "{tiers}");
    assert!(tiers["l2"]["ttl_seconds"].as_u64() > Some(3_000), "{tiers}");

    let evicted = service.send(Method::DELETE, &of).await;
    assert_eq!(evicted.status(), StatusCode::NO_CONTENT);
    let tiers = service.json(&of).await;
    for tier in ["l1", "l2"] {
        assert_eq!(tiers[tier], json!({ "state": "nothing" }));
    }
    service.misses(&id).await;

    service.warm(&id).await;
    service.said(&["clear"]);
    let tiers = service.json(&of).await;
    assert_eq!(tiers["l1"], json!({ "state": "nothing" }));
    service.misses(&id).await;
    service.warm(&id).await;

    redis.kill();
    eventually(async || shared("tracked").await == json!(false)).await;
    let evicted = service.send(Method::DELETE, &of).await;
    assert_eq!(evicted.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(evicted.headers()["retry-after"], "1");
    let output = service.cache(&["evict", &id]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains(&service.url(&of)) && message.contains("roster health"),
        "{message}"
    );
    let status = service.said(&["status"]);
    assert_eq!(row(&status, "tracked")[0], "no:", "{status}");
    let shown = service.said(&["show", &id]);
    assert_eq!(row(&shown, "this process"), ["nothing"], "{shown}");
    assert_eq!(row(&shown, "Redis"), ["unavailable"], "{shown}");
    assert_eq!(row(&shown, "database"), ["value", "1"], "{shown}");

    redis.restart().await.unwrap();
    eventually(async || shared("tracked").await == json!(true)).await;
    eventually(async || shared("bound_seconds").await.is_f64()).await;
    eventually(async || service.send(Method::DELETE, &of).await.status() == StatusCode::NO_CONTENT)
        .await;
    service.warm(&id).await;
}

#[test]
fn the_command_ends_with_1_without_a_service_and_with_2_without_an_id() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = refusing(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    for args in [
        ["status"].as_slice(),
        &["show", NOBODY],
        &["evict", NOBODY],
        &["clear"],
    ] {
        let command = [["cache"].as_slice(), args, &["--listen", &address]].concat();
        let output = run(folder.path(), &command);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let message = stderr(&output);
        assert!(
            message.contains(&format!(
                "no service answers at http://{address}/v1/admin/cache"
            )) && message.contains("ROSTER_LISTEN"),
            "{message}"
        );
    }
    for args in [
        ["cache"].as_slice(),
        &["cache", "show"],
        &["cache", "evict", "ada"],
        &["cache", "status", "--yaml"],
    ] {
        let output = run(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}

#[tokio::test]
async fn another_program_at_the_address_is_no_service() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let metrics = server.metrics.clone().unwrap();
    let output = run(folder.path(), &["cache", "status", "--listen", &metrics]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains(&format!("http://{metrics}/v1/admin/cache answers 404")),
        "{message}"
    );
}
