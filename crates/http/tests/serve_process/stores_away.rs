//! PostgreSQL and Redis are away, one after the other and both: who may do what cannot be found
//! out then, and nobody is taken for somebody else.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use roster_soak::now;
use roster_test_services::Fault;
use serde_json::{Value, json};

use super::process::{PATIENCE, Server};
use super::store::Store;

/// A request is answered within its deadline, and the answer has to arrive.
const DEADLINE: Duration = Duration::from_secs(5);
/// A user's standing may be held for a second, and no longer where a store tells.
const BEYOND_STANDING: Duration = Duration::from_millis(1_500);

fn since(moment: Duration) -> Duration {
    now().saturating_sub(moment)
}

/// Somebody who asks, and what is answered.
struct Caller {
    client: Client,
    base: String,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    problem: String,
    retry_after: bool,
    bound: String,
    cache: String,
}

impl Caller {
    fn new(server: &Server, token: &str) -> Self {
        Self {
            client: Server::client_with(token),
            base: server.url(""),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let sent = now();
        let answer = request.timeout(PATIENCE).send().await.unwrap();
        let took = since(sent);
        assert!(took <= DEADLINE, "{path} was answered after {took:?}");
        let header = |name: &str| {
            let value = answer.headers().get(name);
            value.map_or("", |value| value.to_str().unwrap()).to_owned()
        };
        let (status, retry_after) = (answer.status(), !header("retry-after").is_empty());
        let (bound, cache) = (header("staleness-bound"), header("cache-status"));
        let body: Value = answer.json().await.unwrap_or_default();
        Answer {
            status,
            problem: body["type"].as_str().unwrap_or_default().to_owned(),
            retry_after,
            bound,
            cache,
        }
    }

    async fn read(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    async fn rename(&self, path: &str, name: &str) -> Answer {
        self.send(Method::PATCH, path, Some(json!({ "name": name })))
            .await
    }

    /// Reads until the process answers from its memory, with a bound.
    async fn warm(&self, path: &str) {
        let start = now();
        loop {
            let answer = self.read(path).await;
            if answer.cache.contains("roster-l1; hit") && answer.bound.parse::<f64>().is_ok() {
                return;
            }
            assert!(since(start) < PATIENCE, "it stays cold: {answer:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A new user. The first connections to the database may take longer than a request waits for one.
async fn created(operator: &Caller, server: &Server, name: &str) -> String {
    let start = now();
    loop {
        // An address of its own each time: what was answered with 503 may have happened.
        let address = format!("{name}{}@example.com", since(start).as_nanos());
        let body = json!({ "email": address, "name": name });
        let request = operator.client.post(server.url("/v1/users")).json(&body);
        let user: Value = request.send().await.unwrap().json().await.unwrap();
        if let Some(id) = user["id"].as_str() {
            return id.to_owned();
        }
        assert!(since(start) < PATIENCE, "no user is created: {user}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What cannot be done just now, and may be asked for again.
fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 503, "{what}: {answer:?}");
    assert_eq!(answer.problem, "/problems/dependency-unavailable", "{what}");
    assert!(answer.retry_after, "{what}: {answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_its_stores_away_reads_by_a_token_go_on_from_what_is_left_and_writes_are_refused() {
    let Some((store, proxies)) = Store::behind_proxies().await else {
        return;
    };
    // However busy the machine is, Redis is waited for.
    let server = store.serve(&["--redis-command-timeout", "500ms"]);
    let operator = Caller {
        client: server.client(),
        base: server.url(""),
    };
    let mut ids = Vec::new();
    for name in ["ada", "bob"] {
        ids.push(created(&operator, &server, name).await);
    }
    let paths: Vec<_> = ids.iter().map(|id| format!("/v1/users/{id}")).collect();
    let (own, cold) = (&*paths[0], &*paths[1]);
    let ada = Caller::new(&server, &server.token(&ids[0], ""));
    ada.warm(own).await;

    // Without PostgreSQL: nobody can tell any more whether she may act; memory and Redis can
    // tell what she is.
    proxies.database.set(Fault::Refuse);
    let away = now();
    let mut reads = 0;
    while since(away) < BEYOND_STANDING || reads < 20 {
        let read = ada.read(own).await;
        assert_eq!(read.status, 200, "{:?} after: {read:?}", since(away));
        assert_refused(&ada.rename(own, "Ada").await, "a write");
        reads += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_refused(&operator.read(cold).await, "a cold read");

    // Without Redis, too: with the connection that would tell of changes, what memory holds is
    // gone. Nothing is left to read from; nobody is told that he has no right.
    proxies.redis.set(Fault::Refuse);
    let both_away = now();
    while ada.read(own).await.status == 200 {
        assert!(since(both_away) < DEADLINE, "memory is still believed");
    }
    for caller in [&ada, &operator] {
        assert_refused(&caller.read(own).await, "a read");
        assert_refused(&caller.rename(own, "Ada").await, "a write");
    }
    assert_refused(&operator.read(cold).await, "a cold read");
    // What is hers not to do she is told as ever, and so is who shows no good token.
    let forbidden = ada.read("/v1/users").await;
    assert_eq!(forbidden.problem, "/problems/forbidden");
    let stranger = Caller::new(&server, "nothing");
    assert_eq!(stranger.read(own).await.status, 401);
    assert_eq!(stranger.read("/livez").await.status, 200);
    assert_eq!(stranger.read("/readyz").await.status, 503);

    // Both hang: as above, in time.
    proxies.redis.set(Fault::BlackHole);
    proxies.database.set(Fault::BlackHole);
    for caller in [&ada, &operator] {
        for answer in [caller.read(own).await, caller.rename(own, "Ada").await] {
            let late = answer.status == 504 && answer.problem == "/problems/deadline-exceeded";
            if !late {
                assert_refused(&answer, "a request while both hang");
            }
        }
    }

    // Redis is back: what it holds is read, and claims to be no younger than the outage.
    proxies.redis.set(Fault::Pass);
    proxies.database.set(Fault::Refuse);
    let back = now();
    let (gone, read) = loop {
        // The bound is of a moment after this.
        let gone = since(away);
        let read = ada.read(own).await;
        if read.status == 200 {
            break (gone, read);
        }
        assert_refused(&read, "a read");
        assert!(since(back) < PATIENCE, "Redis is not used again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let bound = read.bound.parse().map(Duration::from_secs_f64);
    assert!(
        read.bound == "unproven" || bound.is_ok_and(|bound| bound >= gone),
        "{gone:?} without PostgreSQL: {read:?}"
    );
    assert_refused(&ada.rename(own, "Ada").await, "a write");

    // So is PostgreSQL: she may write again, and not any more when she is deactivated.
    proxies.database.set(Fault::Pass);
    let back = now();
    while ada.rename(own, "Ada again").await.status != 200 {
        assert!(since(back) < PATIENCE, "writes do not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let off = Some(json!({ "is_active": false }));
    let off = operator.send(Method::PATCH, own, off).await;
    assert_eq!(off.status, 200, "{off:?}");
    let told = now();
    while ada.read(own).await.status != 401 {
        assert!(since(told) < DEADLINE, "she is still let in");
    }
    println!("stores away: {reads} warm reads and as many refused writes without PostgreSQL");
}
