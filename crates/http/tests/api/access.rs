//! Who may do what, asked of every operation that the document has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::StatusCode;
use roster_app::Scope;
use serde_json::{Value, json};

use crate::document::{document, filled, fresh_with, operations, sample};
use crate::support::{Answer, Api, Call, NOBODY, Parts, call, get, patch, post};
use crate::tokens::Mint;

/// Every operation and who may do it: `*` is everybody, without a token; `s` the user that the
/// path names, `u` any user about itself, and the scopes are `r` users:read, `w` users:write,
/// `a` users:admin, `f` feeds:write, `o` ops.
const ROWS: [(&str, &str); 35] = [
    ("GET /livez", "*"),
    ("GET /readyz", "*"),
    ("GET /version", "*"),
    ("GET /openapi.json", "*"),
    ("GET /problems", "*"),
    ("GET /problems/{name}", "*"),
    ("GET /v1/users", "ra"),
    ("POST /v1/users", "wa"),
    ("POST /v1/users/batch-get", "ra"),
    ("POST /v1/users/lookup", "ra"),
    ("GET /v1/users/export", "a"),
    ("POST /v1/users/import", "a"),
    ("GET /v1/users/{id}", "sra"),
    ("PATCH /v1/users/{id}", "swa"),
    ("DELETE /v1/users/{id}", "wa"),
    ("POST /v1/users/{id}/restore", "wa"),
    ("GET /v1/users/{id}/stats", "sra"),
    ("GET /v1/users/{id}/dashboard", "sra"),
    ("GET /v1/users/{id}/notifications", "sra"),
    ("GET /v1/users/{id}/notifications/count", "sra"),
    ("POST /v1/users/{id}/notifications", "f"),
    ("POST /v1/users/{id}/notifications/mark-read", "sf"),
    ("PATCH /v1/users/{id}/notifications/{nid}", "sf"),
    ("GET /v1/users/{id}/activity", "sra"),
    ("POST /v1/users/{id}/activity", "f"),
    ("GET /v1/me", "u"),
    ("GET /v1/me/stats", "u"),
    ("GET /v1/me/dashboard", "u"),
    ("GET /v1/me/notifications", "u"),
    ("GET /v1/me/notifications/count", "u"),
    ("GET /v1/me/activity", "u"),
    ("GET /v1/admin/cache", "o"),
    ("GET /v1/admin/cache/users/{id}", "o"),
    ("DELETE /v1/admin/cache/users/{id}", "o"),
    ("POST /v1/admin/cache/epoch", "o"),
];

/// What people look at, beside the document: open to everybody, as a row with `*` is.
const PAGES: [&str; 2] = ["GET /docs", "GET /docs/{file}"];

/// What becomes of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    In,
    Unauthenticated,
    Forbidden,
}

impl Fate {
    fn of(answer: &Answer) -> Self {
        match answer.status {
            StatusCode::UNAUTHORIZED => Self::Unauthenticated,
            StatusCode::FORBIDDEN => Self::Forbidden,
            _ => Self::In,
        }
    }
}

/// A service with a user, her notification, and another user.
struct World {
    api: Api,
    mint: Mint,
    ada: String,
    bob: String,
}

impl World {
    async fn new() -> Self {
        let parts = Parts::new();
        let mint = Mint::of(&parts);
        let (api, ada) = fresh_with(mint.guard(parts)).await;
        let bob = api.create(2).await["id"].as_str().unwrap().to_owned();
        Self {
            api,
            mint,
            ada,
            bob,
        }
    }

    /// The token of a caller; `None` when it sends none.
    async fn token(&self, caller: &str) -> Option<String> {
        let everything = &Scope::ALL;
        let service = |scope| Some(self.mint.token("batch", &[scope]));
        match caller {
            "self" => Some(self.mint.token(&self.ada, &[])),
            "other" => Some(self.mint.token(&self.bob, &[])),
            "read" => service(Scope::UsersRead),
            "write" => service(Scope::UsersWrite),
            "admin" => service(Scope::UsersAdmin),
            "feeds" => service(Scope::FeedsWrite),
            "ops" => service(Scope::Ops),
            "expired" => {
                let token = self.mint.token(&self.ada, everything);
                // The minute beyond the hour is the leeway's.
                self.api.clock.advance(Duration::from_mins(61));
                Some(token)
            }
            "deactivated" => {
                let body = json!({ "is_active": false });
                let admin = self.mint.token("batch", &[Scope::UsersAdmin]);
                let path = format!("/v1/users/{}", self.ada);
                let done = self.api.send(patch(&path, &body).token(&admin)).await;
                assert_eq!(done.status, 200, "{}", done.text());
                Some(self.mint.token(&self.ada, everything))
            }
            "deleted" => {
                let admin = self.mint.token("batch", &[Scope::UsersAdmin]);
                let path = format!("/v1/users/{}", self.ada);
                let done = self.api.send(call("DELETE", &path).token(&admin)).await;
                assert_eq!(done.status, 200, "{}", done.text());
                Some(self.mint.token(&self.ada, everything))
            }
            "anonymous" => None,
            _ => panic!("no caller {caller}"),
        }
    }
}

const CALLERS: [(&str, char); 11] = [
    ("anonymous", '-'),
    ("self", 's'),
    ("other", 'u'),
    ("read", 'r'),
    ("write", 'w'),
    ("admin", 'a'),
    ("feeds", 'f'),
    ("ops", 'o'),
    ("expired", '-'),
    ("deactivated", '-'),
    ("deleted", '-'),
];

fn expected(caller: &str, letter: char, row: &str) -> Fate {
    if row == "*" {
        return Fate::In;
    }
    if letter == '-' {
        return Fate::Unauthenticated;
    }
    // Whoever the path names is a user about itself, too.
    if row.contains(letter) || caller == "self" && row.contains('u') {
        Fate::In
    } else {
        Fate::Forbidden
    }
}

fn with(token: Option<&String>, call: Call) -> Call {
    match token {
        Some(token) => call.token(token),
        None => call,
    }
}

#[tokio::test]
async fn every_operation_lets_in_whom_its_row_says_and_nobody_else() {
    let document = document();
    let rows: BTreeMap<&str, &str> = ROWS.into_iter().collect();
    let mut cells = 0;
    for (path, method, operation) in operations(&document) {
        let place = format!("{method} {path}");
        let row = rows
            .get(&*place)
            .unwrap_or_else(|| panic!("{place} has no row in the matrix"));
        for (caller, letter) in CALLERS {
            let world = World::new().await;
            let token = world.token(caller).await;
            let mut call = sample(&document, path, &method, operation, &world.ada, "");
            if place == "PATCH /v1/users/{id}" {
                // The example changes what a user must not change of itself; see below.
                let path = format!("/v1/users/{}", world.ada);
                call = patch(&path, &json!({ "name": "Zoë" }));
            }
            let answer = world.api.send(with(token.as_ref(), call)).await;
            let fate = expected(caller, letter, row);
            assert_eq!(
                Fate::of(&answer),
                fate,
                "{place} as {caller}: {} {}",
                answer.status,
                answer.text()
            );
            check_refusal(&answer, fate, &place);
            cells += 1;
        }
    }
    let known: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(path, method, _)| format!("{method} {path}"))
        .collect();
    for (place, _) in ROWS {
        assert!(known.contains(place), "{place} is not in the document");
    }
    assert_eq!(cells, ROWS.len() * CALLERS.len());
}

/// A route that the document does not have is in no row of it, and nobody would have asked who
/// may take it.
#[tokio::test]
async fn every_route_of_the_router_has_a_row() {
    let world = World::new().await;
    let everything = world.mint.token("batch", &Scope::ALL);
    let mut routes = BTreeSet::new();
    for path in world.api.paths() {
        // No route has this method, so that the answer lists those it has.
        let probe = call("PROBE", &filled(&path, &world.ada)).token(&everything);
        let answer = world.api.send(probe).await;
        assert_eq!(answer.status, 405, "{path}: {}", answer.text());
        let methods = answer.header("allow").unwrap().split(',');
        // HEAD is where GET is.
        let methods = methods.filter(|method| *method != "HEAD");
        routes.extend(methods.map(|method| format!("{method} {path}")));
    }
    let rows = ROWS.map(|(place, _)| place).into_iter().chain(PAGES);
    assert_eq!(routes, rows.map(str::to_owned).collect());
}

#[tokio::test]
async fn the_pages_are_open_whoever_asks() {
    for page in PAGES {
        let path = filled(page.strip_prefix("GET ").unwrap(), "");
        for (caller, _) in CALLERS {
            let world = World::new().await;
            let token = world.token(caller).await;
            let answer = world.api.send(with(token.as_ref(), get(&path))).await;
            assert_eq!(Fate::of(&answer), Fate::In, "{path} as {caller}");
            assert!(answer.status.as_u16() < 400, "{path}: {}", answer.status);
        }
    }
}

fn check_refusal(answer: &Answer, fate: Fate, place: &str) {
    match fate {
        Fate::In => assert!(answer.status != 500, "{place}: {}", answer.text()),
        Fate::Unauthenticated => {
            assert_eq!(answer.problem(), "unauthenticated", "{place}");
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Bearer "), "{place}: {challenge}");
        }
        Fate::Forbidden => assert_eq!(answer.problem(), "forbidden", "{place}"),
    }
}

/// What the document says of each operation is what the matrix has tried.
#[test]
fn the_document_lists_the_scopes_of_every_row() {
    let document = document();
    let rows: BTreeMap<&str, &str> = ROWS.into_iter().collect();
    for (path, method, operation) in operations(&document) {
        let place = format!("{method} {path}");
        let row = rows[&*place];
        let Some(requirements) = operation["security"].as_array() else {
            assert_eq!(row, "*", "{place} says nothing of a token");
            continue;
        };
        let letters: BTreeSet<char> = requirements
            .iter()
            .map(|requirement| {
                let scopes = requirement["token"].as_array().unwrap();
                match scopes.first().and_then(Value::as_str) {
                    None => 's',
                    Some("users:read") => 'r',
                    Some("users:write") => 'w',
                    Some("users:admin") => 'a',
                    Some("feeds:write") => 'f',
                    Some("ops") => 'o',
                    Some(other) => panic!("{place}: {other}"),
                }
            })
            .collect();
        // The aliases are a user's own, whatever scopes it has besides.
        if !path.starts_with("/v1/me") {
            assert_eq!(letters, row.chars().collect(), "{place}");
        }
        for status in ["401", "403"] {
            assert!(
                operation["responses"][status].is_object(),
                "{place} {status}"
            );
        }
    }
}

#[tokio::test]
async fn a_user_changes_how_it_is_shown_and_nothing_else_of_itself() {
    for (body, scope, status) in [
        (json!({ "name": "Z" }), None, 200),
        (
            json!({ "locale": "de", "avatar_url": "https://img.example/a.png" }),
            None,
            200,
        ),
        (json!({ "locale": null, "avatar_url": null }), None, 200),
        (json!({}), None, 200),
        (json!({ "is_active": true }), None, 403),
        (json!({ "name": "Z", "is_active": true }), None, 403),
        (json!({ "email": "z@example.com" }), None, 403),
        (json!({ "metadata": { "admin": true } }), None, 403),
        (json!({ "metadata": null }), None, 403),
        (
            json!({ "email": "z@example.com" }),
            Some(Scope::UsersWrite),
            200,
        ),
        (json!({ "is_active": false }), Some(Scope::UsersWrite), 403),
        (json!({ "is_active": false }), Some(Scope::UsersAdmin), 200),
    ] {
        let world = World::new().await;
        let path = format!("/v1/users/{}", world.ada);
        let scopes = Vec::from_iter(scope);
        let token = world.mint.token(&world.ada, &scopes);
        let answer = world.api.send(patch(&path, &body).token(&token)).await;
        assert_eq!(answer.status, status, "{body} {scope:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn ids_and_purges_are_for_administrators() {
    let world = World::new().await;
    let new = json!({ "email": "n@example.com", "name": "N", "id": NOBODY });
    let purge = || call("DELETE", &format!("/v1/users/{}?purge=true", world.bob));
    for (scope, created, purged) in [
        (Scope::UsersWrite, 403, 403),
        (Scope::Ops, 403, 403),
        (Scope::UsersAdmin, 201, 204),
    ] {
        let token = world.mint.token("batch", &[scope]);
        let answer = world.api.send(post("/v1/users", &new).token(&token)).await;
        assert_eq!(answer.status, created, "{scope}: {}", answer.text());
        let answer = world.api.send(purge().token(&token)).await;
        assert_eq!(answer.status, purged, "{scope}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_aliases_answer_what_the_paths_do() {
    let world = World::new().await;
    let token = world.mint.token(&world.ada, &[]);
    for behind in [
        "",
        "/dashboard",
        "/stats",
        "/notifications",
        "/notifications/count",
        "/activity",
    ] {
        let path = format!("/v1/users/{}{behind}", world.ada);
        let alias = world
            .api
            .send(get(&format!("/v1/me{behind}")).token(&token))
            .await;
        assert_eq!(alias.status, 200, "{behind}: {}", alias.text());
        assert_eq!(alias.header("content-location"), Some(&*path));
        let direct = world.api.send(get(&path).token(&token)).await;
        assert_eq!(direct.header("content-location"), None);
        assert_eq!(alias.header("etag"), direct.header("etag"), "{behind}");
        assert_eq!(alias.header("link"), direct.header("link"), "{behind}");
    }
    let service = world.mint.token("batch", &Scope::ALL);
    let answer = world.api.send(get("/v1/me").token(&service)).await;
    assert_eq!(answer.problem(), "forbidden");
}

#[tokio::test]
async fn a_path_that_is_not_there_needs_no_token() {
    let world = World::new().await;
    assert_eq!(
        world.api.send(get("/v1/nothing")).await.problem(),
        "not-found"
    );
    let answer = world.api.send(call("PUT", "/v1/users")).await;
    assert_eq!(answer.problem(), "unauthenticated");
}

#[tokio::test]
async fn the_answer_to_a_scope_that_is_missing_names_it() {
    let world = World::new().await;
    let token = world.mint.token("batch", &[Scope::Ops]);
    let answer = world.api.send(get("/v1/users").token(&token)).await;
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer realm=\"roster\", error=\"insufficient_scope\", scope=\"users:read\"")
    );
    assert!(answer.text().contains("users:read"), "{}", answer.text());
}
