use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::StatusCode;

use super::process::{Server, roster, run, stderr};

#[tokio::test]
async fn nothing_set_serves_from_a_folder_that_it_makes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let answer = reqwest::get(server.url("/readyz")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let client = server.client();
    let user = serde_json::json!({ "email": "ada@example.org", "name": "Ada" });
    let created = client
        .post(server.url("/v1/users"))
        .json(&user)
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    let location = created.headers()["location"].to_str().unwrap().to_owned();
    let (status, _) = server.stop();
    assert!(status.success());

    let data = folder.path().join("roster-data");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(data.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
    let log = data.join("roster.db-wal");
    assert!(
        !log.exists(),
        "the database was not closed: its log is still there"
    );

    let server = Server::start(folder.path(), &[]);
    let request = server.client().get(server.url(&location));
    let found = request.send().await.unwrap();
    assert_eq!(
        found.status(),
        StatusCode::OK,
        "what was written is there after a restart"
    );
}

/// A server and its banner. That says where a server listens, so it takes a port that was free just
/// now; `None` when somebody else has it meanwhile.
fn with_banner(folder: &Path) -> Option<(Child, String)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let address = format!("127.0.0.1:{port}");
    let mut child = roster(folder)
        .args([
            "--listen",
            &address,
            "--metrics-listen",
            "off",
            "--log-format",
            "text",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut banner = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        banner.push_str(&line.unwrap());
        banner.push('\n');
        if banner.contains("Ctrl-C") {
            return Some((child, banner));
        }
    }
    child.wait().unwrap();
    let is_taken = banner.contains(&format!("cannot listen on {address}"));
    assert!(is_taken, "the banner ended early: {banner}");
    None
}

#[test]
fn the_line_that_the_banner_shows_works() {
    let folder = tempfile::tempdir().unwrap();
    let started = (0..5).find_map(|_| with_banner(folder.path()));
    let (mut child, banner) = started.expect("five ports in a row were taken");
    let line = banner
        .lines()
        .find_map(|line| line.trim().strip_prefix("try"))
        .expect(&banner)
        .trim();
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let body: serde_json::Value = serde_json::from_slice(&output.stdout).expect(line);
    assert_eq!(body["items"], serde_json::json!([]));
    assert!(
        banner.contains("embedded") && banner.contains("roster-data/roster.db"),
        "{banner}"
    );
}

#[test]
fn a_folder_that_a_server_holds_is_refused_with_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for args in [
        [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "off",
        ]
        .as_slice(),
        &["migrate"],
        &["migrate", "--revert-to", "0"],
    ] {
        let output = run(folder.path(), args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let message = stderr(&output);
        assert!(
            message.contains(&format!("http://{}", server.address)),
            "{args:?}: {message}"
        );
        assert!(message.contains("ROSTER_DATA_DIR"), "{message}");
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (args, variable) in [
        (
            ["--listen", &address, "--metrics-listen", "off"],
            "ROSTER_LISTEN",
        ),
        (
            ["--listen", "127.0.0.1:0", "--metrics-listen", &address],
            "ROSTER_METRICS_LISTEN",
        ),
    ] {
        let output = run(folder.path(), &args);
        assert_eq!(output.status.code(), Some(1));
        let message = stderr(&output);
        assert!(
            message.contains(variable) && message.contains(&address),
            "{message}"
        );
    }
}

#[test]
fn a_setting_that_cannot_be_used_ends_with_2_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["--listen", "0.0.0.0:0", "--auth", "off"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("not a loopback address"));
    assert!(!folder.path().join("roster-data").exists());
}

#[tokio::test]
async fn metrics_have_a_listener_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let client = server.client();
    client.get(server.url("/v1/users")).send().await.unwrap();
    let metrics = server.metrics.clone().unwrap();
    let text = reqwest::get(format!("http://{metrics}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let line = "roster_http_requests_total{route=\"/v1/users\",method=\"GET\",status=\"200\"} 1";
    assert!(text.lines().any(|found| found == line), "{text}");
    let beside = reqwest::get(server.url("/metrics")).await.unwrap();
    assert_eq!(beside.status(), StatusCode::NOT_FOUND);
    let users = reqwest::get(format!("http://{metrics}/v1/users"))
        .await
        .unwrap();
    assert_eq!(users.status(), StatusCode::NOT_FOUND);
}
