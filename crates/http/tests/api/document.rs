use std::collections::BTreeSet;

use roster_adapters_memory::MemoryNotifications;
use roster_app::Scope;
use roster_domain::ports::NotificationRepository as _;
use roster_domain::{JsonObject, NewNotification, Timestamp};
use serde_json::{Value, json};

use crate::support::{Answer, Api, Call, NOBODY, Parts, api, call};
use crate::tokens::Mint;

/// The id of the notification that [`fresh`] makes.
pub(crate) const NOTIFICATION: &str = "0190c2a8-0000-7000-8000-000000000001";

pub(crate) fn document() -> Value {
    serde_json::to_value(roster_http::openapi::document()).unwrap()
}

/// Every operation: path, method in capitals, and what the document says of it.
pub(crate) fn operations(document: &Value) -> Vec<(&str, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .iter()
                .map(|(method, operation)| (&**path, method.to_uppercase(), operation))
        })
        .collect()
}

/// What a reference points at, or the value itself.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document
            .pointer(reference.strip_prefix('#').unwrap())
            .unwrap_or_else(|| panic!("{reference}")),
        None => schema,
    }
}

/// Whether a value is of the form that a schema describes, and where it is not.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) {
    let schema = resolved(document, schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &&Value| {
            let choice = resolved(document, choice);
            choice["type"] == "null" && value.is_null()
                || choice["type"] != "null" && !value.is_null()
        };
        let choice = choices
            .iter()
            .find(fits)
            .unwrap_or_else(|| panic!("{place}: {value} fits none of {choices:?}"));
        return check(document, choice, value, place);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => Vec::from_iter(kind.as_str()),
    };
    assert!(
        kinds.is_empty() || kinds.contains(&kind) || kind == "integer" && kinds.contains(&"number"),
        "{place} is {kind}, not {kinds:?}: {value}"
    );
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{place}: {value}");
    }
    if let (Some(members), Some(properties)) = (value.as_object(), schema["properties"].as_object())
    {
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            assert!(members.contains_key(name), "{place}/{name} is required");
        }
        for (name, member) in members {
            let property = properties
                .get(name)
                .unwrap_or_else(|| panic!("{place}/{name} is not documented"));
            check(document, property, member, &format!("{place}/{name}"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        check(document, &schema["items"], item, &format!("{place}/0"));
    }
}

/// Whether an answer is one that the document lists for the operation.
fn check_answer(document: &Value, operation: &Value, answer: &Answer, place: &str) {
    let response = resolved(document, &operation["responses"][answer.status.as_str()]);
    assert!(
        response.is_object(),
        "{place}: {} is not documented: {}",
        answer.status,
        answer.text()
    );
    for name in [
        "etag",
        "location",
        "cache-status",
        "staleness-bound",
        "link",
        "server-timing",
        "content-location",
        "retry-after",
        "accept-patch",
        "www-authenticate",
    ] {
        let documented = response["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .any(|(known, _)| known.to_lowercase() == name);
        assert!(
            documented || answer.header(name).is_none(),
            "{place}: {} has {name}",
            answer.status
        );
    }
    let Some(content_type) = answer.header("content-type") else {
        assert!(
            response["content"].is_null() && answer.body.is_empty(),
            "{place}: no content"
        );
        return;
    };
    let content_type = content_type.split(';').next().unwrap();
    let content = &response["content"][content_type];
    assert!(
        content.is_object(),
        "{place}: {} as {content_type} is not documented",
        answer.status
    );
    if content_type == "application/problem+json" {
        let problem = answer.problem();
        assert!(
            content["examples"][&problem].is_object(),
            "{place}: {problem} is not documented"
        );
    }
    if content_type == "application/x-ndjson" {
        for line in answer.text().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            check(document, &content["schema"], &line, place);
        }
    } else if content_type.ends_with("json") {
        check(document, &content["schema"], &answer.json(), place);
    }
}

/// The operation's request with its own example, on this user.
pub(crate) fn sample(
    document: &Value,
    path: &str,
    method: &str,
    operation: &Value,
    id: &str,
    query: &str,
) -> Call {
    let path = filled(path, id);
    let call = call(method, &format!("{path}{query}"));
    let Some((content_type, content)) = operation["requestBody"]["content"]
        .as_object()
        .and_then(|content| content.iter().next())
    else {
        return call;
    };
    call.body(
        content_type,
        example(document, &content["schema"]).to_string(),
    )
}

/// A path with its variables replaced.
pub(crate) fn filled(path: &str, id: &str) -> String {
    let path = path.replace("{id}", id).replace("{nid}", NOTIFICATION);
    path.replace("{name}", "internal")
        .replace("{file}", "index.css")
}

/// The example of a form: its own, else that of its first choice, else those of its members.
pub(crate) fn example(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    if let Some(example) = own_example(schema) {
        return example;
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return example(document, &choices[0]);
    }
    let properties = schema["properties"].as_object().into_iter().flatten();
    let members =
        properties.filter_map(|(name, property)| Some((name.clone(), own_example(property)?)));
    members.collect::<serde_json::Map<_, _>>().into()
}

fn own_example(schema: &Value) -> Option<Value> {
    let first = schema["examples"]
        .as_array()
        .and_then(|examples| examples.first());
    schema.get("example").or(first).cloned()
}

/// A service with one user who has one notification, and callers who may do everything.
struct Fresh {
    api: Api,
    id: String,
    service: String,
    user: String,
}

impl Fresh {
    async fn new() -> Self {
        let parts = Parts::new();
        let mint = Mint::of(&parts);
        let (api, id) = fresh_with(mint.guard(parts)).await;
        Self {
            service: mint.token("batch", &Scope::ALL),
            user: mint.token(&id, &[]),
            api,
            id,
        }
    }

    /// Sends a call with the token of somebody who may do it.
    async fn send(&self, path: &str, call: Call) -> Answer {
        let token = if path.starts_with("/v1/me") {
            &self.user
        } else {
            &self.service
        };
        self.api.send(call.token(token)).await
    }
}

/// A service of these parts with one user who has one notification.
pub(crate) async fn fresh_with(parts: Parts) -> (Api, String) {
    let notifications = MemoryNotifications::new(parts.store.clone());
    let api = parts.build();
    let id = api.create(1).await["id"].as_str().unwrap().to_owned();
    let notification = NewNotification {
        id: NOTIFICATION.parse().unwrap(),
        kind: "welcome".parse().unwrap(),
        title: "Welcome".parse().unwrap(),
        body: None,
        data: JsonObject::empty(),
        created_at: Timestamp::UNIX_EPOCH,
    };
    let created = notifications
        .create(id.parse().unwrap(), &notification)
        .await;
    assert!(created.unwrap().unwrap().created);
    (api, id)
}

#[tokio::test]
async fn every_operation_answers_as_the_document_says() {
    let document = document();
    let mut succeeded = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let place = format!("{method} {path}");
        let sample = |id: &str, query: &str| sample(&document, path, &method, operation, id, query);
        for (id, query) in [
            ("", ""),
            (NOBODY, ""),
            ("nobody", ""),
            ("", "?unknown=1"),
            ("", "?limit=0"),
            ("", "?purge=true"),
            ("", "?cursor=x"),
            ("", "?page=999999"),
            ("", "?min_version=99"),
        ] {
            let fresh = Fresh::new().await;
            let id = if id.is_empty() { &fresh.id } else { id };
            let answer = fresh.send(path, sample(id, query)).await;
            check_answer(&document, operation, &answer, &place);
            if answer.status.is_success() {
                succeeded.insert(place.clone());
            }
        }
        let fresh = Fresh::new().await;
        let id = &fresh.id;
        for token in [None, Some(&fresh.user)] {
            let call = sample(NOBODY, "");
            let call = match token {
                Some(token) => call.token(token),
                None => call,
            };
            check_answer(&document, operation, &fresh.api.send(call).await, &place);
        }
        for (name, value) in [
            ("accept", "image/png"),
            ("if-none-match", "*"),
            ("if-match", "\"v9\""),
            ("if-match", "x"),
            ("cache-control", "no-cache"),
        ] {
            let answer = fresh.send(path, sample(id, "").header(name, value)).await;
            check_answer(&document, operation, &answer, &place);
        }
        for (content_type, body) in [
            ("text/plain", "x"),
            ("application/json", "{"),
            ("application/json", "{}"),
            ("application/json", "[]"),
            ("application/json", &" ".repeat(70_000)),
        ] {
            let call = call(&method, &filled(path, id)).body(content_type, body);
            check_answer(&document, operation, &fresh.send(path, call).await, &place);
        }
        let delete = call("DELETE", &format!("/v1/users/{id}"));
        fresh.send("", delete).await;
        let answer = fresh.send(path, sample(id, "")).await;
        check_answer(&document, operation, &answer, &place);
        if answer.status.is_success() {
            succeeded.insert(place.clone());
        }
        fresh.api.database.set(false);
        let answer = fresh.send(path, sample(id, "")).await;
        check_answer(&document, operation, &answer, &place);
    }
    let all: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(path, method, _)| format!("{method} {path}"))
        .collect();
    assert_eq!(succeeded, all, "the example of every operation works");
}

#[test]
fn every_operation_is_described() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        document["info"]["license"]["identifier"],
        "MIT OR Apache-2.0"
    );
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let place = format!("{method} {path}");
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap()),
            "{place}"
        );
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{place}"
        );
        assert_eq!(
            operation["tags"].as_array().map(Vec::len),
            Some(1),
            "{place}"
        );
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.clone() {
            assert!(
                parameter["description"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{place}: {parameter}"
            );
            // Numbers of rows above a limit are lowered to it; a version is refused that is none.
            let most = (parameter["name"] == "min_version").then_some(u64::MAX);
            let said = &parameter["schema"]["maximum"];
            assert_eq!(*said, json!(most), "{place}: {parameter}");
        }
        let in_path: Vec<_> = parameters
            .filter(|parameter| parameter["in"] == "path")
            .collect();
        assert_eq!(in_path.len(), path.matches('{').count(), "{place}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(
                response["headers"]["X-Request-Id"].is_object(),
                "{place} {status}"
            );
        }
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in ["NewUser", "UserChanges", "UserIds", "UserLookup"] {
        assert_eq!(
            schemas[name]["additionalProperties"],
            json!(false),
            "{name}"
        );
    }
}

#[tokio::test]
async fn every_documented_parameter_is_known() {
    let document = document();
    let fresh = Fresh::new().await;
    for (path, method, operation) in operations(&document) {
        for parameter in operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|p| p["in"] == "query")
        {
            let name = parameter["name"].as_str().unwrap();
            assert_eq!(
                parameter["required"],
                json!(false),
                "{method} {path} {name}"
            );
            let words = parameter["schema"]["enum"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            let values: Vec<_> = words
                .chain(parameter["schema"]["default"].as_str())
                .collect();
            for value in values {
                let query = format!("?{name}={value}");
                let call = sample(&document, path, &method, operation, &fresh.id, &query);
                let answer = fresh.send(path, call).await;
                assert!(
                    !matches!(answer.status.as_u16(), 400),
                    "{method} {path}{query}: {}",
                    answer.text()
                );
            }
            let query = format!("?{name}=%01");
            let call = sample(&document, path, &method, operation, &fresh.id, &query);
            let answer = fresh.send(path, call).await;
            assert_eq!(answer.status, 400, "{method} {path} {name}");
            assert!(
                !answer.text().contains("There is no query parameter"),
                "{method} {path} {name}"
            );
        }
    }
}

#[tokio::test]
async fn the_service_serves_the_document_and_the_repository_keeps_it() {
    let served = api().send(call("GET", "/openapi.json")).await;
    assert_eq!(served.json(), document());
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(kept).unwrap()).unwrap();
    assert!(
        kept == document(),
        "docs/openapi.json is not what `roster openapi` prints"
    );
}
