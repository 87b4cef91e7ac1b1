//! `q` on the list of users.

use insta::assert_snapshot;
use roster_app::Scope;
use serde_json::json;

use crate::support::{Answer, Api, Parts, api, get, patch, post};
use crate::tokens::Mint;

async fn api_with(names: &[(&str, &str)]) -> Api {
    let api = api();
    for (name, email) in names {
        let body = json!({ "name": name, "email": email });
        let created = api.send(post("/v1/users", &body)).await;
        assert_eq!(created.status, 201, "{}", created.text());
    }
    api
}

fn names(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let items = body["items"].as_array().unwrap().iter();
    items
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn find(api: &Api, query: &str) -> Vec<String> {
    let answer = api.send(get(&format!("/v1/users?{query}"))).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    names(&answer)
}

const PEOPLE: &[(&str, &str)] = &[
    ("Zoë Müller", "zoe@example.com"),
    ("Ånn", "x1@example.com"),
    ("Bob", "annika@example.com"),
    ("Anna", "anna@example.com"),
    ("ANN-Marie", "x2@example.com"),
];

#[tokio::test]
async fn names_and_addresses_are_found_by_their_beginnings() {
    let api = api_with(PEOPLE).await;
    let expected = ["Ånn", "ANN-Marie", "Anna", "Bob"];
    assert_eq!(find(&api, "q=ann").await, expected);
    assert_eq!(find(&api, "q=%C3%84NN").await, expected);
    assert_eq!(find(&api, "q=zoe+m").await, ["Zoë Müller"]);
    assert_eq!(find(&api, "q=anna%40").await, ["Anna"]);
    assert_eq!(find(&api, "q=ler").await, [""; 0]);
    let mut turned = expected;
    turned.reverse();
    assert_eq!(find(&api, "q=ann&order=desc").await, turned);
}

#[tokio::test]
async fn a_search_is_walked_by_its_links() {
    let api = api_with(PEOPLE).await;
    let (mut met, mut next) = (
        Vec::new(),
        Some("/v1/users?q=ann&limit=3&count=exact".to_owned()),
    );
    let mut pages = 0;
    while let Some(uri) = next {
        let page = api.send(get(&uri)).await;
        if pages == 0 {
            assert_snapshot!("first_page_of_a_search", page.shown());
        }
        pages += 1;
        met.append(&mut names(&page));
        let body = page.json();
        next = body["next_cursor"].as_str().map(|cursor| {
            assert!(cursor.len() <= 512);
            format!("/v1/users?q=ann&limit=3&cursor={cursor}")
        });
    }
    assert_eq!(pages, 2);
    assert_eq!(met, ["Ånn", "ANN-Marie", "Anna", "Bob"]);
    assert_eq!(
        find(&api, "q=ann&page=2&size=3").await,
        ["Bob"],
        "numbered pages go on where cursors do"
    );
}

#[tokio::test]
async fn a_cursor_belongs_to_one_search() {
    let api = api_with(PEOPLE).await;
    let cursor = |answer: &Answer| answer.json()["next_cursor"].as_str().unwrap().to_owned();
    let of_search = cursor(&api.send(get("/v1/users?q=ann&limit=1")).await);
    let of_list = cursor(&api.send(get("/v1/users?limit=1")).await);
    for uri in [
        format!("/v1/users?q=anna&cursor={of_search}"),
        format!("/v1/users?q=ann&active=any&cursor={of_search}"),
        format!("/v1/users?q=ann&order=desc&cursor={of_search}"),
        format!("/v1/users?cursor={of_search}"),
        format!("/v1/users?q=ann&cursor={of_list}"),
    ] {
        let refused = api.send(get(&uri)).await;
        assert_eq!(refused.problem(), "cursor-mismatch", "{uri}");
    }
    // The same search, written in another way.
    assert_eq!(
        find(&api, &format!("q=ANN&limit=1&cursor={of_search}")).await,
        ["ANN-Marie"]
    );
    let refused = api.send(get("/v1/users?q=ann&cursor=AgAA")).await;
    assert_eq!(refused.problem(), "invalid-cursor");
}

#[tokio::test]
async fn a_search_takes_filter_count_and_two_characters_or_more() {
    let api = api_with(PEOPLE).await;
    let listed = api.send(get("/v1/users?q=anna")).await.json();
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    api.send(patch(
        &format!("/v1/users/{id}"),
        &json!({ "is_active": false }),
    ))
    .await;
    assert_eq!(find(&api, "q=anna").await, [""; 0]);
    assert_eq!(find(&api, "q=anna&active=false").await, ["Anna"]);
    for (query, total) in [
        ("q=ann&count=exact", 3),
        ("q=ann&active=any&count=exact", 4),
        ("q=ann&active=any&count=estimate", 4),
    ] {
        let answer = api.send(get(&format!("/v1/users?{query}"))).await;
        assert_eq!(answer.json()["total"], total, "{query}");
    }
    for query in ["q=", "q=a", "q=%20a%20", "q=an%00", "q=ann&page=10000"] {
        let refused = api.send(get(&format!("/v1/users?{query}"))).await;
        assert_eq!(refused.status, 400, "{query}");
    }
    let refused = api.send(get("/v1/users?q=an%00")).await;
    assert!(refused.text().contains("no NUL"), "{}", refused.text());
}

#[tokio::test]
async fn a_search_is_for_admins() {
    let parts = Parts::new();
    let mint = Mint::of(&parts);
    let api = mint.guard(parts).build();
    for (scopes, status) in [
        (&[Scope::UsersRead, Scope::UsersWrite][..], 403),
        (&[Scope::UsersAdmin], 200),
    ] {
        let token = mint.token("somebody", scopes);
        let found = api.send(get("/v1/users?q=ann").token(&token)).await;
        assert_eq!(found.status, status, "{scopes:?}: {}", found.text());
    }
    let token = mint.token("somebody", &[Scope::UsersRead]);
    let listed = api.send(get("/v1/users").token(&token)).await;
    assert_eq!(listed.status, 200);
}
