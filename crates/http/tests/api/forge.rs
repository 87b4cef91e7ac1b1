//! Makes tokens from descriptions, right and wrong ones.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm as Signing, EncodingKey};
use roster_domain::ports::Clock;
use roster_http::authentication::{Algorithm, Issuer, KeySource, Keys, Subjects};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const RSA_PUBLIC: &str = include_str!("keys/rsa.public.pem");

/// Who signs.
#[derive(Clone, Copy)]
pub(crate) enum Signer<'a> {
    /// The issuer's RSA key, in one of its algorithms.
    Rsa(Signing),
    /// The issuer's Ed25519 key.
    Ed25519,
    /// The issuer's P-256 key, which it may not use here.
    P256,
    /// Keys of the same kinds that nobody knows.
    StrangersRsa,
    StrangersEd25519,
    /// A secret.
    Secret(Signing, &'a [u8]),
    /// Nobody: this stands in the signature's place.
    Nobody(&'a str),
}

fn key(signer: Signer<'_>) -> Option<(EncodingKey, Signing)> {
    let rsa = |pem: &str| EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let ed = |pem: &str| EncodingKey::from_ed_pem(pem.as_bytes()).unwrap();
    Some(match signer {
        Signer::Rsa(algorithm) => (rsa(include_str!("keys/rsa.pem")), algorithm),
        Signer::StrangersRsa => (
            rsa(include_str!("keys/rsa-of-a-stranger.pem")),
            Signing::RS256,
        ),
        Signer::Ed25519 => (ed(include_str!("keys/ed25519.pem")), Signing::EdDSA),
        Signer::StrangersEd25519 => (
            ed(include_str!("keys/ed25519-of-a-stranger.pem")),
            Signing::EdDSA,
        ),
        Signer::P256 => {
            let pem = include_str!("keys/p256.pem");
            let key = EncodingKey::from_ec_pem(pem.as_bytes()).unwrap();
            (key, Signing::ES256)
        }
        Signer::Secret(algorithm, secret) => (EncodingKey::from_secret(secret), algorithm),
        Signer::Nobody(_) => return None,
    })
}

/// The public part of a key, with more members.
pub(crate) fn jwk(signer: Signer<'_>, more: &Value) -> Value {
    let (key, algorithm) = key(signer).unwrap();
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
    let members = jwk.as_object_mut().unwrap();
    // A key may be used for every algorithm of its kind.
    members.remove("alg");
    members.extend(more.as_object().unwrap().clone());
    jwk
}

/// Three parts, of which the first two are any text at all.
pub(crate) fn token(header: &str, claims: &str, signer: Signer<'_>) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = match (signer, key(signer)) {
        (_, Some((key, algorithm))) => {
            jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap()
        }
        (Signer::Nobody(text), None) => text.to_owned(),
        _ => String::new(),
    };
    format!("{message}.{signature}")
}

pub(crate) fn encoded(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// A JSON object with members of another put in, or taken out where they are null.
pub(crate) fn changed(original: &Value, changes: &Value) -> String {
    let mut members = original.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    Value::Object(members).to_string()
}

/// An issuer of users with an RSA, an Ed25519 and a P-256 key, which may sign by RS256 and
/// `EdDSA` alone.
pub(crate) struct Site {
    _folder: TempDir,
    pub(crate) jwks: String,
    path: std::path::PathBuf,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        let keys = [
            jwk(Signer::Rsa(Signing::RS256), &json!({ "kid": "rsa" })),
            jwk(Signer::Ed25519, &json!({ "kid": "ed" })),
            jwk(Signer::P256, &json!({ "kid": "ec" })),
        ];
        let jwks = json!({ "keys": keys }).to_string();
        std::fs::write(&path, &jwks).unwrap();
        Self {
            _folder: folder,
            jwks,
            path,
        }
    }

    pub(crate) fn issuer(&self, clock: Arc<dyn Clock>) -> Issuer {
        let source = KeySource::File(self.path.clone());
        Issuer {
            name: ISSUER.to_owned(),
            audiences: vec!["roster".to_owned()],
            algorithms: vec![Algorithm::Rs256, Algorithm::EdDsa],
            subjects: Subjects::Users,
            keys: Arc::new(Keys::open(source, clock).unwrap()),
        }
    }
}
