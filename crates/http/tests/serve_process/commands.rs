use roster_test_services::refusing;

use super::process::{Server, run, stderr, stdout};

#[test]
fn health_asks_the_configured_address() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let address = server.address.clone();
    let output = run(folder.path(), &["health", "--listen", &address]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("200 OK"), "{}", stdout(&output));
    server.stop();
    // From here on nobody else gets the address.
    let _nobody = refusing(address.parse().unwrap()).unwrap();
    let output = run(folder.path(), &["health", "--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains(&format!("no service answers at http://{address}/readyz")),
        "{}",
        stderr(&output)
    );
}

#[test]
fn migrate_says_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let first = stdout(&run(folder.path(), &["migrate"]));
    assert!(first.starts_with("applied version 1\n"), "{first}");
    let again = stdout(&run(folder.path(), &["migrate"]));
    assert!(again.starts_with("nothing to do\n"), "{again}");
    let back = stdout(&run(folder.path(), &["migrate", "--revert-to", "1"]));
    assert!(
        !back.contains("undone version 1\n") && back.contains("undone version 2\n"),
        "{back}"
    );
    assert!(back.ends_with("roster.db is at version 1\n"), "{back}");
    let forward = stdout(&run(folder.path(), &["migrate"]));
    assert!(
        !forward.contains("applied version 1\n") && forward.contains("applied version 2\n"),
        "{forward}"
    );
}

#[test]
fn config_shows_what_is_set_and_by_whom() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["config", "--http-max-body", "1MiB"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("http.max_body = \"1MiB\""));
    assert!(stdout(&output).contains("# --http-max-body"));
}

#[tokio::test]
async fn openapi_prints_the_document_that_the_service_answers() {
    let folder = tempfile::tempdir().unwrap();
    let printed: serde_json::Value =
        serde_json::from_str(&stdout(&run(folder.path(), &["openapi"]))).unwrap();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(printed, server.json("/openapi.json").await);
    assert!(!folder.path().join("roster.db").exists());
}

#[test]
fn completions_are_printed_even_with_settings_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = run(
            folder.path(),
            &["completions", shell, "--listen", "nowhere"],
        );
        assert_eq!(
            output.status.code(),
            Some(0),
            "{shell}: {}",
            stderr(&output)
        );
        assert!(stdout(&output).contains("roster"));
    }
}

#[test]
fn a_command_line_that_cannot_be_used_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        ["frobnicate"].as_slice(),
        &["--frobnicate"],
        &["--listen"],
        &["migrate", "--revert-to", "x"],
    ] {
        assert_eq!(run(folder.path(), args).status.code(), Some(2), "{args:?}");
    }
    assert_eq!(run(folder.path(), &["--help"]).status.code(), Some(0));
}
