//! Tokens, keys and names, against the binary.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HOST, ORIGIN};
use serde_json::{Value, json};

use super::process::{Server, roster, run, stderr, stdout};

async fn status(client: &reqwest::Client, url: String) -> StatusCode {
    client.get(url).send().await.unwrap().status()
}

#[tokio::test]
async fn a_token_of_the_command_opens_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let users = server.url("/v1/users");
    let anonymous = reqwest::Client::new();
    assert_eq!(status(&anonymous, users.clone()).await, 401);
    let reader = Server::client_with(&server.token("reader", "users:read"));
    assert_eq!(status(&reader, users.clone()).await, 200);
    let ops = Server::client_with(&server.token("ops", "ops"));
    assert_eq!(status(&ops, users).await, 403);
    assert_eq!(status(&ops, server.url("/v1/admin/cache")).await, 200);

    let new = json!({ "email": "ada@example.org", "name": "Ada" });
    let created = server.client().post(server.url("/v1/users")).json(&new);
    let created: Value = created.send().await.unwrap().json().await.unwrap();
    let id = created["id"].as_str().unwrap();
    let ada = Server::client_with(&server.token(id, ""));
    let me = ada.get(server.url("/v1/me")).send().await.unwrap();
    assert_eq!(me.status(), 200);
    let path = format!("/v1/users/{id}");
    assert_eq!(me.headers()["content-location"], path.as_str());

    let patch = server
        .client()
        .patch(server.url(&path))
        .json(&json!({ "is_active": false }));
    assert_eq!(patch.send().await.unwrap().status(), 200);
    assert_eq!(status(&ada, server.url("/v1/me")).await, 401);
}

#[test]
fn the_command_prints_a_token_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let args = [
        "token",
        "--sub",
        "a",
        "--scope",
        "users:read ops",
        "--scope",
        "feeds:write",
    ];
    let output = run(folder.path(), &[args.as_slice(), &["--ttl", "5m"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let printed = stdout(&output);
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert_eq!(printed.trim_end().split('.').count(), 3, "{printed}");
    let key = folder.path().join("roster-data").join("token-key.pem");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    for (wrong, named) in [
        (
            ["token", "--sub", "a", "--scope", "users"].as_slice(),
            "users:read",
        ),
        (&["token", "--sub", ""], "--sub"),
    ] {
        let output = run(folder.path(), wrong);
        assert_eq!(output.status.code(), Some(1), "{wrong:?}");
        assert!(stderr(&output).contains(named), "{}", stderr(&output));
    }
    for wrong in [
        ["token"].as_slice(),
        &["token", "--sub", "a", "--ttl", "9999d"],
    ] {
        assert_eq!(
            run(folder.path(), wrong).status.code(),
            Some(2),
            "{wrong:?}"
        );
    }
}

#[test]
fn a_key_that_others_may_read_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["token", "--sub", "a"]);
    let key = folder.path().join("roster-data").join("token-key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    for args in [
        ["serve", "--listen", "127.0.0.1:0"].as_slice(),
        &["token", "--sub", "a"],
    ] {
        let output = run(folder.path(), args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let message = stderr(&output);
        assert!(
            message.contains("644") && message.contains("chmod 600"),
            "{message}"
        );
        assert!(message.contains("token-key.pem"), "{message}");
    }
}

#[tokio::test]
async fn authentication_is_off_on_loopback_alone_and_only_when_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["--listen", "0.0.0.0:0", "--auth", "off"]);
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    assert!(
        message.contains("--auth") && message.contains("loopback"),
        "{message}"
    );
    let server = Server::start(folder.path(), &["--auth", "off"]);
    let anybody = reqwest::Client::new();
    assert_eq!(status(&anybody, server.url("/v1/users")).await, 200);
    assert!(!folder.path().join("roster-data/token-key.pem").exists());
}

#[tokio::test]
async fn another_address_is_served_when_callers_need_tokens() {
    let folder = tempfile::tempdir().unwrap();
    // Every address of this machine, of which the test asks the loopback one.
    let server = Server::start(folder.path(), &["--listen", "0.0.0.0:0"]);
    let port = server.address.rsplit_once(':').unwrap().1;
    let users = format!("http://127.0.0.1:{port}/v1/users");
    assert_eq!(status(&reqwest::Client::new(), users.clone()).await, 401);
    let reader = Server::client_with(&server.token("reader", "users:read"));
    assert_eq!(status(&reader, users).await, 200);
}

#[tokio::test]
async fn a_page_from_elsewhere_does_not_reach_it_by_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--http-allowed-hosts", "roster.internal"]);
    let client = server.client();
    for (host, expected) in [
        ("localhost", 200),
        ("roster.internal:8080", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
    ] {
        for path in ["/v1/users", "/readyz"] {
            let request = client.get(server.url(path)).header(HOST, host);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), expected, "{host} {path}");
        }
    }
    let metrics = format!("http://{}/metrics", server.metrics.as_deref().unwrap());
    for (host, expected) in [("localhost", 200), ("evil.example", 400)] {
        let request = client.get(&metrics).header(HOST, host);
        assert_eq!(request.send().await.unwrap().status(), expected, "{host}");
    }
}

#[tokio::test]
async fn where_nobody_needs_a_token_a_page_elsewhere_asks_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--auth", "off"]);
    let client = reqwest::Client::new();
    let own = format!("http://{}", server.address);
    for (origin, is_ours) in [
        (own.as_str(), true),
        ("http://evil.example", false),
        ("null", false),
    ] {
        // A browser sends such a request without asking: it has no body and no header of its own.
        let request = client.post(server.url("/v1/admin/cache/epoch"));
        let answer = request.header(ORIGIN, origin).send().await.unwrap();
        assert_eq!(answer.status().is_success(), is_ours, "{origin}");
        let request = client.get(server.url("/v1/users"));
        let answer = request.header(ORIGIN, origin).send().await.unwrap();
        assert_eq!(answer.status().is_success(), is_ours, "{origin}");
    }
}

#[tokio::test]
async fn commands_find_the_key_or_take_a_token() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(folder.path(), &[]);
    let args = ["cache", "status", "--listen", &*server.address];
    let output = run(folder.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = run(elsewhere.path(), &args);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("ROSTER_TOKEN"),
        "{}",
        stderr(&output)
    );
    let token = server.token("operator", "ops");
    let output = run(
        elsewhere.path(),
        &[args.as_slice(), &["--token", &*token]].concat(),
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut command = roster(elsewhere.path());
    let output = command
        .args(args)
        .env("ROSTER_TOKEN", &token)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let reader = server.token("reader", "users:read");
    let output = run(
        elsewhere.path(),
        &[args.as_slice(), &["--token", &*reader]].concat(),
    );
    assert!(stderr(&output).contains("scope ops"), "{}", stderr(&output));
    // What is no setting does not stop a server.
    assert!(!elsewhere.path().join("roster-data").exists());
}

#[tokio::test]
async fn issuers_of_the_file_are_the_ones_that_count() {
    let folder = tempfile::tempdir().unwrap();
    let keys = concat!(
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","#,
        r#""x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#
    );
    fs::write(folder.path().join("jwks.json"), keys).unwrap();
    let file = "[[auth.issuers]]\nissuer = 'https://id.example'\naudience = ['roster', 'other']\n\
                jwks = 'jwks.json'\nalgorithms = ['EdDSA']\nsubjects = 'services'\n";
    fs::write(folder.path().join("roster.toml"), file).unwrap();
    let server = Server::start(folder.path(), &["--config", "roster.toml"]);
    let own = run(folder.path(), &["token", "--sub", "a"]);
    let client = reqwest::Client::new();
    let request = client.get(server.url("/v1/users"));
    let request = request.header(AUTHORIZATION, format!("Bearer {}", stdout(&own).trim_end()));
    assert_eq!(
        request.send().await.unwrap().status(),
        401,
        "the own key is off"
    );
    let refused = run(
        folder.path(),
        &["token", "--sub", "a", "--config", "roster.toml"],
    );
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("auth.issuers"),
        "{}",
        stderr(&refused)
    );
    drop(server);
    fs::write(folder.path().join("jwks.json"), "{}").unwrap();
    let refused = run(
        folder.path(),
        &[
            "serve",
            "--config",
            "roster.toml",
            "--listen",
            "127.0.0.1:0",
        ],
    );
    assert_eq!(refused.status.code(), Some(1));
    let message = stderr(&refused);
    assert!(
        message.contains("https://id.example") && message.contains("jwks.json"),
        "{message}"
    );
}

#[test]
fn no_line_of_a_log_has_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--log", "trace"]);
    let token = server.token("reader", "users:read");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = Server::client_with(&token);
        assert_eq!(status(&client, server.url("/v1/users")).await, 200);
        let forged = Server::client_with(&format!("{token}x"));
        assert_eq!(status(&forged, server.url("/v1/users")).await, 401);
    });
    let (_, said) = server.stop();
    let signature = token.rsplit('.').next().unwrap();
    assert!(said.iter().all(|line| !line.contains(signature)));
    assert!(said.len() > 1, "it did log");
}

/// The variable of a token is no setting of the server's.
#[test]
fn a_server_starts_where_a_token_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = roster(folder.path());
    command
        .args(["config"])
        .env("ROSTER_TOKEN", "x")
        .stderr(Stdio::piped());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

/// Two addresses of this machine: one that guesses, and one that has nothing to do with it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_that_brings_no_good_token_is_told_to_wait_and_nobody_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--quota-refused", "3/h"]);
    let from = |last: u8, token: &str| {
        let value = format!("Bearer {token}").parse().unwrap();
        reqwest::Client::builder()
            .local_address(Some([127, 0, 0, last].into()))
            .default_headers([(AUTHORIZATION, value)].into_iter().collect())
            .build()
            .unwrap()
    };
    let users = server.url("/v1/users");
    let guessing = from(2, "a.b.c");
    for left in ["2", "1", "0"] {
        let refused = guessing.get(&users).send().await.unwrap();
        assert_eq!(refused.status(), 401);
        let told = refused.headers()["ratelimit"].to_str().unwrap();
        assert!(
            told.starts_with(&format!("\"refused\";r={left};")),
            "{told}"
        );
    }
    let waiting = guessing.get(&users).send().await.unwrap();
    assert_eq!(waiting.status(), 429);
    assert!(waiting.headers().contains_key("retry-after"));
    // What needs no token is not counted, and who has a good one is let in from anywhere.
    assert_eq!(status(&guessing, server.url("/livez")).await, 200);
    assert_eq!(status(&from(3, "a.b.c"), users.clone()).await, 401);
    let token = server.token("reader", "users:read");
    assert_eq!(status(&from(2, &token), users).await, 200);
    let metrics = format!("http://{}/metrics", server.metrics.as_ref().unwrap());
    let metrics = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    let line = "roster_http_quota_exceeded_total{quota=\"refused\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}
