use std::time::Duration;

use insta::assert_snapshot;
use roster_http::problem::ProblemType;

use crate::support::{api, call, get};

#[tokio::test]
async fn a_process_is_alive_whatever_it_depends_on() {
    let api = api();
    api.database.set(false);
    api.cache.set(false);
    api.draining.begin();
    assert_snapshot!("livez", api.send(get("/livez")).await.shown());
    assert_snapshot!("version", api.send(get("/version")).await.shown());
}

#[tokio::test]
async fn it_is_ready_with_its_database_and_until_it_stops() {
    let api = api();
    assert_snapshot!("ready", api.send(get("/readyz")).await.shown());
    // What a dependency answered holds for a moment.
    let later = || api.clock.advance(Duration::from_millis(100));
    api.cache.set(false);
    later();
    assert_snapshot!("degraded", api.send(get("/readyz")).await.shown());
    api.database.set(false);
    later();
    assert_snapshot!("not_ready", api.send(get("/readyz")).await.shown());
    api.database.set(true);
    api.draining.begin();
    assert_snapshot!("draining", api.send(get("/readyz")).await.shown());
}

#[tokio::test]
async fn every_problem_is_described_where_its_type_points() {
    let api = api();
    assert_snapshot!("problems", api.send(get("/problems")).await.shown());
    for kind in ProblemType::ALL {
        let answer = api.send(get(&kind.uri())).await;
        assert_eq!(answer.json()["status"], kind.status().as_u16(), "{kind:?}");
        let page = api
            .send(get(&kind.uri()).header("accept", "text/html"))
            .await;
        assert!(page.text().contains(kind.meaning()), "{kind:?}");
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
    }
    assert_snapshot!(
        "problem_page",
        api.send(get("/problems/email-taken").header("accept", "text/html,*/*;q=0.8"))
            .await
            .shown()
    );
    for path in ["/problems/", "/problems/none", "/problems/email-taken/"] {
        assert_eq!(api.send(get(path)).await.problem(), "not-found", "{path}");
    }
}

#[tokio::test]
async fn the_page_of_the_api_needs_nothing_from_elsewhere() {
    let api = api();
    let entrance = api.send(get("/docs").header("accept", "text/html")).await;
    assert_eq!(
        (entrance.status.as_u16(), entrance.header("location")),
        (308, Some("/docs/index.html"))
    );

    let page = api
        .send(get("/docs/index.html").header("accept", "text/html"))
        .await;
    assert_eq!(page.header("content-type"), Some("text/html"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = page.text();
    assert!(!html.contains("style="), "{html}");
    assert!(!html.contains("<style"), "{html}");
    assert!(
        !html.contains("http://") && !html.contains("https://"),
        "{html}"
    );
    let scripts: Vec<_> = html.split("<script").skip(1).collect();
    assert!(!scripts.is_empty());
    for script in scripts {
        let (attributes, content) = script.split_once('>').unwrap();
        assert!(attributes.contains("src=\"./"), "{attributes}");
        assert!(
            content.trim_start().starts_with("</script>"),
            "a script stands in the page: {content}"
        );
    }
    for handler in ["onload=", "onclick=", "onerror=", "javascript:"] {
        assert!(!html.contains(handler), "{handler}");
    }
    // Everything that the page names is here.
    let named = html
        .split(['"', '\''])
        .filter_map(|text| text.strip_prefix("./"));
    let mut files = 0;
    for file in named {
        let answer = api.send(get(&format!("/docs/{file}"))).await;
        assert_eq!(answer.status, 200, "{file}");
        assert!(
            !answer.body.is_empty() && answer.header("content-type").is_some(),
            "{file}"
        );
        let tag = answer.header("etag").unwrap().to_owned();
        assert_eq!(
            api.send(get(&format!("/docs/{file}")).header("if-none-match", tag))
                .await
                .status,
            304,
            "{file}"
        );
        files += 1;
    }
    assert!(files >= 6, "{html}");
    let script = api.send(get("/docs/swagger-initializer.js")).await.text();
    assert!(script.contains("\"url\": \"/openapi.json\""), "{script}");
    assert!(script.contains("\"validatorUrl\": \"none\""), "{script}");
    for other in [
        "oauth2-redirect.html",
        "swagger-ui.js",
        "x",
        "..%2Findex.html",
        "",
    ] {
        assert_eq!(
            api.send(get(&format!("/docs/{other}"))).await.problem(),
            "not-found",
            "{other}"
        );
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    let api = api();
    api.send(get("/livez")).await;
    api.send(get("/no/such/path")).await;
    api.send(call("BREW", "/livez")).await;
    let text = api.metrics.render();
    for (route, status) in [("/livez", "200"), ("/livez", "405"), ("unmatched", "404")] {
        let counted = text.lines().any(|line| {
            line.contains(&format!("route=\"{route}\""))
                && line.contains(&format!("status=\"{status}\""))
                && line.ends_with(" 1")
        });
        assert!(counted, "{route} {status}: {text}");
    }
}
