//! The whole router over the ports in memory, and answers as text that a snapshot can hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use roster_adapters_memory::{
    ManualClock, MemoryActivities, MemoryCacheRelay, MemoryChangeLog, MemoryNotifications,
    MemoryReadiness, MemoryStats, MemoryStore, MemoryUserCache, MemoryUserSearch,
    MemoryUserTransfer, MemoryUserWrites, MemoryUsers, SequentialIds, TokioSpawner,
};
use roster_app::{
    ActivityService, CachePolicy, Caches, DashboardPolicy, DashboardService, NotificationService,
    Runtime, SearchService, SharedCache, StatsService, UserService,
};
use roster_domain::ports::{
    ActivityRepository, NotificationRepository, StatsRepository, UserRepository, UserTransfer,
    UserWrites,
};
use roster_http::authentication::Authentication;
use roster_http::metrics::Metrics;
use roster_http::router::{Api as Routes, router};
use roster_http::services::{Dependency, Draining, Services};
use roster_http::settings::HttpSettings;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// What the service is built from; a test replaces what it wants to see fail.
pub(crate) struct Parts {
    pub(crate) users: Arc<dyn UserRepository>,
    pub(crate) writes: Arc<dyn UserWrites>,
    pub(crate) notifications: Arc<dyn NotificationRepository>,
    pub(crate) activities: Arc<dyn ActivityRepository>,
    pub(crate) stats: Arc<dyn StatsRepository>,
    pub(crate) transfer: Arc<dyn UserTransfer>,
    pub(crate) caches: Caches,
    pub(crate) settings: HttpSettings,
    pub(crate) authentication: Authentication,
    /// With what [`Api::create`] makes users, where a token is needed.
    pub(crate) operator: Option<String>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: MemoryStore,
}

impl Parts {
    pub(crate) fn new() -> Self {
        let (store, clock) = (MemoryStore::new(), Arc::new(ManualClock::default()));
        Self {
            users: Arc::new(MemoryUsers::new(store.clone())),
            writes: Arc::new(MemoryUserWrites::new(store.clone())),
            notifications: Arc::new(MemoryNotifications::new(store.clone())),
            activities: Arc::new(MemoryActivities::new(store.clone())),
            stats: Arc::new(MemoryStats::new(store.clone())),
            transfer: Arc::new(MemoryUserTransfer::new(store.clone())),
            caches: Caches::Embedded,
            settings: HttpSettings::default(),
            authentication: Authentication::off(),
            operator: None,
            clock,
            store,
        }
    }

    /// The same behind a shared cache.
    pub(crate) fn with_shared_cache(mut self) -> Self {
        let clock = Arc::<ManualClock>::clone(&self.clock) as _;
        let cache = Arc::new(MemoryUserCache::new(clock));
        self.caches = Caches::Shared(SharedCache {
            relay: Arc::new(MemoryCacheRelay::new(&cache)),
            cache,
            change_log: Arc::new(MemoryChangeLog::new(self.store.clone())),
        });
        self
    }

    pub(crate) fn build(self) -> Api {
        let runtime = Runtime {
            clock: Arc::<ManualClock>::clone(&self.clock) as _,
            ids: Arc::new(SequentialIds::new()),
            tasks: Arc::new(TokioSpawner),
        };
        let metrics = Arc::new(Metrics::new());
        let observer = Arc::<Metrics>::clone(&metrics) as _;
        let users = Arc::new(UserService::new(
            self.users,
            Arc::clone(&self.writes),
            self.caches,
            CachePolicy::default(),
            observer,
            runtime.clone(),
        ));
        let (database, cache) = (
            Arc::new(MemoryReadiness::new()),
            Arc::new(MemoryReadiness::new()),
        );
        let draining = Draining::default();
        let kept = Arc::clone(&users);
        let services = Services {
            dashboard: DashboardService::new(
                Arc::clone(&users),
                Arc::clone(&self.stats),
                Arc::clone(&self.notifications),
                Arc::clone(&self.activities),
                DashboardPolicy::default(),
                runtime.clone(),
            ),
            transfer: users.transfer(self.transfer),
            users,
            notifications: NotificationService::new(
                Arc::clone(&self.notifications),
                Arc::clone(&self.writes),
                runtime.clone(),
            ),
            activity: ActivityService::new(
                Arc::clone(&self.activities),
                self.writes,
                runtime.clone(),
            ),
            search: SearchService::new(Arc::new(MemoryUserSearch::new(self.store.clone()))),
            stats: StatsService::new(self.stats),
            authentication: self.authentication,
            dependencies: vec![
                Dependency::new("database", true, Arc::clone(&database) as _),
                Dependency::new("cache", false, Arc::clone(&cache) as _),
            ],
            draining: draining.clone(),
            metrics: Arc::clone(&metrics),
            runtime,
        };
        let router = router(Arc::new(services), &self.settings);
        Api {
            router,
            operator: self.operator,
            users: kept,
            clock: self.clock,
            database,
            cache,
            draining,
            metrics,
        }
    }
}

/// A running service.
pub(crate) struct Api {
    router: Routes,
    operator: Option<String>,
    pub(crate) users: Arc<UserService>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) database: Arc<MemoryReadiness>,
    pub(crate) cache: Arc<MemoryReadiness>,
    pub(crate) draining: Draining,
    pub(crate) metrics: Arc<Metrics>,
}

/// A service over an empty store.
pub(crate) fn api() -> Api {
    Parts::new().build()
}

/// One request to be.
pub(crate) struct Call {
    method: String,
    uri: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

pub(crate) fn call(method: &str, uri: &str) -> Call {
    Call {
        method: method.into(),
        uri: uri.into(),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

pub(crate) fn get(uri: &str) -> Call {
    call("GET", uri)
}

pub(crate) fn post(uri: &str, body: &Value) -> Call {
    call("POST", uri).json(body)
}

pub(crate) fn patch(uri: &str, body: &Value) -> Call {
    call("PATCH", uri).body("application/merge-patch+json", body.to_string())
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }
}

/// Lets every task that can run do so.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

impl Api {
    /// The answer before any of its body is read.
    pub(crate) async fn begin(&self, call: Call) -> Response<Body> {
        let mut request = Request::builder().method(&*call.method).uri(call.uri);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        self.router
            .clone()
            .oneshot(request.body(Body::from(call.body)).unwrap())
            .await
            .unwrap()
    }

    /// The path of every route, as it was given to the router, whether a document lists it or not.
    pub(crate) fn paths(&self) -> BTreeSet<String> {
        // `RouteId(7): "/v1/users"`; what belongs to the fallback comes last.
        let shown = format!("{:?}", self.router);
        let own = shown.split("fallback_router").next().unwrap();
        let paths = own.split("RouteId(").filter_map(|piece| {
            let (id, path) = piece.split_once("): \"")?;
            id.parse::<u32>().ok()?;
            path.split('"').next().map(str::to_owned)
        });
        paths.collect()
    }

    /// The answer, once all is done that goes on behind it, such as the fill of a cache.
    pub(crate) async fn send(&self, call: Call) -> Answer {
        let answer = self.answer(call).await;
        settle().await;
        answer
    }

    pub(crate) async fn answer(&self, call: Call) -> Answer {
        let (head, body) = self.begin(call).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    /// A stored user's body.
    pub(crate) async fn create(&self, number: u32) -> Value {
        let body = json!({ "email": format!("user{number}@example.com"), "name": format!("User {number}") });
        let call = post("/v1/users", &body);
        let call = match &self.operator {
            Some(token) => call.token(token),
            None => call,
        };
        let answer = self.send(call).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()
    }

    /// As many users, a second apart; their ids in the order of their birth.
    pub(crate) async fn create_many(&self, count: u32) -> Vec<String> {
        let mut ids = Vec::new();
        for number in 1..=count {
            self.clock.advance(Duration::from_secs(1));
            ids.push(self.create(number).await["id"].as_str().unwrap().to_owned());
        }
        ids
    }

    /// Moves the clock as soon as `count` wait on it.
    pub(crate) async fn advance_when(&self, count: usize, duration: Duration) {
        while self.clock.sleepers() < count {
            tokio::task::yield_now().await;
        }
        self.clock.advance(duration);
    }
}

/// One answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The name of the problem, after the form of every problem was checked.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{} {}",
            self.status,
            self.text()
        );
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let body = self.json();
        for member in ["title", "detail", "instance", "request_id"] {
            assert!(
                body[member].as_str().is_some_and(|text| !text.is_empty()),
                "{member}: {body}"
            );
        }
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(body["request_id"], self.header("x-request-id").unwrap());
        body["type"]
            .as_str()
            .unwrap()
            .strip_prefix("/problems/")
            .unwrap()
            .to_owned()
    }

    /// Status, headers and body as one text.
    pub(crate) fn shown(&self) -> String {
        let mut text = format!("{}\n", self.status);
        let headers: BTreeMap<_, _> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        for (name, value) in headers {
            writeln!(text, "{name}: {value}").unwrap();
        }
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(body) => write!(text, "\n{body:#}").unwrap(),
            Err(_) => write!(text, "\n{}", self.text()).unwrap(),
        }
        text
    }
}

/// An id that no user has.
pub(crate) const NOBODY: &str = "0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f";
