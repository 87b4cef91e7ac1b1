//! A caller without rights learns nothing of what is there: not from what is answered, and not
//! from how long it takes.

use std::sync::Arc;
use std::time::Duration;

use roster_app::Scope;
use roster_domain::ports::{
    Clock as _, MockActivityRepository, MockNotificationRepository, MockStatsRepository,
    MockUserRepository, MockUserWrites,
};
use roster_http::settings::QuotaSettings;
use roster_http::system::SystemClock;
use serde_json::{Value, json};

use crate::document::{NOTIFICATION, document, fresh_with, operations, sample};
use crate::support::{Answer, Api, Call, NOBODY, Parts, call, get, patch};
use crate::tokens::Mint;

struct World {
    api: Api,
    mint: Mint,
    id: String,
    /// Who may do nothing here: a user that is neither.
    stranger: String,
}

impl World {
    async fn new() -> Self {
        let mut parts = Parts::new();
        // Thousands of requests are measured on a clock that stands still.
        parts.settings.quotas = QuotaSettings::default();
        let mint = Mint::of(&parts);
        let (api, id) = fresh_with(mint.guard(parts)).await;
        let stranger = api.create(2).await["id"].as_str().unwrap().to_owned();
        Self {
            stranger: mint.token(&stranger, &[]),
            api,
            mint,
            id,
        }
    }
}

/// What a client sees, without what differs between any two requests.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or(json!(answer.text()));
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
        members.remove("instance");
    }
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (answer.status.as_u16(), headers.collect(), body)
}

#[tokio::test]
async fn answers_without_rights_are_the_same_whether_the_row_is_there_or_not() {
    let document = document();
    let mut compared = 0;
    for (path, method, operation) in operations(&document) {
        if !path.contains("{id}") {
            continue;
        }
        let world = World::new().await;
        // Deleted is a third state.
        let gone = world.api.create(3).await["id"].as_str().unwrap().to_owned();
        let admin = world.mint.token("batch", &[Scope::UsersAdmin]);
        let delete = call("DELETE", &format!("/v1/users/{gone}")).token(&admin);
        assert_eq!(world.api.send(delete).await.status, 200);
        for header in [
            None,
            Some(("if-match", "\"v9\"")),
            Some(("if-none-match", "*")),
        ] {
            for token in [Some(&world.stranger), None] {
                let mut answers = Vec::new();
                for id in [&*world.id, NOBODY, &*gone] {
                    let mut call = sample(&document, path, &method, operation, id, "");
                    if let Some(token) = token {
                        call = call.token(token);
                    }
                    if let Some((name, value)) = header {
                        call = call.header(name, value);
                    }
                    answers.push(seen(&world.api.send(call).await));
                }
                assert!([401, 403].contains(&answers[0].0), "{method} {path}");
                assert!(
                    answers.iter().all(|answer| *answer == answers[0]),
                    "{method} {path} {header:?}: {answers:#?}"
                );
                compared += 1;
            }
        }
    }
    assert!(compared >= 80, "{compared}");
    // The same for a notification that is there and one that is not.
    let world = World::new().await;
    let mut answers = Vec::new();
    for notification in [NOTIFICATION, NOBODY] {
        let path = format!("/v1/users/{}/notifications/{notification}", world.id);
        let call = call("PATCH", &path).json(&json!({ "read": true }));
        answers.push(seen(&world.api.send(call.token(&world.stranger)).await));
    }
    assert_eq!(answers[0], answers[1]);
}

/// A service whose stores must not be asked: what asks one panics, and the answer is a 5xx.
fn blind() -> (Api, Mint) {
    let mut parts = Parts::new();
    parts.users = Arc::new(MockUserRepository::new());
    parts.writes = Arc::new(MockUserWrites::new());
    parts.notifications = Arc::new(MockNotificationRepository::new());
    parts.activities = Arc::new(MockActivityRepository::new());
    parts.stats = Arc::new(MockStatsRepository::new());
    let mint = Mint::of(&parts);
    (mint.guard(parts).build(), mint)
}

#[tokio::test]
async fn for_a_caller_without_rights_no_store_is_asked() {
    let document = document();
    let mut refused = 0;
    for (path, method, operation) in operations(&document) {
        if !path.contains("{id}") {
            continue;
        }
        let (api, mint) = blind();
        let sample = || sample(&document, path, &method, operation, NOBODY, "");
        assert_eq!(api.send(sample()).await.status, 401, "{method} {path}");
        // A service: of a user it would be asked whether she still may.
        let stranger = mint.token("batch", &[]);
        let answer = api.send(sample().token(&stranger)).await;
        assert_eq!(answer.status, 403, "{method} {path}");
        // With rights it is seen that a store was asked, except by what clears memory.
        let everything = mint.token("batch", &Scope::ALL);
        let answer = api.send(sample().token(&everything)).await;
        let clears = method == "DELETE" && path.starts_with("/v1/admin/");
        assert!(
            answer.status.is_server_error() || clears,
            "{method} {path}: {}",
            answer.status
        );
        refused += 1;
    }
    assert!(refused >= 15, "{refused}");
}

/// By how much one of two samples taken in pairs lies above the other: the middle of what the
/// pairs differ by, in nanoseconds. A few outliers of a busy machine do not move it, and what slows
/// both down is in both.
fn difference(there: &[Duration], absent: &[Duration]) -> i64 {
    let nanos = |took: &Duration| i64::try_from(took.as_nanos()).unwrap();
    let mut differ: Vec<i64> = there
        .iter()
        .zip(absent)
        .map(|(there, absent)| nanos(there) - nanos(absent))
        .collect();
    differ.sort_unstable();
    differ[differ.len() / 2]
}

/// Operations on one user. Done again and again by somebody who may, they change nothing.
const TIMED: [&str; 6] = [
    "get",
    "dashboard",
    "notifications",
    "activity",
    "patch",
    "delete",
];
const SAMPLES: usize = 1_500;

fn timed(operation: &str, id: &str) -> Call {
    let path = format!("/v1/users/{id}");
    match operation {
        "get" => get(&format!("{path}?consistency=strong")),
        "dashboard" => get(&format!("{path}/dashboard?consistency=strong")),
        "patch" => patch(&path, &json!({ "name": "Somebody" })),
        "delete" => call("DELETE", &path).header("if-match", "\"v99\""),
        list => get(&format!("{path}/{list}")),
    }
}

/// Times an operation on two users in turn, each sample with an own order of the two.
async fn times(api: &Api, token: &str, operation: &str, ids: [&str; 2]) -> [Vec<Duration>; 2] {
    let clock = SystemClock::new();
    let mut taken = [Vec::new(), Vec::new()];
    for round in 0..SAMPLES + 200 {
        for turn in [round % 2, 1 - round % 2] {
            let call = timed(operation, ids[turn]).token(token);
            let began = clock.monotonic();
            let answer = api.send(call).await;
            let took = clock.monotonic().saturating_sub(began);
            assert_ne!(answer.status, 401);
            // The first ones warm up.
            if round >= 200 {
                taken[turn].push(took);
            }
        }
    }
    taken
}

#[tokio::test]
async fn the_time_of_a_refusal_does_not_tell_whether_the_row_is_there() {
    /// What the nearest of stores takes for a look-up several times over, in nanoseconds.
    const NOTICEABLE: u64 = 5_000;
    let world = World::new().await;
    let ids = [&*world.id, NOBODY];
    let admin = world.mint.token("batch", &[Scope::UsersAdmin]);
    let mut measured = Vec::new();
    for operation in TIMED {
        let [there, absent] = times(&world.api, &world.stranger, operation, ids).await;
        let refused = difference(&there, &absent).unsigned_abs();
        // With rights most differ, and the same measurement sees it. A store in memory finds some
        // as fast as nothing.
        let [there, absent] = times(&world.api, &admin, operation, ids).await;
        let answered = difference(&there, &absent).unsigned_abs();
        measured.push((operation, refused, answered));
    }
    eprintln!("nanoseconds, refused and answered: {measured:?}");
    let differ = measured.iter().filter(|(.., took)| *took > NOTICEABLE);
    assert!(differ.count() >= 3, "what differs is not seen");
    for (operation, refused, answered) in measured {
        assert!(
            refused < NOTICEABLE,
            "{operation}: {refused} ns (with rights {answered})"
        );
    }
}
