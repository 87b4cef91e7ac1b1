//! A user who is deactivated through one process is refused by the others.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::{Method, StatusCode};
use roster_domain::ports::Clock as _;
use roster_http::system::SystemClock;
use roster_test_services::{RedisServer, test_database};
use serde_json::{Value, json};

use super::process::{PATIENCE, Server, run};

const LIMIT: Duration = Duration::from_secs(1);

/// What happens to Redis just before.
enum Redis {
    Stays,
    Goes,
}

async fn refused_within_a_second(redis_fate: Redis) {
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
    // It is asked again and again until it is refused, and 20 times more.
    let patient = ["--quota-refused=none", "--database-acquire-timeout=2s"];
    let flags = [flags.as_slice(), &patient].concat();
    let (one, other) = (
        Server::start(folder.path(), &flags),
        Server::start(folder.path(), &flags),
    );
    let operator = one.client();
    let mut ids = Vec::new();
    for number in 0..8 {
        let new = json!({ "email": format!("u{number}@example.org"), "name": "U" });
        let created = operator.post(one.url("/v1/users")).json(&new);
        let created: Value = created.send().await.unwrap().json().await.unwrap();
        ids.push(created["id"].as_str().unwrap().to_owned());
    }
    let clock = SystemClock::new();
    let mut slowest = Duration::ZERO;
    for (number, id) in ids.iter().enumerate() {
        let client = Server::client_with(&other.token(id, ""));
        let url = other.url("/v1/me");
        let me = async || client.get(&url).send().await.unwrap().status();
        // Often enough that every cache holds the user.
        for _ in 0..20 {
            assert_eq!(me().await, StatusCode::OK);
        }
        if matches!(redis_fate, Redis::Goes) && number == 0 {
            redis.kill();
        }
        let path = one.url(&format!("/v1/users/{id}"));
        let end = if number % 2 == 0 {
            let patch = operator.request(Method::PATCH, path);
            patch.json(&json!({ "is_active": false }))
        } else {
            operator.request(Method::DELETE, path)
        };
        let done = end.send().await.unwrap();
        assert_eq!(done.status(), StatusCode::OK, "{:?}", done.text().await);
        let acknowledged = clock.monotonic();
        let refused = async {
            while me().await != StatusCode::UNAUTHORIZED {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, refused).await.unwrap();
        slowest = slowest.max(clock.monotonic().saturating_sub(acknowledged));
        // And it stays so.
        for _ in 0..20 {
            assert_eq!(me().await, StatusCode::UNAUTHORIZED);
        }
    }
    assert!(slowest < LIMIT, "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn within_a_second() {
    refused_within_a_second(Redis::Stays).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn within_a_second_without_redis_too() {
    refused_within_a_second(Redis::Goes).await;
}

/// A stream is longer than the right that it was begun with.
#[tokio::test]
async fn an_import_and_an_export_end_with_the_right_of_who_began_them() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let operator = server.client();
    let row = |number: u32| format!("{{\"email\":\"r{number}@example.org\",\"name\":\"R\"}}\n");
    let import = |client: reqwest::Client, body: reqwest::Body| {
        let request = client.post(server.url("/v1/users/import")).body(body);
        request.header("content-type", "application/x-ndjson")
    };
    let many: String = (0..60_000).map(row).collect();
    let filled = import(operator.clone(), many.into()).send().await.unwrap();
    assert!(filled.text().await.unwrap().contains("\"created\":60000"));
    let new = json!({ "email": "admin@example.org", "name": "A" });
    let created = operator.post(server.url("/v1/users")).json(&new);
    let created: Value = created.send().await.unwrap().json().await.unwrap();
    let id = created["id"].as_str().unwrap();
    let admin = Server::client_with(&server.token(id, "users:admin"));

    let export = admin.get(server.url("/v1/users/export"));
    let mut export = export.send().await.unwrap();
    assert_eq!(export.status(), StatusCode::OK);
    let mut came = export.chunk().await.unwrap().unwrap().len();

    let (sending, sent) = futures::channel::mpsc::unbounded::<String>();
    let body =
        StreamBody::new(sent.map(|rows| Ok::<_, Infallible>(Frame::data(Bytes::from(rows)))));
    let send = |rows: std::ops::Range<u32>| sending.unbounded_send(rows.map(row).collect());
    send(60_000..61_500).unwrap();
    let importing = import(admin, reqwest::Body::wrap(body));
    let importing = tokio::spawn(async move { importing.send().await.unwrap().text().await });
    let lists = server.url("/v1/users?q=r60999&count=exact");
    let stored = async {
        let list = async || {
            operator
                .get(&lists)
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap()
        };
        while !list().await.contains("\"total\":1") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, stored).await.unwrap();

    let path = server.url(&format!("/v1/users/{id}"));
    let deactivated = operator.patch(path).json(&json!({ "is_active": false }));
    assert_eq!(deactivated.send().await.unwrap().status(), StatusCode::OK);
    // The rest of the second batch comes afterwards, and is not stored.
    send(61_500..62_500).unwrap();
    let told = importing.await.unwrap().unwrap();
    let end = told.lines().last().unwrap();
    assert!(end.contains("\"created\":1000"), "{end}");
    assert!(end.contains("/problems/unauthenticated"), "{end}");
    let broken = async {
        loop {
            match export.chunk().await {
                Ok(Some(more)) => came += more.len(),
                Ok(None) => panic!("the export came to its end, {came} octets"),
                Err(_) => return,
            }
        }
    };
    tokio::time::timeout(PATIENCE, broken).await.unwrap();
}
