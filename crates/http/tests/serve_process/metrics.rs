use std::collections::BTreeSet;
use std::path::Path;

use roster_http::metrics::Metric;
use roster_test_services::{RedisServer, test_database};

use super::process::{Server, run};

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_there_from_the_start() {
    let Some(database) = test_database("empty", async |_| Ok(())).await else {
        return;
    };
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let url = redis.url();
    let flags = ["--database-url", database.url(), "--redis-url", &url];
    run(folder.path(), &[["migrate"].as_slice(), &flags].concat());
    let server = Server::start(folder.path(), &flags);
    // What is labelled with a route begins with the first request.
    reqwest::get(server.url("/livez")).await.unwrap();
    let metrics = format!("http://{}/metrics", server.metrics.as_deref().unwrap());
    let text = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    for metric in Metric::ALL {
        let is_sample = |line: &str| {
            let rest = line.strip_prefix(metric.name());
            rest.is_some_and(|rest| rest.starts_with([' ', '{', '_']))
        };
        assert!(
            text.lines().any(is_sample),
            "{} is not there:\n{text}",
            metric.name()
        );
    }
}

#[test]
fn the_documentation_lists_every_metric() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/observability.md");
    let text = std::fs::read_to_string(path).unwrap();
    let table = text
        .lines()
        .skip_while(|line| !line.starts_with("| metric |"));
    let listed: BTreeSet<_> = table
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let known: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    assert_eq!(listed, known);
}
