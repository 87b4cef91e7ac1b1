use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Answer, Api, api, call, get, patch, post};

fn ids(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The target of a link of the answer.
fn linked(answer: &Answer, relation: &str) -> Option<String> {
    let links = answer.header("link")?.split(", ");
    let link = links
        .into_iter()
        .find(|link| link.ends_with(&format!("rel=\"{relation}\"")))?;
    Some(link.split_once('>')?.0.trim_start_matches('<').to_owned())
}

/// Every page from `uri` on, by the links with this relation.
async fn walk(api: &Api, uri: &str, relation: &str) -> Vec<Vec<String>> {
    let (mut pages, mut next) = (Vec::new(), Some(uri.to_owned()));
    while let Some(uri) = next {
        let answer = api.send(get(&uri)).await;
        assert_eq!(answer.status, 200, "{uri}: {}", answer.text());
        pages.push(ids(&answer));
        next = linked(&answer, relation);
    }
    pages
}

#[tokio::test]
async fn a_list_is_walked_by_its_links_in_both_directions() {
    let api = api();
    let mut newest_first = api.create_many(7).await;
    newest_first.reverse();
    let first = api.send(get("/v1/users?limit=3")).await;
    assert_snapshot!("first_page", first.shown());
    let second = api.send(get(&linked(&first, "next").unwrap())).await;
    assert_snapshot!("second_page", second.shown());
    assert_eq!(
        walk(&api, "/v1/users?limit=3", "next").await.concat(),
        newest_first
    );

    let mut oldest_first = newest_first.clone();
    oldest_first.reverse();
    assert_eq!(
        walk(&api, "/v1/users?limit=2&order=asc&active=any", "next")
            .await
            .concat(),
        oldest_first
    );

    let last = api.send(get("/v1/users?limit=3&order=asc")).await;
    let backwards = linked(
        &api.send(get(&linked(&last, "next").unwrap())).await,
        "prev",
    )
    .unwrap();
    assert_eq!(ids(&api.send(get(&backwards)).await), oldest_first[..3]);
    assert_eq!(linked(&second, "first").unwrap(), "/v1/users?limit=3");
}

#[tokio::test]
async fn a_page_is_as_long_as_asked_and_never_longer_than_200() {
    let api = api();
    api.create_many(205).await;
    let length = async |query: &str| ids(&api.send(get(&format!("/v1/users{query}"))).await).len();
    assert_eq!(length("").await, 50);
    assert_eq!(length("?limit=1").await, 1);
    assert_eq!(length("?limit=0200").await, 200);
    for above in [
        "201",
        "1000",
        "18446744073709551616",
        "99999999999999999999999999",
    ] {
        assert_eq!(length(&format!("?limit={above}")).await, 200, "{above}");
        assert_eq!(length(&format!("?size={above}")).await, 200, "{above}");
    }
    for wrong in ["0", "00", "-1", "1.5", "", "x", "+1", "%201", "٣"] {
        for name in ["limit", "size"] {
            let answer = api
                .send(get(
                    &format!("/v1/users?{name}={wrong}").replace('٣', "%D9%A3")
                ))
                .await;
            assert_eq!(answer.problem(), "invalid-limit", "{name}={wrong}");
        }
    }
    assert_snapshot!(
        "invalid_limit",
        api.send(get("/v1/users?limit=0")).await.shown()
    );
}

#[tokio::test]
async fn a_filter_shows_whom_it_names_and_counts_them() {
    let api = api();
    let users = api.create_many(3).await;
    api.send(patch(
        &format!("/v1/users/{}", users[1]),
        &json!({ "is_active": false }),
    ))
    .await;
    let list = async |query: &str| {
        let answer = api.send(get(&format!("/v1/users?{query}"))).await;
        (ids(&answer), answer.json()["total"].clone())
    };
    let [one, two, three] = [users[0].clone(), users[1].clone(), users[2].clone()];
    assert_eq!(
        list("count=exact").await,
        (vec![three.clone(), one.clone()], json!(2))
    );
    assert_eq!(
        list("active=true&count=estimate").await,
        (vec![three.clone(), one.clone()], json!(2))
    );
    assert_eq!(
        list("active=false&count=exact").await,
        (vec![two.clone()], json!(1))
    );
    assert_eq!(
        list("active=any&count=none").await,
        (vec![three, two, one], Value::Null)
    );
    for wrong in [
        "active=yes",
        "active=",
        "active=TRUE",
        "order=up",
        "count=1",
    ] {
        assert_eq!(
            api.send(get(&format!("/v1/users?{wrong}"))).await.problem(),
            "malformed-request",
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_cursor_is_of_its_list_alone() {
    let api = api();
    api.create_many(3).await;
    let first = api.send(get("/v1/users?limit=1")).await;
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    let fresh = api
        .send(get(&format!("/v1/users?limit=2&cursor={cursor}")))
        .await;
    assert_eq!(ids(&fresh).len(), 2, "another length is no other list");

    assert_snapshot!(
        "cursor_mismatch",
        api.send(get(&format!("/v1/users?active=any&cursor={cursor}")))
            .await
            .shown()
    );
    let other_order = api
        .send(get(&format!("/v1/users?order=asc&cursor={cursor}")))
        .await;
    assert_eq!(other_order.problem(), "cursor-mismatch");

    let one = api
        .send(get("/v1/users?cursor=x").header("x-request-id", "a"))
        .await;
    assert_snapshot!("invalid_cursor", one.shown());
    let flipped = cursor.replacen(
        &cursor[8..9],
        if &cursor[8..9] == "A" { "B" } else { "A" },
        1,
    );
    for wrong in [
        "",
        "x y",
        "%00",
        &flipped,
        &cursor[..20],
        &"A".repeat(513),
        &format!("{cursor}="),
    ] {
        let uri = format!("/v1/users?cursor={}", wrong.replace(' ', "+"));
        let answer = api.send(get(&uri).header("x-request-id", "a")).await;
        assert_eq!(answer.shown(), one.shown(), "one text for all: {wrong}");
    }
}

#[tokio::test]
async fn pages_have_numbers_down_to_row_10_000() {
    let api = api();
    let mut newest_first = api.create_many(5).await;
    newest_first.reverse();
    assert_eq!(
        ids(&api.send(get("/v1/users?page=1&size=2")).await),
        newest_first[..2]
    );
    let second = api.send(get("/v1/users?page=2&size=2")).await;
    assert_eq!(ids(&second), newest_first[2..4]);
    assert_eq!(
        ids(&api.send(get("/v1/users?size=2")).await),
        newest_first[..2]
    );
    assert_eq!(ids(&api.send(get("/v1/users?page=1")).await), newest_first);
    let onward = linked(&second, "next").unwrap();
    assert_eq!(
        ids(&api.send(get(&onward)).await),
        newest_first[4..],
        "numbered pages go on by cursor"
    );

    assert_eq!(
        api.send(get("/v1/users?page=200&size=50")).await.json()["items"],
        json!([])
    );
    assert_eq!(
        api.send(get("/v1/users?page=10000&size=1")).await.status,
        200
    );
    let deep = api
        .send(get("/v1/users?page=201&size=50&active=any&order=asc"))
        .await;
    assert_snapshot!("page_too_deep", deep.shown());
    assert_eq!(
        api.send(get(&linked(&deep, "first").unwrap())).await.status,
        200
    );
    for deep in [
        "page=10001&size=1",
        "page=51&size=200",
        "page=18446744073709551615",
    ] {
        assert_eq!(
            api.send(get(&format!("/v1/users?{deep}"))).await.problem(),
            "page-too-deep",
            "{deep}"
        );
    }
    let cursor = api.send(get("/v1/users?limit=1")).await.json()["next_cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    for wrong in [
        "page=0",
        "page=-1",
        "page=x",
        "page=1&limit=5",
        "size=5&limit=5",
        &format!("page=1&cursor={cursor}"),
        &format!("size=5&cursor={cursor}"),
    ] {
        assert_eq!(
            api.send(get(&format!("/v1/users?{wrong}"))).await.problem(),
            "malformed-request",
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn an_empty_list_ends_where_it_begins() {
    assert_snapshot!(
        "empty_list",
        api().send(get("/v1/users?count=exact")).await.shown()
    );
}

#[tokio::test]
async fn users_that_stay_appear_once_while_others_come_and_go() {
    let api = api();
    let mut stay = api.create_many(20).await;
    let gone: Vec<_> = stay.iter().step_by(3).cloned().collect();
    stay.retain(|id| !gone.contains(id));
    let (mut seen, mut next) = (Vec::new(), Some("/v1/users?limit=3".to_owned()));
    for step in 0.. {
        let Some(uri) = next else { break };
        let answer = api.send(get(&uri)).await;
        seen.extend(ids(&answer));
        next = linked(&answer, "next");
        if let Some(id) = gone.get(step) {
            api.send(call("DELETE", &format!("/v1/users/{id}"))).await;
        }
        let newcomer = json!({ "email": format!("late{step}@example.com"), "name": "late" });
        api.send(post("/v1/users", &newcomer)).await;
    }
    seen.retain(|id| stay.contains(id));
    stay.reverse();
    assert_eq!(seen, stay);
}
