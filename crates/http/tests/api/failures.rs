use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use insta::assert_snapshot;
use roster_domain::ports::{
    MockStatsRepository, MockUserRepository, StatsRepository, StoreError, WriteError,
};
use roster_domain::{UserId, UserStats};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Api, NOBODY, Parts, call, get, post};

fn stats_that(
    answer: impl Fn() -> Result<Option<UserStats>, StoreError> + Send + Sync + 'static,
) -> Api {
    let mut stats = MockStatsRepository::new();
    stats
        .expect_find_many()
        .returning(move |_| answer().map(|stats| vec![stats]));
    Parts {
        stats: Arc::new(stats),
        ..Parts::new()
    }
    .build()
}

fn stats() -> String {
    format!("/v1/users/{NOBODY}/stats")
}

/// What is logged while it lives, by this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn capture(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(self.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the outer reason")]
struct Outer(#[source] io::Error);

fn two_levels() -> Box<dyn std::error::Error + Send + Sync> {
    Box::new(Outer(io::Error::other("the inner secret")))
}

#[tokio::test]
async fn a_store_that_is_away_is_told_of_and_comes_back() {
    let log = Log::default();
    let _guard = log.capture();
    let api = stats_that(|| Err(StoreError::Unavailable(two_levels())));
    let answer = api.send(get(&stats()).header("x-request-id", "r-1")).await;
    assert_snapshot!("unavailable", answer.shown());
    let text = log.text();
    assert!(text.contains("WARN") && text.contains("r-1"), "{text}");
    assert!(
        text.contains("the store is not available: the outer reason: the inner secret"),
        "{text}"
    );
}

#[tokio::test]
async fn a_corrupt_store_tells_the_log_and_not_the_caller() {
    let log = Log::default();
    let _guard = log.capture();
    let api = stats_that(|| Err(StoreError::Corrupt(two_levels())));
    let answer = api.send(get(&stats()).header("x-request-id", "r-2")).await;
    assert_snapshot!("corrupt", answer.shown());
    let text = log.text();
    assert!(
        text.contains("ERROR") && text.contains("r-2") && text.contains("the inner secret"),
        "{text}"
    );
    assert!(
        !text.contains(NOBODY),
        "the log names the route and not the path: {text}"
    );
}

#[tokio::test]
async fn a_panic_is_an_answer_and_the_process_goes_on() {
    let log = Log::default();
    let _guard = log.capture();
    let api = stats_that(|| panic!("a secret of {}", "the handler"));
    let answer = api.send(get(&stats()).header("x-request-id", "r-3")).await;
    assert_eq!(answer.problem(), "internal");
    assert!(!answer.text().contains("secret"), "{}", answer.text());
    let text = log.text();
    assert!(
        text.contains("the handler panicked: a secret of the handler") && text.contains("r-3"),
        "{text}"
    );
    assert_eq!(api.send(get("/livez")).await.status, 200);
}

/// Counters that never come.
struct Hung;

#[async_trait]
impl StatsRepository for Hung {
    async fn find_many(&self, _: &[UserId]) -> Result<Vec<Option<UserStats>>, StoreError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn what_takes_too_long_ends_at_its_deadline() {
    let log = Log::default();
    let _guard = log.capture();
    let api = Parts {
        stats: Arc::new(Hung),
        ..Parts::new()
    }
    .build();
    let path = stats();
    let (answer, ()) = futures::join!(
        api.send(get(&path)),
        api.advance_when(1, Duration::from_secs(2))
    );
    assert_snapshot!("deadline", answer.shown());
    assert!(log.text().contains("a request was slow"), "{}", log.text());
}

#[tokio::test]
async fn a_deadline_is_no_earlier_than_it_says() {
    let api = Arc::new(
        Parts {
            stats: Arc::new(Hung),
            ..Parts::new()
        }
        .build(),
    );
    let request = tokio::spawn({
        let api = Arc::clone(&api);
        async move { api.send(get(&stats())).await.status.as_u16() }
    });
    api.advance_when(1, Duration::from_millis(1_999)).await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert!(!request.is_finished());
    api.clock.advance(Duration::from_millis(1));
    assert_eq!(request.await.unwrap(), 504);
}

#[tokio::test]
async fn every_use_case_says_that_its_store_is_away() {
    let away = || StoreError::Unavailable("down".into());
    let mut users = MockUserRepository::new();
    users.expect_find_many().returning(move |_| Err(away()));
    users.expect_list_many().returning(move |_, _| Err(away()));
    users
        .expect_find_id_by_email()
        .returning(move |_| Err(away()));
    users
        .expect_insert()
        .returning(move |_| Err(WriteError::Store(away())));
    users
        .expect_patch()
        .returning(move |_, _, _, _| Err(WriteError::Store(away())));
    users
        .expect_soft_delete()
        .returning(move |_, _, _| Err(WriteError::Store(away())));
    users
        .expect_restore()
        .returning(move |_, _, _| Err(WriteError::Store(away())));
    users
        .expect_purge()
        .returning(move |_, _, _| Err(WriteError::Store(away())));
    let api = Parts {
        users: Arc::new(users),
        ..Parts::new()
    }
    .build();
    let path = format!("/v1/users/{NOBODY}");
    for request in [
        get("/v1/users"),
        get(&path),
        get(&format!("{path}/dashboard")),
        post(
            "/v1/users",
            &json!({ "email": "a@example.com", "name": "x" }),
        ),
        call("PATCH", &path).json(&json!({ "name": "x" })),
        call("DELETE", &path),
        call("DELETE", &format!("{path}?purge=true")),
        call("POST", &format!("{path}/restore")),
        post("/v1/users/batch-get", &json!({ "ids": [NOBODY] })),
        post("/v1/users/lookup", &json!({ "email": "a@example.com" })),
    ] {
        let answer = api.send(request).await;
        assert_eq!(
            answer.problem(),
            "dependency-unavailable",
            "{}",
            answer.text()
        );
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("cache-status"), None);
    }
}
