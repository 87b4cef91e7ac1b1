//! Personal data through every route, and what the service says of it: nothing.
//!
//! Which routes there are the document says: one that nobody asked with the word, that nobody
//! was refused by, or that did not fail with its store, fails the test.

mod astray;
mod broken;
mod caller;
mod life;

use roster_test_services::Fault;

use super::process::Server;
use super::store::{Proxies, Store};
use broken::Breaking;
use caller::{Caller, Outcome};

/// In every text that is sent.
const CANARY: &str = "canary";

/// What has no store behind it, or says of it that it is away.
const FAIL_WITH_NOTHING: [&str; 7] = [
    "GET /livez",
    "GET /version",
    "GET /openapi.json",
    "GET /problems",
    "GET /problems/{name}",
    "GET /v1/admin/cache",
    "GET /v1/admin/cache/users/{id}",
];

/// Where all caches are in the process, so that clearing them cannot fail.
const FAIL_WITH_A_SHARED_CACHE: [&str; 2] = [
    "DELETE /v1/admin/cache/users/{id}",
    "POST /v1/admin/cache/epoch",
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_logged_or_counted_embedded() {
    sing_through(Store::embedded(), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_logged_or_counted_distributed() {
    if let Some((store, proxies)) = Store::behind_proxies().await {
        sing_through(store, Some(proxies)).await;
    }
}

/// A service that logs all that it can, and a caller whose every word is the same.
async fn sing_through(store: Store, proxies: Option<Proxies>) {
    // What passes is said by the service and its drivers; the HTTP library is of the clients' side too.
    let log = "trace,hyper=debug,hyper_util=debug,reqwest=off";
    let server = store.serve(&["--log", log, "--http-request-deadline", "20s"]);
    let mut caller = Caller::of(&server).await;
    life::live(&mut caller).await;
    astray::go_astray(&caller).await;
    let mut breaking = Breaking::new(&store, &caller).await;
    breaking.spoil_rows().await;
    breaking.refuse_rows().await;
    breaking.take_tables_away().await;
    if let Some(proxies) = &proxies {
        proxies.database.set(Fault::Refuse);
        breaking.ask_everything().await;
        proxies.redis.set(Fault::Refuse);
        breaking.ask_everything().await;
        proxies.redis.set(Fault::Pass);
        proxies.database.set(Fault::Pass);
    }
    let spared = FAIL_WITH_NOTHING.into_iter();
    let shared = FAIL_WITH_A_SHARED_CACHE.into_iter();
    let spared: Vec<_> = spared.chain(shared.filter(|_| proxies.is_none())).collect();
    caller.assert_asked(Outcome::Succeeded, &[]);
    caller.assert_asked(Outcome::Refused, &[]);
    caller.assert_asked(Outcome::Failed, &spared);

    let metrics = format!("http://{}/metrics", server.metrics.as_deref().unwrap());
    let metrics = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("/v1/users/{id}"), "{metrics}");
    silent(&metrics, "metrics");
    let said = stop(server).await;
    let failures = said.iter().filter(|line| line.contains("\"error\""));
    let failures = failures.count();
    assert!(
        failures >= 20,
        "the log tells of {failures} failures: {said:?}"
    );
    for line in said {
        silent(&line, "log");
    }
}

async fn stop(server: Server) -> Vec<String> {
    let (status, said) = tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
    assert!(status.success(), "{said:?}");
    said
}

fn silent(text: &str, place: &str) {
    let found = text.to_lowercase().find(CANARY);
    let shown = found.map(|at| text.get(at.saturating_sub(200)..text.len().min(at + 80)));
    assert!(found.is_none(), "{place}: {shown:?}");
}
