//! A user who is deactivated through one process is refused by the others.

use std::time::Duration;

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
    let flags = [flags.as_slice(), &["--quota-refused", "none"]].concat();
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
