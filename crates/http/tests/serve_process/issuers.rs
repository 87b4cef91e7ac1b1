//! Issuers whose keys come over TLS, against the binary.

use std::path::Path;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::StatusCode;
use roster_test_services::{TlsAuthority, TlsSite};
use serde_json::{Value, json};

use super::process::{PATIENCE, Server};

const KEY: &[u8] = include_bytes!("../api/keys/ed25519.pem");

/// The binary with one issuer at that site, for whom this authority vouches; its folder is that
/// of the file.
fn start(folder: &Path, site: &TlsSite, authority: &TlsAuthority) -> Server {
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let issuers = json!([{
        "issuer": "https://id.example",
        "audience": "roster",
        "jwks": format!("https://{}/jwks", site.addr()),
        "ca": ca,
        "algorithms": ["EdDSA"],
        "subjects": "services",
    }]);
    Server::start(folder, &["--auth-issuers", &issuers.to_string()])
}

fn set_and_token() -> (String, String) {
    let key = EncodingKey::from_ed_pem(KEY).unwrap();
    let jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).unwrap();
    let claims = json!({
        "iss": "https://id.example",
        "aud": "roster",
        "sub": "batch",
        "scope": "users:read",
        "exp": 4_102_444_800_u64,
    });
    let token = jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &key).unwrap();
    (json!({ "keys": [jwk] }).to_string(), token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_checked_with_keys_that_a_private_authority_vouches_for() {
    let authority = TlsAuthority::new().unwrap();
    let site = TlsSite::start(&authority, "127.0.0.1").await.unwrap();
    let (set, token) = set_and_token();
    site.says(&set);
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &site, &authority);
    let client = Server::client_with(&token);
    // The first reading may still be under way: until it ends, nobody can be let in.
    let let_in = async {
        loop {
            let answer = client.get(server.url("/v1/users")).send().await.unwrap();
            match answer.status() {
                StatusCode::OK => return,
                status => assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE),
            }
        }
    };
    tokio::time::timeout(PATIENCE, let_in).await.unwrap();
    assert!(site.answered() >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_whose_certificate_was_refused_and_who_should_have_vouched() {
    let authority = TlsAuthority::new().unwrap();
    let site = TlsSite::start(&authority, "127.0.0.1").await.unwrap();
    let (set, token) = set_and_token();
    site.says(&set);
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &site, &TlsAuthority::new().unwrap());
    let client = Server::client_with(&token);
    let answer = client.get(server.url("/v1/users")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    // The first reading is before or after the moment at which it is ready.
    let mut said = server.said_at_start.clone();
    let (_, more) = tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
    said.extend(more);
    let events = said
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let refused = events
        .into_iter()
        .find(|event| text(event, "message").starts_with("the keys of an issuer cannot be read"));
    let refused = refused.unwrap_or_else(|| panic!("the refusal is not logged: {said:#?}"));
    let uri = format!("https://{}/jwks", site.addr());
    let ca = folder.path().join("ca.pem").display().to_string();
    let error = refused["error.sources"].to_string();
    assert_eq!(text(&refused, "source"), uri);
    for named in [&*uri, &*ca, "invalid peer certificate"] {
        assert!(error.contains(named), "{named} is missing: {error}");
    }
    assert_eq!(site.answered(), 0);
}
