//! What an operator sees of the caches, and does to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use insta::assert_snapshot;
use roster_adapters_memory::{MemoryCacheRelay, MemoryChangeLog, MemoryUserCache};
use roster_app::{Caches, SharedCache};
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheError, CacheLookup, CacheNamespace, ChangeLog as _, FillOutcome,
    FillRequest, Invalidation, InvalidationSink, Lease, LeaseToken, MockChangeLog,
    MockUserRepository, Stamped, StoreError, UserCache,
};
use serde_json::{Value, json};

use crate::support::{Api, NOBODY, Parts, api, call, get, patch};

const CACHE: &str = "/v1/admin/cache";
const EPOCH: &str = "/v1/admin/cache/epoch";

fn of(id: &str) -> String {
    format!("{CACHE}/users/{id}")
}

/// One stored user's id.
async fn user(api: &Api) -> String {
    api.create(1).await["id"].as_str().unwrap().to_owned()
}

async fn read(api: &Api, id: &str) -> Option<String> {
    let answer = api.send(get(&format!("/v1/users/{id}"))).await;
    answer.header("cache-status").map(str::to_owned)
}

async fn body(api: &Api, uri: &str) -> Value {
    let answer = api.send(get(uri)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

#[tokio::test]
async fn embedded_the_cache_in_the_process_is_all_there_is() {
    let api = api();
    assert_snapshot!("untouched", api.send(get(CACHE)).await.shown());
    let id = user(&api).await;
    for _ in 0..3 {
        read(&api, &id).await;
    }
    read(&api, NOBODY).await;
    api.clock.advance(Duration::from_mins(1));
    let status = body(&api, CACHE).await;
    assert_eq!(status["mode"], "embedded");
    assert_eq!(
        status["answers"],
        json!({
            "l1": { "count": 2, "share": 0.5 },
            "l2": { "count": 0, "share": 0.0 },
            "database": { "count": 2, "share": 0.5 },
        })
    );
    assert_eq!(status["l1"]["entries"], 2);
    assert_snapshot!("embedded_user", api.send(get(&of(&id))).await.shown());
    assert_snapshot!("embedded_nobody", api.send(get(&of(NOBODY))).await.shown());
}

#[tokio::test]
async fn without_any_cache_there_is_still_the_row() {
    let parts = Parts {
        caches: Caches::Coalescing,
        ..Parts::new()
    };
    let api = parts.build();
    let id = user(&api).await;
    read(&api, &id).await;
    assert_snapshot!("coalescing", api.send(get(CACHE)).await.shown());
    assert_snapshot!("coalescing_user", api.send(get(&of(&id))).await.shown());
    assert_eq!(api.send(call("DELETE", &of(&id))).await.status, 204);
    assert_eq!(api.send(call("POST", EPOCH)).await.status, 204);
}

#[tokio::test]
async fn a_shared_cache_says_how_old_its_answers_may_be() {
    let api = Parts::new().with_shared_cache().build();
    let id = user(&api).await;
    let before = body(&api, CACHE).await;
    assert_eq!(before["shared"]["bound_seconds"], Value::Null);
    let upkeep = tokio::spawn(api.users.upkeep().unwrap().run());
    while body(&api, CACHE).await["shared"]["bound_seconds"].is_null() {
        tokio::task::yield_now().await;
    }
    for _ in 0..4 {
        read(&api, &id).await;
    }
    api.clock.advance(Duration::from_micros(30_001));
    let shown = api.send(get(CACHE)).await;
    // They follow the size of the types.
    let octets = format!("\"octets\": {}", shown.json()["l1"]["octets"]);
    let shown = shown.shown();
    assert!(shown.contains(&octets), "{octets} in {shown}");
    assert_snapshot!("shared", shown.replace(&octets, "\"octets\": …"));
    assert_snapshot!("shared_user", api.send(get(&of(&id))).await.shown());
    upkeep.abort();
}

#[tokio::test]
async fn each_state_of_a_key_is_named() {
    let (switch, parts) = switched();
    let api = parts.build();
    let id = user(&api).await;
    let l2 = async |id: &str| body(&api, &of(id)).await["l2"].clone();
    assert_eq!(l2(NOBODY).await, json!({ "state": "nothing" }));
    for _ in 0..2 {
        read(&api, NOBODY).await;
    }
    assert_eq!(l2(NOBODY).await, json!({ "state": "absent" }));
    let nobody = body(&api, &of(NOBODY)).await;
    for tier in ["l1", "row"] {
        assert_eq!(nobody[tier], json!({ "state": "absent" }), "{tier}");
    }
    read(&api, &id).await;
    assert_eq!(l2(&id).await["state"], "value");
    assert_eq!(l2(&id).await["version"], 1);

    let renamed = patch(&format!("/v1/users/{id}"), &json!({ "name": "Other" }));
    assert_eq!(api.send(renamed).await.status, 200);
    assert_eq!(l2(&id).await, json!({ "state": "floor", "floor": 2 }));

    let namespace = switch.change_log.namespace().await.unwrap();
    let lease = Lease {
        id: id.parse().unwrap(),
        token: LeaseToken([7; 16]),
    };
    let request = AcquireRequest {
        lease,
        hold_for: Duration::from_secs(2),
        unusable: None,
        likely_absent: false,
    };
    let acquired = switch.inner.acquire_many(namespace, &[request]).await;
    assert_eq!(acquired.unwrap().reply.len(), 1);
    assert_eq!(l2(&id).await, json!({ "state": "leased", "floor": 2 }));
}

#[tokio::test]
async fn what_is_taken_out_is_read_anew() {
    for parts in [Parts::new(), Parts::new().with_shared_cache()] {
        let api = parts.build();
        let id = user(&api).await;
        for clearing in [call("DELETE", &of(&id)), call("POST", EPOCH)] {
            for _ in 0..2 {
                read(&api, &id).await;
            }
            let warm = read(&api, &id).await.unwrap();
            assert!(warm.starts_with("roster-l1; hit"), "{warm}");
            assert_eq!(body(&api, &of(&id)).await["l1"]["state"], "value");
            let answer = api.send(clearing).await;
            assert_eq!(answer.status, 204, "{}", answer.text());
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert!(answer.body.is_empty());
            let tiers = body(&api, &of(&id)).await;
            assert_eq!(tiers["l1"], json!({ "state": "nothing" }));
            assert!(
                tiers["l2"].is_null() || tiers["l2"] == json!({ "state": "nothing" }),
                "{tiers}"
            );
            assert_eq!(tiers["row"], json!({ "state": "value", "version": 1 }));
            let cold = read(&api, &id).await.unwrap();
            assert!(!cold.contains("hit"), "{cold}");
        }
    }
}

#[tokio::test]
async fn who_is_not_there_can_be_taken_out() {
    for parts in [Parts::new(), Parts::new().with_shared_cache()] {
        let answer = parts.build().send(call("DELETE", &of(NOBODY))).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
    let malformed = api().send(call("DELETE", &of("nobody"))).await;
    assert_eq!(malformed.problem(), "malformed-request");
}

#[tokio::test]
async fn a_shared_cache_that_is_away_is_told_of() {
    let (switch, parts) = switched();
    let api = parts.build();
    let id = user(&api).await;
    for _ in 0..2 {
        read(&api, &id).await;
    }
    assert_eq!(body(&api, &of(&id)).await["l1"]["state"], "value");
    switch.off.store(true, Ordering::Relaxed);
    assert_eq!(
        body(&api, &of(&id)).await["l2"],
        json!({ "state": "unavailable" })
    );
    let refused = api.send(call("DELETE", &of(&id))).await;
    assert_snapshot!("not_evicted", refused.shown());
    let tiers = body(&api, &of(&id)).await;
    assert_eq!(
        tiers["l1"],
        json!({ "state": "nothing" }),
        "this process drops it all the same"
    );
    switch.off.store(false, Ordering::Relaxed);
    assert_eq!(api.send(call("DELETE", &of(&id))).await.status, 204);
}

#[tokio::test]
async fn a_database_that_is_away_keeps_the_epoch() {
    let away = || StoreError::Unavailable("down".into());
    let mut change_log = MockChangeLog::new();
    change_log.expect_namespace().returning(move || Err(away()));
    let mut users = MockUserRepository::new();
    users.expect_find_many().returning(move |_| Err(away()));
    let clock = Parts::new().clock;
    let cache = MemoryUserCache::new(clock as _);
    let parts = Parts {
        users: Arc::new(users),
        caches: Caches::Shared(SharedCache {
            relay: Arc::new(MemoryCacheRelay::new(&cache)),
            cache: Arc::new(cache),
            change_log: Arc::new(change_log),
        }),
        ..Parts::new()
    };
    let api = parts.build();
    assert_snapshot!("not_cleared", api.send(call("POST", EPOCH)).await.shown());
    assert_snapshot!("away", api.send(get(&of(NOBODY))).await.shown());
    assert_eq!(body(&api, CACHE).await["mode"], "shared");
}

/// Parts behind a shared cache that can be switched off.
fn switched() -> (Arc<Switched>, Parts) {
    let parts = Parts::new();
    let cache = MemoryUserCache::new(Arc::clone(&parts.clock) as _);
    let relay = MemoryCacheRelay::new(&cache);
    let switch = Arc::new(Switched {
        inner: cache,
        change_log: MemoryChangeLog::new(parts.store.clone()),
        off: AtomicBool::new(false),
    });
    let caches = Caches::Shared(SharedCache {
        cache: Arc::clone(&switch) as _,
        relay: Arc::new(relay),
        change_log: Arc::new(MemoryChangeLog::new(parts.store.clone())),
    });
    (switch, Parts { caches, ..parts })
}

/// A shared cache that can be switched off. Its connection does not notice.
struct Switched {
    inner: MemoryUserCache,
    change_log: MemoryChangeLog,
    off: AtomicBool,
}

impl Switched {
    fn on(&self) -> Result<&MemoryUserCache, CacheError> {
        if self.off.load(Ordering::Relaxed) {
            return Err(CacheError::TimedOut);
        }
        Ok(&self.inner)
    }
}

#[async_trait]
impl UserCache for Switched {
    async fn get_many(
        &self,
        namespace: CacheNamespace,
        ids: &[roster_domain::UserId],
    ) -> Result<Stamped<Vec<CacheLookup>>, CacheError> {
        self.on()?.get_many(namespace, ids).await
    }

    async fn acquire_many(
        &self,
        namespace: CacheNamespace,
        requests: &[AcquireRequest],
    ) -> Result<Stamped<Vec<Acquired>>, CacheError> {
        self.on()?.acquire_many(namespace, requests).await
    }

    async fn fill_many(
        &self,
        namespace: CacheNamespace,
        fills: &[FillRequest],
    ) -> Result<Vec<FillOutcome>, CacheError> {
        self.on()?.fill_many(namespace, fills).await
    }

    async fn release_many(&self, leases: &[Lease]) -> Result<(), CacheError> {
        self.on()?.release_many(leases).await
    }

    async fn invalidate_many(
        &self,
        invalidations: &[Invalidation],
    ) -> Result<Vec<bool>, CacheError> {
        self.on()?.invalidate_many(invalidations).await
    }

    async fn evict_many(&self, ids: &[roster_domain::UserId]) -> Result<(), CacheError> {
        self.on()?.evict_many(ids).await
    }

    fn subscribe(&self, sink: Arc<dyn InvalidationSink>) {
        self.inner.subscribe(sink);
    }
}
