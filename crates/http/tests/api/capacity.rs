//! More than the store bears: what is refused, what is not, and how fast.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use insta::assert_snapshot;
use roster_domain::ports::{StatsRepository, StoreError};
use roster_domain::{UserId, UserStats};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::{Answer, Api, NOBODY, Parts, get, post};

/// A store whose counters are answered when a test lets them.
struct HeldStats {
    held: AtomicUsize,
    gate: Semaphore,
}

#[async_trait]
impl StatsRepository for HeldStats {
    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Option<UserStats>>, StoreError> {
        self.held.fetch_add(1, Ordering::SeqCst);
        let pass = self.gate.acquire().await;
        drop(pass);
        Ok(vec![None; users.len()])
    }
}

struct Crowded {
    api: Arc<Api>,
    stats: Arc<HeldStats>,
    held: JoinSet<Answer>,
    warm: String,
}

/// A service with ten places, nine of which are taken by reads that hang, so that no further
/// read has one.
async fn crowded() -> Crowded {
    let stats = Arc::new(HeldStats {
        held: AtomicUsize::new(0),
        gate: Semaphore::new(0),
    });
    let mut parts = Parts::new();
    parts.settings.max_in_flight = 10;
    parts.stats = Arc::clone(&stats) as _;
    let api = Arc::new(parts.build());
    let warm = api.create(1).await["id"].as_str().unwrap().to_owned();
    let warm = format!("/v1/users/{warm}");
    assert_eq!(api.send(get(&warm)).await.status, 200);
    let mut held = JoinSet::new();
    for _ in 0..9 {
        let api = Arc::clone(&api);
        held.spawn(async move { api.send(get(&format!("/v1/users/{NOBODY}/stats"))).await });
    }
    while stats.held.load(Ordering::SeqCst) < 9 {
        tokio::task::yield_now().await;
    }
    Crowded {
        api,
        stats,
        held,
        warm,
    }
}

#[tokio::test]
async fn a_read_beyond_what_the_store_bears_is_refused_at_once() {
    let mut crowded = crowded().await;
    let refused = crowded.api.send(get("/v1/users")).await;
    assert_eq!(refused.problem(), "temporary-reduced-capacity");
    assert_snapshot!("reduced_capacity", refused.shown());
    let cold = crowded.api.send(get(&format!("/v1/users/{NOBODY}"))).await;
    assert_eq!(cold.problem(), "temporary-reduced-capacity");
    let metrics = crowded.api.metrics.render();
    for line in [
        "roster_http_refused_total{class=\"read\"} 2",
        "roster_http_in_flight 9",
        "roster_http_in_flight_limit 10",
    ] {
        assert!(metrics.contains(line), "no {line} in\n{metrics}");
    }
    crowded.stats.gate.add_permits(9);
    while let Some(answer) = crowded.held.join_next().await {
        assert_eq!(answer.unwrap().problem(), "user-not-found");
    }
    assert_eq!(crowded.api.send(get("/v1/users")).await.status, 200);
}

#[tokio::test]
async fn what_memory_answers_is_never_refused() {
    let crowded = crowded().await;
    for _ in 0..100 {
        assert_eq!(crowded.api.send(get(&crowded.warm)).await.status, 200);
    }
    for path in ["/livez", "/readyz", "/version", "/problems"] {
        assert_eq!(crowded.api.send(get(path)).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_write_finds_a_place_where_a_read_does_not() {
    let crowded = crowded().await;
    let body = json!({ "email": "late@example.com", "name": "Late" });
    let created = crowded.api.send(post("/v1/users", &body)).await;
    assert_eq!(created.status, 201);
    assert_eq!(crowded.api.send(get("/v1/users")).await.status, 503);
}

#[tokio::test]
async fn whoever_waits_for_the_same_user_needs_one_place_together() {
    let mut parts = Parts::new();
    parts.settings.max_in_flight = 10;
    let api = Arc::new(parts.build());
    let mut readers = JoinSet::new();
    for _ in 0..1_000 {
        let api = Arc::clone(&api);
        readers.spawn(async move { api.send(get(&format!("/v1/users/{NOBODY}"))).await.status });
    }
    while let Some(status) = readers.join_next().await {
        assert_eq!(status.unwrap(), 404);
    }
}

#[tokio::test]
async fn a_refusal_costs_no_quota() {
    let mut crowded = crowded().await;
    for _ in 0..1_000 {
        let body = json!({ "email": "a@example.com" });
        let refused = crowded.api.send(post("/v1/users/lookup", &body)).await;
        assert_eq!(refused.problem(), "temporary-reduced-capacity");
    }
    crowded.stats.gate.add_permits(9);
    while crowded.held.join_next().await.is_some() {}
    let body = json!({ "email": "a@example.com" });
    let answer = crowded.api.send(post("/v1/users/lookup", &body)).await;
    assert_eq!(answer.problem(), "user-not-found");
}
