//! Members of a row that no body may set: refused, and the row stays as it is.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::document::{document, example, fresh_with, operations};
use crate::support::{Api, Parts, call, get};

/// What a body of the service shows, and what one that is sent to it takes.
const FORMS: [(&str, &str, &str, &str); 8] = [
    ("POST", "/v1/users", "User", "NewUser"),
    ("PATCH", "/v1/users/{id}", "User", "UserChanges"),
    (
        "POST",
        "/v1/users/{id}/notifications",
        "Notification",
        "NewNotification",
    ),
    (
        "PATCH",
        "/v1/users/{id}/notifications/{nid}",
        "Notification",
        "NotificationChanges",
    ),
    (
        "POST",
        "/v1/users/{id}/notifications/mark-read",
        "Notification",
        "ReadNotifications",
    ),
    ("POST", "/v1/users/{id}/activity", "Activity", "NewActivity"),
    ("POST", "/v1/users/batch-get", "User", "UserIds"),
    ("POST", "/v1/users/lookup", "User", "UserLookup"),
];

/// Its rows are answered one by one: `data` `importing` has one with a member too many.
const STREAMED: &str = "/v1/users/import";

/// Columns that no body shows either, and what attackers try.
const HIDDEN: [&str; 12] = [
    "deleted_at",
    "user_id",
    "email_normalized",
    "normalized_email",
    "password",
    "role",
    "roles",
    "scope",
    "scopes",
    "is_admin",
    "__proto__",
    "constructor",
];

fn members(document: &Value, form: &str) -> BTreeSet<String> {
    let properties = &document["components"]["schemas"][form]["properties"];
    let properties = properties
        .as_object()
        .unwrap_or_else(|| panic!("the document has no form {form}"));
    properties.keys().cloned().collect()
}

/// Everything that can be seen of the store.
async fn state(api: &Api, id: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    for path in [
        "/v1/users?active=any&count=exact".to_owned(),
        format!("/v1/users/{id}?consistency=strong"),
        format!("/v1/users/{id}/notifications"),
        format!("/v1/users/{id}/activity"),
        format!("/v1/users/{id}/stats"),
    ] {
        let answer = api.send(get(&path)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        seen.push(answer.json());
    }
    seen
}

#[test]
fn every_operation_with_a_body_is_tried() {
    let document = document();
    let with_body = operations(&document)
        .into_iter()
        .filter(|(path, _, operation)| operation["requestBody"].is_object() && *path != STREAMED)
        .map(|(path, method, _)| format!("{method} {path}"));
    let tried = FORMS.map(|(method, path, ..)| format!("{method} {path}"));
    assert_eq!(with_body.collect::<BTreeSet<_>>(), tried.into());
}

#[tokio::test]
async fn members_that_a_body_does_not_take_are_refused_and_change_nothing() {
    let document = document();
    let mut tried = 0;
    for (method, path, shown, taken) in FORMS {
        let taken_members = members(&document, taken);
        let rest = members(&document, shown);
        let rest = rest.difference(&taken_members).map(String::as_str);
        let (api, id) = fresh_with(Parts::new()).await;
        let before = state(&api, &id).await;
        let path = path
            .replace("{id}", &id)
            .replace("{nid}", crate::document::NOTIFICATION);
        let good = example(&document, &document["components"]["schemas"][taken]);
        for name in rest.chain(HIDDEN) {
            for value in [
                json!(null),
                json!(1),
                json!(true),
                json!(id),
                json!("2026-01-01T00:00:00Z"),
            ] {
                // Look-ups have a quota.
                api.clock.advance(Duration::from_secs(1));
                let mut body = good.clone();
                body[name] = value.clone();
                let answer = api.send(call(method, &path).json(&body)).await;
                let place = format!("{method} {path} with {name}: {value}");
                assert_eq!(answer.problem(), "validation-failed", "{place}");
                let errors = answer.json()["errors"].clone();
                assert!(
                    errors.as_array().unwrap().iter().any(|error| {
                        error["pointer"] == format!("/{name}") && error["code"] == "unknown_member"
                    }),
                    "{place}: {errors}"
                );
                tried += 1;
            }
        }
        assert_eq!(state(&api, &id).await, before, "{method} {path}");
        // Without the member the same body is taken.
        let answer = api.send(call(method, &path).json(&good)).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
    }
    assert!(tried >= 400, "{tried}");
}
