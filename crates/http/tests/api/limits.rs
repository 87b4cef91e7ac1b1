//! Every limit of the contract: what is at its edge is taken, and one more is refused.

use percent_encoding::NON_ALPHANUMERIC;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Call, NOBODY, api, call, get, patch, post};

/// One limit.
struct Limit {
    name: &'static str,
    /// The most that is taken.
    most: usize,
    /// A request with so much of it, for a user.
    request: fn(usize, &str) -> Call,
    /// The status at the edge, and that of one more.
    statuses: (u16, u16),
    /// The problem of one more, and its code if it is one of a member.
    refusal: (&'static str, &'static str),
}

const fn limit(
    name: &'static str,
    most: usize,
    request: fn(usize, &str) -> Call,
    statuses: (u16, u16),
    refusal: (&'static str, &'static str),
) -> Limit {
    Limit {
        name,
        most,
        request,
        statuses,
        refusal,
    }
}

const TOO_LONG: (&str, &str) = ("validation-failed", "too_long");
const TOO_MANY: (&str, &str) = ("validation-failed", "too_many");

const LIMITS: &[Limit] = &[
    limit(
        "path and query",
        8_192,
        |n, _| get(&padded("/v1/users?cursor=", n)),
        (400, 414),
        ("uri-too-long", ""),
    ),
    limit(
        "header fields",
        32 * 1024,
        |n, _| get("/livez").header("x-padding", "h".repeat(n - "x-padding".len())),
        (200, 431),
        ("headers-too-large", ""),
    ),
    limit(
        "body",
        64 * 1024,
        |n, _| call("POST", "/v1/users").body("application/json", body_of(n)),
        (422, 413),
        ("content-too-large", ""),
    ),
    limit(
        "ids in a batch",
        100,
        |n, _| post("/v1/users/batch-get", &json!({ "ids": vec![NOBODY; n] })),
        (200, 422),
        TOO_MANY,
    ),
    limit(
        "numbered pages",
        200,
        |n, _| get(&format!("/v1/users?size=50&page={n}")),
        (200, 400),
        ("page-too-deep", ""),
    ),
    limit(
        "name",
        200,
        |n, _| created("name", &json!("ä".repeat(n))),
        (201, 422),
        TOO_LONG,
    ),
    limit(
        "name in a patch",
        200,
        |n, id| patched(id, "name", &json!("ä".repeat(n))),
        (200, 422),
        TOO_LONG,
    ),
    limit(
        "email",
        254,
        |n, _| created("email", &json!(address_of(n))),
        (201, 422),
        ("validation-failed", ""),
    ),
    limit(
        "email in a look-up",
        254,
        |n, _| post("/v1/users/lookup", &json!({ "email": address_of(n) })),
        (404, 422),
        ("validation-failed", ""),
    ),
    limit(
        "avatar_url",
        2_048,
        |n, _| created("avatar_url", &json!(padded("https://img.example/", n))),
        (201, 422),
        TOO_LONG,
    ),
    limit(
        "metadata",
        16 * 1024,
        |n, _| {
            created(
                "metadata",
                &json!({ "m": "m".repeat(n - r#"{"m":""}"#.len()) }),
            )
        },
        (201, 422),
        TOO_LONG,
    ),
    limit(
        "levels of metadata",
        32,
        |n, _| created("metadata", &levels(n)),
        (201, 422),
        ("validation-failed", "too_deep"),
    ),
    limit(
        "title of a notification",
        200,
        |n, id| notification(id, "title", n),
        (201, 422),
        TOO_LONG,
    ),
    limit(
        "body of a notification",
        4_000,
        |n, id| notification(id, "body", n),
        (201, 422),
        TOO_LONG,
    ),
    limit(
        "dedupe key",
        255,
        |n, id| notification(id, "dedupe_key", n),
        (201, 422),
        TOO_LONG,
    ),
    limit(
        "kind",
        64,
        |n, id| notification(id, "kind", n),
        (201, 422),
        TOO_LONG,
    ),
    limit(
        "activities at once",
        100,
        |n, id| {
            post(
                &format!("/v1/users/{id}/activity"),
                &json!(vec![json!({ "kind": "login" }); n]),
            )
        },
        (201, 422),
        TOO_MANY,
    ),
];

/// A text with so many octets.
fn padded(start: &str, octets: usize) -> String {
    format!("{start}{}", "c".repeat(octets - start.len()))
}

fn body_of(octets: usize) -> String {
    let frame = r#"{"email":"a@example.com","name":"x","note":""}"#;
    frame.replace("\"\"", &format!("\"{}\"", "n".repeat(octets - frame.len())))
}

/// An address of so many octets with labels that a domain may have.
fn address_of(octets: usize) -> String {
    let domain = format!("{0}.{0}.{0}.example", "d".repeat(61));
    let local = octets - domain.len() - 1;
    format!("{}@{domain}", "l".repeat(local))
}

fn levels(count: usize) -> Value {
    (1..count).fold(json!({}), |inner, _| json!({ "m": inner }))
}

fn created(member: &str, value: &Value) -> Call {
    let mut body = json!({ "email": "edge@example.com", "name": "Edge" });
    body[member] = value.clone();
    post("/v1/users", &body)
}

fn patched(id: &str, member: &str, value: &Value) -> Call {
    patch(&format!("/v1/users/{id}"), &json!({ member: value }))
}

fn notification(id: &str, member: &str, length: usize) -> Call {
    let mut body = json!({ "kind": "news", "title": "News" });
    body[member] = json!("n".repeat(length));
    post(&format!("/v1/users/{id}/notifications"), &body)
}

async fn fresh() -> (Api, String) {
    let api = api();
    let id = api.create(1).await["id"].as_str().unwrap().to_owned();
    (api, id)
}

async fn ask(limit: &Limit, count: usize) -> Answer {
    let (api, id) = fresh().await;
    api.send((limit.request)(count, &id)).await
}

#[tokio::test]
async fn what_is_at_the_edge_is_taken_and_one_more_is_refused() {
    for limit in LIMITS {
        let edge = ask(limit, limit.most).await;
        let (taken, refused) = limit.statuses;
        assert_eq!(edge.status, taken, "{}: {}", limit.name, edge.text());
        let beyond = ask(limit, limit.most + 1).await;
        assert_eq!(beyond.status, refused, "{}: {}", limit.name, beyond.text());
        let (problem, code) = limit.refusal;
        assert_eq!(beyond.problem(), problem, "{}", limit.name);
        if !code.is_empty() {
            let errors = &beyond.json()["errors"];
            assert_eq!(errors[0]["code"], code, "{}: {errors}", limit.name);
        }
        assert!(
            beyond.body.len() < 4_096,
            "{}: the refusal repeats what it refuses",
            limit.name
        );
    }
}

#[tokio::test]
async fn a_number_of_rows_is_lowered_to_the_greatest_and_never_zero() {
    let api = api();
    api.create_many(205).await;
    for (limit, rows) in [
        ("1", 1),
        ("199", 199),
        ("200", 200),
        ("201", 200),
        ("4294967296", 200),
    ] {
        let page = api.send(get(&format!("/v1/users?limit={limit}"))).await;
        let items = page.json()["items"].as_array().map(Vec::len);
        assert_eq!(items, Some(rows), "{limit}");
    }
    for limit in ["0", "-1", "1.0", "", "99999999999999999999999999x"] {
        let answer = api.send(get(&format!("/v1/users?limit={limit}"))).await;
        assert_eq!(answer.problem(), "invalid-limit", "{limit}");
    }
}

#[tokio::test]
async fn no_more_refusals_are_told_than_a_person_can_read() {
    let api = api();
    let members: Value = (0..500)
        .map(|n| (format!("m{n}"), json!(n)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let answer = api.send(post("/v1/users", &members)).await;
    assert_eq!(answer.json()["errors"].as_array().map(Vec::len), Some(100));
}

#[tokio::test]
async fn a_cursor_with_any_bit_flipped_is_refused_and_nothing_else() {
    let api = api();
    api.create_many(3).await;
    let page = api.send(get("/v1/users?limit=1")).await.json();
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(
        api.send(get(&format!("/v1/users?limit=1&cursor={cursor}")))
            .await
            .status,
        200
    );
    for place in 0..cursor.len() {
        for bit in 0..8 {
            let mut octets = cursor.clone().into_bytes();
            octets[place] ^= 1 << bit;
            let encoded = percent_encoding::percent_encode(&octets, NON_ALPHANUMERIC);
            let answer = api
                .send(get(&format!("/v1/users?limit=1&cursor={encoded}")))
                .await;
            assert_eq!(
                answer.status,
                400,
                "octet {place}, bit {bit}: {}",
                answer.text()
            );
            let problem = answer.problem();
            // An octet that is no UTF-8 any more is refused before it is looked at as a cursor.
            assert!(
                problem == "invalid-cursor" || (bit == 7 && problem == "malformed-request"),
                "octet {place}, bit {bit}: {problem}"
            );
        }
    }
    for other in ["notifications", "activity"] {
        let id = page["items"][0]["id"].as_str().unwrap();
        let answer = api
            .send(get(&format!("/v1/users/{id}/{other}?cursor={cursor}")))
            .await;
        assert_eq!(answer.status, 400, "{other}");
    }
}
