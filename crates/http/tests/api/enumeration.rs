//! A caller without rights learns nothing of what is there: not from what is answered, and not
//! from how long it takes.

use std::time::Duration;

use roster_app::Scope;
use roster_domain::ports::Clock as _;
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

/// How far two samples lie apart, in standard deviations of the rank sum (Mann and Whitney):
/// 0 when they are of one distribution, and not moved by a few outliers of a busy machine.
#[expect(
    clippy::cast_precision_loss,
    reason = "some thousand samples have far fewer than 52 bits"
)]
fn distance(one: &[Duration], other: &[Duration]) -> f64 {
    let mut all: Vec<(Duration, bool)> = one
        .iter()
        .map(|took| (*took, true))
        .chain(other.iter().map(|took| (*took, false)))
        .collect();
    all.sort_unstable();
    let mut sum = 0.0;
    let mut at = 0;
    while at < all.len() {
        // Ties share the middle of their ranks.
        let ties = all[at..].iter().take_while(|(took, _)| *took == all[at].0);
        let count = ties.count();
        let rank = f64::midpoint(at as f64 + 1.0, (at + count) as f64);
        let ours = all[at..at + count].iter().filter(|(_, is_one)| *is_one);
        sum += rank * ours.count() as f64;
        at += count;
    }
    let (n, m) = (one.len() as f64, other.len() as f64);
    let mean = n * (n + m + 1.0) / 2.0;
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    (sum - mean) / deviation
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
/// So many samples of each tell apart what differs by this.
const SAMPLES: usize = 1_500;
const LOOK_UP: Duration = Duration::from_micros(20);

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
    /// By chance one run in some hundred thousand, of all operations together.
    const NOTICEABLE: f64 = 5.0;
    let world = World::new().await;
    let ids = [&*world.id, NOBODY];
    let admin = world.mint.token("batch", &[Scope::UsersAdmin]);
    let mut measured = Vec::new();
    for operation in TIMED {
        let [there, absent] = times(&world.api, &world.stranger, operation, ids).await;
        let refused = distance(&there, &absent).abs();
        // What a look-up in the least of stores takes would be seen.
        let later: Vec<_> = absent.iter().map(|took| *took + LOOK_UP).collect();
        let looked_up = distance(&there, &later).abs();
        // With rights most differ, and the same measurement sees it. A store in memory finds some
        // as fast as nothing.
        let [there, absent] = times(&world.api, &admin, operation, ids).await;
        let answered = distance(&there, &absent).abs();
        measured.push((operation, refused, looked_up, answered));
    }
    eprintln!("in standard deviations, refused, after a look-up, answered: {measured:.1?}");
    let differ = measured
        .iter()
        .filter(|(.., answered)| *answered > NOTICEABLE);
    assert!(differ.count() >= 3, "what differs is not seen");
    for (operation, refused, looked_up, answered) in measured {
        assert!(
            looked_up > NOTICEABLE,
            "{operation}: the measurement would see no look-up: {looked_up}"
        );
        assert!(
            refused < NOTICEABLE,
            "{operation}: {refused} (with rights {answered})"
        );
    }
}
