//! All users at once, over HTTP.

use std::fmt::Write as _;
use std::time::Duration;

use http::StatusCode;
use insta::assert_snapshot;
use roster_domain::ports::Clock as _;
use roster_http::system::SystemClock;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Call, NOBODY, Parts, api, call, get};

const NDJSON: &str = "application/x-ndjson";

fn import(query: &str, rows: impl Into<Vec<u8>>) -> Call {
    call("POST", &format!("/v1/users/import{query}")).body(NDJSON, rows)
}

/// Rows with numbers and names.
fn rows(numbers: impl IntoIterator<Item = u32>, name: &str) -> String {
    let mut rows = String::new();
    for n in numbers {
        let row = json!({ "email": format!("user{n}@example.com"), "name": format!("{name} {n}") });
        writeln!(rows, "{row}").unwrap();
    }
    rows
}

fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some(NDJSON));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let text = answer.text();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn results(lines: &[Value]) -> Vec<(u64, &str)> {
    let (last, rows) = lines.split_last().unwrap();
    assert!(last["summary"].is_object(), "{last}");
    rows.iter()
        .map(|line| {
            (
                line["line"].as_u64().unwrap(),
                line["result"].as_str().unwrap(),
            )
        })
        .collect()
}

async fn export(api: &Api, query: &str, accept: &str) -> Answer {
    let uri = format!("/v1/users/export{query}");
    api.send(get(&uri).header("accept", accept)).await
}

#[tokio::test]
async fn each_row_has_its_line_and_the_last_line_has_the_sums() {
    let api = api();
    api.create(2).await;
    let mut file = rows(1..=3, "Imported");
    file.push_str("\nnonsense\n{\"email\":\"x\",\"name\":\"\",\"colour\":1}\n");
    let answer = api.send(import("", file)).await;
    let lines = lines(&answer);
    assert_eq!(
        results(&lines),
        [
            (1, "created"),
            (2, "skipped"),
            (3, "created"),
            (5, "rejected"),
            (6, "rejected")
        ]
    );
    assert_snapshot!("import", answer.shown());
    let list = api.send(get("/v1/users?active=any")).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_row_of_very_many_members_takes_no_longer_for_each() {
    // Compared each with each they would take minutes.
    let members: Vec<String> = (0..80_000).map(|n| format!("\"m{n}\":0")).collect();
    let row = format!("{{{}}}\n", members.join(","));
    let clock = SystemClock::new();
    let answer = api().send(import("", row)).await;
    assert_eq!(results(&lines(&answer)), [(1, "rejected")]);
    let took = clock.monotonic();
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn an_import_is_seen_at_once_by_whoever_had_the_users_cached() {
    for parts in [Parts::new(), Parts::new().with_shared_cache()] {
        let api = parts.build();
        let id = api.create(1).await["id"].as_str().unwrap().to_owned();
        let uri = format!("/v1/users/{id}");
        for _ in 0..2 {
            assert_eq!(api.send(get(&uri)).await.json()["name"], "User 1");
        }
        let nobody = format!("/v1/users/{NOBODY}");
        assert_eq!(api.send(get(&nobody)).await.status, 404);
        let mut file = rows([1], "Changed");
        file.push_str(&json!({ "id": NOBODY, "email": "n@example.com", "name": "N" }).to_string());
        let answer = api.send(import("?on_conflict=update", file)).await;
        assert_eq!(results(&lines(&answer)), [(1, "updated"), (2, "created")]);
        let user = api.send(get(&uri)).await.json();
        assert_eq!(
            (&user["name"], &user["version"]),
            (&json!("Changed 1"), &json!(2))
        );
        assert_eq!(api.send(get(&nobody)).await.json()["name"], "N");
    }
}

#[tokio::test]
async fn a_conflict_undoes_its_batch_and_says_where_to_go_on() {
    let api = api();
    api.create(1_500).await;
    let file = rows(1..=2_500, "Imported");
    let answer = api.send(import("?on_conflict=fail", file.clone())).await;
    let told = lines(&answer);
    let (last, rows) = told.split_last().unwrap();
    assert_eq!(rows.len(), 1_001);
    assert_eq!(
        (&rows[1_000]["line"], &rows[1_000]["result"]),
        (&json!(1_500), &json!("conflict"))
    );
    assert_eq!(last["summary"]["created"], 1_000);
    assert_eq!(last["committed_line"], 1_000);
    assert_eq!(last["problem"]["type"], "/problems/conflict");
    let answer = api.send(import("?from_line=1001", file)).await;
    let told = lines(&answer);
    let last = told.last().unwrap();
    assert_eq!(told[0]["line"], 1_001);
    assert_eq!(
        (&last["summary"]["created"], &last["summary"]["skipped"]),
        (&json!(1_499), &json!(1))
    );
    assert_eq!(
        (&last["committed_line"], &last["problem"]),
        (&json!(2_500), &Value::Null)
    );
}

#[tokio::test]
async fn a_trial_stores_nothing() {
    let api = api();
    let mut file = rows(1..=2, "Tried");
    file.push_str("{}\n");
    let answer = api.send(import("?dry_run=true", file)).await;
    let told = lines(&answer);
    assert_eq!(
        results(&told),
        [(1, "accepted"), (2, "accepted"), (3, "rejected")]
    );
    let list = api.send(get("/v1/users?active=any")).await.json();
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_imported_at_all_is_a_problem() {
    let mut parts = Parts::new();
    parts.settings.max_import = 2_000;
    let api = parts.build();
    let problem = async |call| api.send(call).await.problem();
    let csv = |text: &str| call("POST", "/v1/users/import").body("text/csv", text);
    assert_eq!(problem(csv("email,colour\n")).await, "malformed-request");
    assert_eq!(problem(csv("")).await, "malformed-request");
    let json = call("POST", "/v1/users/import").json(&json!([]));
    assert_eq!(problem(json).await, "unsupported-media-type");
    assert_eq!(
        problem(import("?on_conflict=replace", "")).await,
        "malformed-request"
    );
    assert_eq!(
        problem(import("?from_line=0", "")).await,
        "malformed-request"
    );
    let html = import("", "").header("accept", "text/html");
    assert_eq!(problem(html).await, "not-acceptable");
    let announced = import("", "").header("content-length", "2001");
    assert_eq!(problem(announced).await, "content-too-large");
    // One that does not say how long it is, is taken up to the limit.
    let fits = format!(
        "{}{}",
        rows(1..=2, "Row"),
        "\n".repeat(2_000 - rows(1..=2, "Row").len())
    );
    assert_eq!(lines(&api.send(import("", fits.clone())).await).len(), 3);
    let over = format!("{fits}\n");
    assert_eq!(problem(import("", over)).await, "content-too-large");
    let empty = api.send(import("", "")).await;
    assert_eq!(lines(&empty).len(), 1, "{}", empty.text());
}

#[tokio::test]
async fn an_export_is_what_an_import_takes() {
    let api = api();
    for n in 1..=2_500 {
        api.create(n).await;
    }
    for (accept, content_type) in [
        ("*/*", NDJSON),
        ("application/x-ndjson", NDJSON),
        (
            "text/csv, application/json",
            "text/csv; charset=utf-8; header=present",
        ),
        ("text/csv;q=0.5, application/x-ndjson;q=0.6", NDJSON),
    ] {
        let answer = export(&api, "", accept).await;
        assert_eq!(
            answer.header("content-type"),
            Some(content_type),
            "{accept}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let other = crate::support::api();
        let call = call("POST", "/v1/users/import").body(content_type, answer.body.clone());
        let told = lines(&other.send(call).await);
        assert_eq!(told.last().unwrap()["summary"]["created"], 2_500);
        let again = export(&other, "", accept).await;
        assert_eq!(again.body, answer.body, "{accept}");
    }
    let answer = export(&api, "", "text/html").await;
    assert_eq!(answer.problem(), "not-acceptable");
}

#[tokio::test]
async fn an_export_goes_on_behind_the_last_user_that_arrived() {
    let api = api();
    for n in 1..=1_200 {
        api.create(n).await;
    }
    let whole = export(&api, "", NDJSON).await.text();
    let seen: Vec<&str> = whole.split_inclusive('\n').collect();
    for cut in [1, 999, 1_000, 1_001, 1_200] {
        let last: Value = serde_json::from_str(seen[cut - 1]).unwrap();
        let query = format!("?after={}", last["id"].as_str().unwrap());
        let rest = export(&api, &query, NDJSON).await.text();
        assert_eq!(rest, seen[cut..].concat(), "{cut}");
    }
    assert_eq!(
        export(&api, "?after=1", NDJSON).await.problem(),
        "malformed-request"
    );
    assert_eq!(
        export(&api, "?limit=1", NDJSON).await.problem(),
        "malformed-request"
    );
}

#[tokio::test]
async fn streams_have_few_places_and_give_them_back() {
    let mut parts = Parts::new();
    parts.settings.max_streams = 1;
    let api = parts.build();
    api.create(1).await;
    let held = api.begin(get("/v1/users/export")).await;
    assert_eq!(held.status(), StatusCode::OK);
    let refused = export(&api, "", NDJSON).await;
    assert_eq!(refused.problem(), "temporary-reduced-capacity");
    assert_eq!(
        api.send(import("", "")).await.problem(),
        "temporary-reduced-capacity"
    );
    drop(held);
    assert_eq!(export(&api, "", NDJSON).await.status, StatusCode::OK);
    assert_eq!(lines(&api.send(import("", "")).await).len(), 1);
}
