use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Answer, Api, NOBODY, Parts, api, call, get, patch, post};

/// A user without feeds, and where they will be.
async fn user(api: &Api) -> String {
    let id = api.create(1).await["id"].as_str().unwrap().to_owned();
    format!("/v1/users/{id}")
}

/// A stored notification, a second after the one before.
async fn notify(api: &Api, user: &str, title: &str) -> String {
    api.clock.advance(Duration::from_secs(1));
    let body = json!({ "kind": "invoice.paid", "title": title });
    let answer = api
        .send(post(&format!("{user}/notifications"), &body))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["notification"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn unread(api: &Api, user: &str) -> u64 {
    let answer = api.send(get(&format!("{user}/notifications/count"))).await;
    answer.json()["unread"].as_u64().unwrap()
}

fn texts<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item[member].as_str().unwrap()).collect()
}

/// Pointer and code of what a body was refused for.
fn refusals(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.problem(), "validation-failed");
    let body = answer.json();
    let text = |error: &Value, member: &str| error[member].as_str().unwrap().to_owned();
    let errors = body["errors"].as_array().unwrap().iter();
    errors
        .map(|error| (text(error, "pointer"), text(error, "code")))
        .collect()
}

#[tokio::test]
async fn a_notification_is_stored_and_shown() {
    let api = api();
    let user = user(&api).await;
    let body = json!({
        "kind": "invoice.paid", "title": "Invoice 7 is paid", "body": "Thank you.\nBye.",
        "data": { "invoice": 7 }, "dedupe_key": "invoice-7",
    });
    let path = format!("{user}/notifications");
    assert_snapshot!(
        "created_notification",
        api.send(post(&path, &body)).await.shown()
    );
    api.clock.advance(Duration::from_secs(5));
    notify(&api, &user, "Second").await;
    assert_snapshot!(
        "repeated_notification",
        api.send(post(&path, &body)).await.shown()
    );
    assert_snapshot!(
        "notifications",
        api.send(get(&format!("{path}?limit=1"))).await.shown()
    );
    assert_snapshot!(
        "notification_count",
        api.send(get(&format!("{path}/count"))).await.shown()
    );
}

#[tokio::test]
async fn notifications_are_walked_in_both_directions() {
    let api = api();
    let user = user(&api).await;
    for number in 1..=5 {
        notify(&api, &user, &number.to_string()).await;
    }
    let first = api
        .send(get(&format!("{user}/notifications?limit=2")))
        .await;
    assert_eq!(texts(&first.json(), "title"), ["5", "4"]);
    let follow = async |answer: &Answer, relation: &str| {
        let links = answer.header("link").unwrap().split(", ");
        let mut links = links.filter_map(|link| link.split_once(">; "));
        let (uri, _) = links
            .find(|(_, rel)| *rel == format!("rel=\"{relation}\""))
            .unwrap();
        api.send(get(&uri[1..])).await
    };
    let second = follow(&first, "next").await;
    assert_eq!(texts(&second.json(), "title"), ["3", "2"]);
    let last = follow(&second, "next").await;
    assert_eq!(texts(&last.json(), "title"), ["1"]);
    assert_eq!(
        (&last.json()["has_more"], last.json().get("next_cursor")),
        (&json!(false), None)
    );
    let back = follow(&last, "prev").await;
    assert_eq!(back.json()["items"], second.json()["items"]);
    assert_eq!(follow(&second, "first").await.json(), first.json());
}

#[tokio::test]
async fn states_are_filters_and_bind_their_cursors() {
    let api = api();
    let user = user(&api).await;
    let mut ids = Vec::new();
    for number in 1..=4 {
        ids.push(notify(&api, &user, &number.to_string()).await);
    }
    for (id, body) in [
        (0, json!({ "read": true })),
        (1, json!({ "archived": true })),
    ] {
        let path = format!("{user}/notifications/{}", ids[id]);
        assert_eq!(api.send(patch(&path, &body)).await.status, 200);
    }
    for (state, titles) in [
        ("unread", vec!["4", "3"]),
        ("read", vec!["1"]),
        ("archived", vec!["2"]),
        ("all", vec!["4", "3", "2", "1"]),
    ] {
        let list = api
            .send(get(&format!("{user}/notifications?state={state}")))
            .await
            .json();
        assert_eq!(
            (texts(&list, "title"), &list["unread"]),
            (titles, &json!(2)),
            "{state}"
        );
    }
    let page = api
        .send(get(&format!("{user}/notifications?state=unread&limit=1")))
        .await;
    let cursor = page.json()["next_cursor"].as_str().unwrap().to_owned();
    let other = api
        .send(get(&format!("{user}/notifications?cursor={cursor}")))
        .await;
    assert_eq!(other.problem(), "cursor-mismatch");
    let feed = api
        .send(get(&format!("{user}/activity?cursor={cursor}")))
        .await;
    assert_eq!(feed.problem(), "cursor-mismatch");
}

#[tokio::test]
async fn a_client_that_has_a_page_or_a_count_is_told_so_until_it_changes() {
    let api = api();
    let user = user(&api).await;
    let id = notify(&api, &user, "One").await;
    for path in [
        "/notifications",
        "/notifications/count",
        "/activity",
        "/stats",
    ] {
        let path = format!("{user}{path}");
        let answer = api.send(get(&path)).await;
        let tag = answer.header("etag").unwrap().to_owned();
        assert!(tag.starts_with("W/"), "{path}");
        let again = api.send(get(&path).header("if-none-match", &tag)).await;
        assert_eq!(
            (again.status.as_u16(), again.body.len()),
            (304, 0),
            "{path}"
        );
        assert_eq!(again.header("link"), answer.header("link"), "{path}");
    }
    let path = format!("{user}/notifications/count");
    let tag = api
        .send(get(&path))
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    api.send(patch(
        &format!("{user}/notifications/{id}"),
        &json!({ "read": true }),
    ))
    .await;
    let changed = api.send(get(&path).header("if-none-match", tag)).await;
    assert_eq!(
        (changed.status.as_u16(), changed.json()),
        (200, json!({ "unread": 0 }))
    );
}

#[tokio::test]
async fn a_notification_is_read_put_away_and_taken_back() {
    let api = api();
    let user = user(&api).await;
    let (first, _second) = (
        notify(&api, &user, "1").await,
        notify(&api, &user, "2").await,
    );
    let path = format!("{user}/notifications/{first}");
    let changed = api
        .send(patch(&path, &json!({ "read": true, "archived": true })))
        .await;
    assert_snapshot!("changed_notification", changed.shown());
    let read_at = changed.json()["notification"]["read_at"].clone();

    api.clock.advance(Duration::from_mins(1));
    let again = api
        .send(call("PATCH", &path).json(&json!({ "read": true })))
        .await
        .json();
    assert_eq!(
        (&again["changed"], &again["unread"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(again["notification"]["read_at"], read_at);
    let nothing = api.send(patch(&path, &json!({}))).await.json();
    assert_eq!(nothing, again);
    let back = api
        .send(patch(&path, &json!({ "read": false, "archived": false })))
        .await
        .json();
    assert_eq!((&back["changed"], &back["unread"]), (&json!(1), &json!(2)));
    assert_eq!(back["notification"]["read_at"], Value::Null);
}

#[tokio::test]
async fn many_are_marked_as_read_at_once() {
    let api = api();
    let user = user(&api).await;
    let mut ids = Vec::new();
    for number in 1..=5 {
        ids.push(notify(&api, &user, &number.to_string()).await);
    }
    let path = format!("{user}/notifications/mark-read");
    let marked = async |body: Value| {
        let answer = api.send(post(&path, &body)).await.json();
        (
            answer["changed"].as_u64().unwrap(),
            answer["unread"].as_u64().unwrap(),
        )
    };
    assert_eq!(
        marked(json!({ "ids": [ids[4], ids[4], NOBODY] })).await,
        (1, 4)
    );
    // The third second: two more, of which none was read.
    let third = api
        .send(get(&format!("{user}/notifications?state=all")))
        .await
        .json();
    let up_to = third["items"][3]["created_at"].clone();
    assert_eq!(marked(json!({ "up_to": up_to })).await, (2, 2));
    assert_eq!(marked(json!({ "all": true })).await, (2, 0));
    assert_eq!(marked(json!({ "all": true })).await, (0, 0));
    assert_eq!(unread(&api, &user).await, 0);
}

#[tokio::test]
async fn mark_read_takes_exactly_one_choice() {
    let api = api();
    let path = format!("{}/notifications/mark-read", user(&api).await);
    let many: Vec<_> = vec![NOBODY; 101];
    for (body, expected) in [
        (json!({}), vec![("/ids", "required")]),
        (json!({ "ids": [] }), vec![("/ids", "too_few")]),
        (json!({ "ids": many }), vec![("/ids", "too_many")]),
        (json!({ "ids": [7] }), vec![("/ids/0", "not_a_string")]),
        (json!({ "all": false }), vec![("/all", "not_true")]),
        (json!({ "up_to": "now" }), vec![("/up_to", "not_a_time")]),
        (json!({ "up_to": null }), vec![("/up_to", "required")]),
        (
            json!({ "all": true, "ids": [NOBODY] }),
            vec![("/all", "conflicting_member")],
        ),
        (
            json!({ "every": true }),
            vec![("/ids", "required"), ("/every", "unknown_member")],
        ),
    ] {
        let refused = refusals(&api.send(post(&path, &body)).await);
        let refused: Vec<_> = refused.iter().map(|(at, code)| (&**at, &**code)).collect();
        assert_eq!(refused, expected, "{body}");
    }
}

#[tokio::test]
async fn one_activity_or_many_are_appended() {
    let api = api();
    let user = user(&api).await;
    let path = format!("{user}/activity");
    let one =
        json!({ "kind": "login", "occurred_at": "2025-12-31T10:30:00+01:00", "dedupe_key": "a" });
    assert_snapshot!(
        "appended_activity",
        api.send(post(&path, &one)).await.shown()
    );
    let many = json!([one, { "kind": "logout", "data": { "from": "web" } }]);
    let answer = api.send(post(&path, &many)).await;
    let created: Vec<_> = answer.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["created"].clone())
        .collect();
    assert_eq!(
        (answer.status.as_u16(), created),
        (201, vec![json!(false), json!(true)])
    );
    assert_snapshot!(
        "activity",
        api.send(get(&format!("{path}?limit=1"))).await.shown()
    );
}

#[tokio::test]
async fn activity_is_filtered_by_kind_and_time() {
    let api = api();
    let user = user(&api).await;
    let path = format!("{user}/activity");
    let days: Vec<_> = (1..=6)
        .map(|day| json!({ "kind": if day % 2 == 0 { "even" } else { "odd" }, "occurred_at": format!("2025-03-0{day}T00:00:00Z") }))
        .collect();
    api.send(post(&path, &json!(days))).await;
    for (query, expected) in [
        ("kind=even", vec!["06", "04", "02"]),
        (
            "since=2025-03-03T00:00:00Z&until=2025-03-05T00:00:00Z",
            vec!["04", "03"],
        ),
        ("since=2025-03-05T01:00:00%2B01:00", vec!["06", "05"]),
        ("kind=odd&until=2025-03-03T00:00:00Z", vec!["01"]),
        ("kind=none", vec![]),
    ] {
        let list = api.send(get(&format!("{path}?{query}"))).await.json();
        let days: Vec<_> = texts(&list, "occurred_at")
            .iter()
            .map(|at| &at[8..10])
            .collect();
        assert_eq!(days, expected, "{query}");
    }
    let page = api
        .send(get(&format!(
            "{path}?kind=even&since=2025-01-01T00:00:00Z&limit=2"
        )))
        .await;
    let link = page.header("link").unwrap();
    let (next, _) = link.split_once(">; rel=\"next\"").unwrap();
    let rest = api.send(get(&next[1..])).await.json();
    assert_eq!(texts(&rest, "occurred_at").len(), 1);
}

#[tokio::test]
async fn what_a_feed_does_not_take_is_refused() {
    let api = api();
    let user = user(&api).await;
    for query in [
        "notifications?state=new",
        "notifications?order=asc",
        "notifications/count?state=unread",
        "activity?kind=Not%20a%20kind",
        "activity?since=yesterday",
        "activity?since=2025-03-05T01:00:00+01:00",
    ] {
        let answer = api.send(get(&format!("{user}/{query}"))).await;
        assert_eq!(answer.problem(), "malformed-request", "{query}");
    }
    for query in ["notifications?limit=0", "activity?limit=many"] {
        let answer = api.send(get(&format!("{user}/{query}"))).await;
        assert_eq!(answer.problem(), "invalid-limit", "{query}");
    }
    let wrong =
        json!({ "kind": "A", "title": "\n", "body": "", "data": [], "dedupe_key": 1, "to": 2 });
    let refused = refusals(
        &api.send(post(&format!("{user}/notifications"), &wrong))
            .await,
    );
    let pointers: Vec<_> = refused.iter().map(|(pointer, _)| &**pointer).collect();
    assert_eq!(
        pointers,
        ["/kind", "/title", "/body", "/data", "/dedupe_key", "/to"]
    );

    let path = format!("{user}/activity");
    let too_many = vec![json!({ "kind": "a" }); 101];
    for (body, expected) in [
        (json!([]), ("", "too_few")),
        (json!(too_many), ("", "too_many")),
        (json!("login"), ("", "not_an_object")),
        (
            json!([{ "kind": "a" }, { "kind": "a", "at": 1 }]),
            ("/1/at", "unknown_member"),
        ),
        (json!([{ "kind": "a" }, 7]), ("/1", "not_an_object")),
    ] {
        let refused = refusals(&api.send(post(&path, &body)).await);
        assert_eq!(refused, [(expected.0.to_owned(), expected.1.to_owned())]);
    }
    assert_eq!(api.send(get(&path)).await.json()["items"], json!([]));
}

#[tokio::test]
async fn nobody_has_no_feeds() {
    let api = api();
    let user = user(&api).await;
    let nobody = format!("/v1/users/{NOBODY}");
    for path in ["notifications", "notifications/count", "activity"] {
        let answer = api.send(get(&format!("{nobody}/{path}"))).await;
        assert_eq!(answer.problem(), "user-not-found", "{path}");
    }
    let notification = json!({ "kind": "a", "title": "A" });
    for (path, body) in [
        ("notifications", notification),
        ("notifications/mark-read", json!({ "all": true })),
        ("activity", json!({ "kind": "a" })),
    ] {
        let answer = api.send(post(&format!("{nobody}/{path}"), &body)).await;
        assert_eq!(answer.problem(), "user-not-found", "{path}");
    }
    let missing = api
        .send(patch(
            &format!("{user}/notifications/{NOBODY}"),
            &json!({ "read": true }),
        ))
        .await;
    assert_eq!(missing.problem(), "notification-not-found");
    let malformed = api
        .send(patch(&format!("{user}/notifications/7"), &json!({})))
        .await;
    assert_eq!(malformed.problem(), "malformed-request");
}

#[tokio::test]
async fn feeds_of_a_database_that_is_gone_are_503() {
    use roster_domain::ports::{MockActivityRepository, MockNotificationRepository, StoreError};
    let (mut notifications, mut activities) = (
        MockNotificationRepository::new(),
        MockActivityRepository::new(),
    );
    let gone = || StoreError::Unavailable("gone".into());
    notifications
        .expect_unread()
        .returning(move |_| Err(gone()));
    activities
        .expect_append()
        .returning(move |_, _| Err(gone()));
    let mut parts = Parts::new();
    parts.notifications = std::sync::Arc::new(notifications);
    parts.activities = std::sync::Arc::new(activities);
    let api = parts.build();
    let user = user(&api).await;
    let answer = api.send(get(&format!("{user}/notifications/count"))).await;
    assert_eq!(answer.problem(), "dependency-unavailable");
    let answer = api
        .send(post(&format!("{user}/activity"), &json!({ "kind": "a" })))
        .await;
    assert_eq!(answer.problem(), "dependency-unavailable");
}
