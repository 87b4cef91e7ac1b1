//! A user's whole life, by every route.

use reqwest::{Method, StatusCode as Is};
use serde_json::{Value, json};

use super::CANARY;
use super::caller::{Caller, Sent, json as body};

/// What a user reads of itself, and others of it.
const READS: [&str; 6] = [
    "",
    "/dashboard",
    "/stats",
    "/notifications",
    "/notifications/count",
    "/activity",
];

/// Lives, and leaves one user behind who is there until the end.
pub(super) async fn live(caller: &mut Caller<'_>) {
    look_around(caller).await;
    let id = born(caller, "Canary@example.com").await;
    let at = |rest: &str| format!("/v1/users/{id}{rest}");
    let (patch, post, delete) = (Method::PATCH, Method::POST, Method::DELETE);
    let notification = told(caller, &id).await;
    caller.know(&id, &notification);
    let change = json!({ "name": "Canary Renamed", "metadata": { "song": "canary" } });
    let (path, other_key) = (at(""), at("#moved"));
    let changed = caller.send(patch.clone(), &path, body(&change), Is::OK);
    sings(&changed.await);
    let away = json!({ "email": "canary.two@example.com" });
    let moved = caller.send(patch.clone(), &other_key, body(&away), Is::OK);
    sings(&moved.await);
    read(caller, &id).await;
    let address = body(&away);
    let found = caller.send(post.clone(), "/v1/users/lookup", address, Is::OK);
    sings(&found.await);
    let ids = body(&json!({ "ids": [id] }));
    let got = caller.send(post.clone(), "/v1/users/batch-get", ids, Is::OK);
    sings(&got.await);
    let seen = body(&json!({ "read": true }));
    let path = at(&format!("/notifications/{notification}"));
    sings(&caller.send(patch, &path, seen, Is::OK).await);
    let all = body(&json!({ "all": true }));
    let path = at("/notifications/mark-read");
    caller.send(post.clone(), &path, all, Is::OK).await;
    caller.send(delete.clone(), &at(""), None, Is::OK).await;
    let restored = caller.send(post, &at("/restore"), None, Is::OK).await;
    sings(&restored);
    move_house(caller).await;
    let purge = at("?purge=true");
    caller.send(delete, &purge, None, Is::NO_CONTENT).await;

    let id = born(caller, "canary.known@example.com").await;
    let notification = told(caller, &id).await;
    caller.know(&id, &notification);
}

/// What is there for everybody.
async fn look_around(caller: &Caller<'_>) {
    for path in [
        "/livez",
        "/readyz",
        "/version",
        "/openapi.json",
        "/problems",
        "/problems/internal",
        "/docs/index.html",
    ] {
        caller.send(Method::GET, path, None, Is::OK).await;
    }
}

/// A new user with this address.
async fn born(caller: &Caller<'_>, address: &str) -> String {
    let user = json!({
        "email": address,
        "name": "Canary Bird",
        "locale": "de-CH",
        "avatar_url": "https://img.example/canary.png",
        "metadata": { "canary": "canary" },
    });
    let path = format!("/v1/users#{address}");
    let user = caller.send(Method::POST, &path, body(&user), Is::CREATED);
    let user = user.await;
    sings(&user);
    user["id"].as_str().unwrap().to_owned()
}

/// Tells a user something, and of something that it did; answers the notification.
async fn told(caller: &Caller<'_>, id: &str) -> String {
    let told = json!({
        "kind": "song", "title": "A canary", "body": "canary", "data": { "a": "canary" },
        "dedupe_key": "canary-1",
    });
    let path = format!("/v1/users/{id}/notifications");
    let told = caller.send(Method::POST, &path, body(&told), Is::CREATED);
    let told = told.await;
    sings(&told);
    let sung = json!([{ "kind": "song", "data": { "a": "canary" }, "dedupe_key": "canary-2" }]);
    let path = format!("/v1/users/{id}/activity");
    let sung = caller.send(Method::POST, &path, body(&sung), Is::CREATED);
    sung.await;
    told["notification"]["id"].as_str().unwrap().to_owned()
}

/// Every read of a user, its own and others', and of the caches.
async fn read(caller: &Caller<'_>, id: &str) {
    let of_it = READS.map(|rest| format!("/v1/users/{id}{rest}"));
    let of_me = READS.map(|rest| format!("/v1/me{rest}"));
    let cached = format!("/v1/admin/cache/users/{id}");
    for path in of_it.into_iter().chain(of_me).chain([
        format!("/v1/users/{id}?consistency=strong"),
        "/v1/users".into(),
        "/v1/users?q=canary&count=exact".into(),
        "/v1/users?q=canary.two%40&count=estimate".into(),
        "/v1/admin/cache".into(),
        cached.clone(),
    ]) {
        caller.send(Method::GET, &path, None, Is::OK).await;
    }
    let delete = Method::DELETE;
    caller.send(delete, &cached, None, Is::NO_CONTENT).await;
    let clear = "/v1/admin/cache/epoch";
    caller.send(Method::POST, clear, None, Is::NO_CONTENT).await;
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is passed on where there may be none"
)]
fn ndjson(rows: &[&str]) -> Sent {
    Some(("application/x-ndjson", rows.join("\n")))
}

/// Users in streams: taken, refused row by row, torn, and stopped.
async fn move_house(caller: &Caller<'_>) {
    let good =
        r#"{"email":"canary.moved@example.com","name":"Canary Moved","metadata":{"a":"canary"}}"#;
    let rows = [
        good,
        r#"{"email":"canary","name":"","locale":"canary canary","avatar_url":"canary"}"#,
        r#"{"email":"canary.more@example.com","name":"Canary","canary":"canary"}"#,
        r#"{"email":"canary.twice@example.com","email":"canary","name":"Canary"}"#,
        r#"{"id":"canary","email":"canary.id@example.com","name":"Canary"}"#,
        r#"{"email":"canary"#,
        "canary",
        // Of somebody else.
        r#"{"email":"canary.two@example.com","name":"Canary Thief"}"#,
    ];
    let csv = "email,name,metadata\ncanary.csv@example.com,Canary,\"{\"\"a\"\":\"\"canary\"\"}\"\n\
               canary,,\ncanary.torn@example.com,\"Canary\n";
    let import = "/v1/users/import";
    for (query, sent, results) in [
        (
            "?dry_run=true",
            ndjson(&rows),
            &["accepted", "rejected"][..],
        ),
        ("", ndjson(&rows), &["created", "rejected"]),
        ("?on_conflict=update", ndjson(&rows[..1]), &["updated"]),
        // The last row is not taken, and nothing of its batch.
        (
            "?on_conflict=fail",
            ndjson(&rows[..1]),
            &["conflict", "problem"],
        ),
        (
            "?on_conflict=skip",
            Some(("text/csv", csv.to_owned())),
            &["created", "rejected"],
        ),
    ] {
        let path = format!("{import}{query}");
        let (status, text) = caller.ask(Method::POST, &path, sent).await;
        assert_eq!(status, Is::OK, "{path}: {text}");
        for result in results {
            assert!(text.contains(&format!("\"{result}\"")), "{path}: {text}");
        }
    }
    // A header that names no column stops it before its first row.
    let header = Some((
        "text/csv",
        "canary,email\ncanary,canary@example.com\n".into(),
    ));
    let (status, text) = caller.ask(Method::POST, import, header).await;
    assert!(status.is_client_error(), "{status}: {text}");
    for accept in ["application/x-ndjson", "text/csv"] {
        let request = caller.request(Method::GET, "/v1/users/export");
        let answer = request.header("accept", accept).send().await.unwrap();
        assert_eq!(answer.status(), Is::OK);
        let text = answer.text().await.unwrap().to_lowercase();
        assert!(text.contains("canary.moved@example.com"), "{text}");
    }
    caller
        .send(Method::GET, "/v1/users/export", None, Is::OK)
        .await;
}

/// An answer has the word: it is worth looking for.
fn sings(answer: &Value) {
    let text = answer.to_string().to_lowercase();
    assert!(text.contains(CANARY), "{text}");
}
