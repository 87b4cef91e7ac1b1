//! Users who may not act any more, and stores that cannot tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use roster_adapters_memory::MemoryUsers;
use roster_app::Scope;
use roster_domain::ports::{MockUserRepository, StoreError, UserRepository as _};
use serde_json::json;

use crate::support::{Parts, call, get, patch, post};
use crate::tokens::Mint;

#[tokio::test]
async fn a_token_ends_with_its_user_and_comes_back_with_it() {
    let parts = Parts::new();
    let mint = Mint::of(&parts);
    let api = mint.guard(parts).build();
    let id = api.create(1).await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/users/{id}");
    let everything = mint.token(&id, &Scope::ALL);
    let admin = mint.token("batch", &[Scope::UsersAdmin]);
    let read = async || api.send(get(&path).token(&everything)).await;
    assert_eq!(read().await.status, 200);
    for (call, expected) in [
        (patch(&path, &json!({ "is_active": false })), 401),
        (patch(&path, &json!({ "is_active": true })), 200),
        (call("DELETE", &path), 401),
        (post(&format!("{path}/restore"), &json!(null)), 200),
        (call("DELETE", &format!("{path}?purge=true")), 401),
    ] {
        let done = api.send(call.token(&admin)).await;
        assert!(done.status.is_success(), "{}", done.text());
        let answer = read().await;
        assert_eq!(answer.status, expected, "{}", answer.text());
    }
    // Nor may it do what needs no row of its own.
    let answer = api.send(get("/v1/admin/cache").token(&everything)).await;
    assert_eq!(answer.problem(), "unauthenticated");
}

#[tokio::test]
async fn with_both_stores_away_reads_go_on_and_writes_wait() {
    let parts = Parts::new().with_shared_cache();
    let mint = Mint::of(&parts);
    let stored = MemoryUsers::new(parts.store.clone());
    let away = Arc::new(AtomicBool::new(false));
    let mut users = MockUserRepository::new();
    let is_away = Arc::clone(&away);
    let found = stored.clone();
    users.expect_find_many().returning(move |ids| {
        if is_away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("gone".into()));
        }
        futures::executor::block_on(found.find_many(ids))
    });
    users
        .expect_insert()
        .returning(move |user| futures::executor::block_on(stored.insert(user)));
    let parts = Parts {
        users: Arc::new(users),
        ..parts
    };
    let api = mint.guard(parts).build();
    let id = api.create(1).await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/users/{id}");
    let own = mint.token(&id, &[]);
    assert_eq!(api.send(get(&path).token(&own)).await.status, 200);
    away.store(true, Ordering::SeqCst);
    let read = api.send(get(&path).token(&own)).await;
    assert_eq!(read.status, 200, "{}", read.text());
    assert_eq!(read.header("staleness-bound"), Some("unproven"));
    let write = api
        .send(patch(&path, &json!({ "name": "New" })).token(&own))
        .await;
    assert_eq!(write.problem(), "dependency-unavailable");
    assert!(write.header("retry-after").is_some());
    // What it may not do at all it is told as ever.
    let other = api.send(get("/v1/users").token(&own)).await;
    assert_eq!(other.problem(), "forbidden");
}
