use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;

use crate::authentication::Algorithm;
use crate::authentication::token::Token;

/// The public keys of an issuer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeySet(Vec<PublicKey>);

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// They cannot be read.
    #[error("the keys cannot be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What was read is no set of keys.
    #[error("this is not a JSON Web Key Set (RFC 7517)")]
    NotASet(#[source] serde_json::Error),
    /// No key of the set can verify a token.
    #[error("the set has no key for signatures: RSA of 2048 bits or more, P-256, P-384 or Ed25519")]
    NoKey,
}

/// One key, and what it may be used for.
pub(crate) struct PublicKey {
    /// As it stands in the set, to tell whether it is another one.
    description: Jwk,
    algorithms: &'static [Algorithm],
    key: DecodingKey,
}

impl KeySet {
    /// Takes the keys that verify signatures. Others are passed over: a set may hold keys for
    /// encryption, and kinds that this release does not know.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, KeyError> {
        #[derive(Deserialize)]
        struct Jwks {
            keys: Vec<serde_json::Value>,
        }
        let set: Jwks = serde_json::from_slice(json).map_err(KeyError::NotASet)?;
        let keys = set.keys.into_iter();
        let keys = keys.filter_map(|key| PublicKey::new(serde_json::from_value(key).ok()?));
        Self::of(keys.collect())
    }

    pub(crate) fn of(keys: Vec<PublicKey>) -> Result<Self, KeyError> {
        if keys.is_empty() {
            Err(KeyError::NoKey)
        } else {
            Ok(Self(keys))
        }
    }

    /// The key that a token names, if it may sign so. A token that names none is of the only
    /// key that could have signed it.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&PublicKey> {
        let mut fitting = self
            .0
            .iter()
            .filter(|key| key.algorithms.contains(&algorithm));
        if let Some(kid) = kid {
            return fitting.find(|key| key.description.kid.as_deref() == Some(kid));
        }
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }
}

impl PublicKey {
    /// A key that verifies signatures, or nothing.
    pub(crate) fn new(jwk: Jwk) -> Option<Self> {
        let octets = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let length = |text: &Option<String>| Some(octets(text)?.len());
        let algorithms: &'static [Algorithm] = match (&*jwk.kty, jwk.crv.as_deref()) {
            ("RSA", _) if is_strong(&octets(&jwk.n)?) => &[
                Algorithm::Rs256,
                Algorithm::Rs384,
                Algorithm::Rs512,
                Algorithm::Ps256,
                Algorithm::Ps384,
                Algorithm::Ps512,
            ],
            ("EC", Some("P-256")) if length(&jwk.x)? == 32 && length(&jwk.y)? == 32 => {
                &[Algorithm::Es256]
            }
            ("EC", Some("P-384")) if length(&jwk.x)? == 48 && length(&jwk.y)? == 48 => {
                &[Algorithm::Es384]
            }
            // The library takes the first 32 octets and panics without them.
            ("OKP", Some("Ed25519")) if length(&jwk.x)? == 32 => &[Algorithm::EdDsa],
            _ => return None,
        };
        let algorithms = match jwk.alg.as_deref() {
            None => algorithms,
            // A key that names its algorithm has no other.
            Some(name) => {
                let place = algorithms.iter().position(|known| known.name() == name)?;
                algorithms.get(place..=place)?
            }
        };
        if !matches!(jwk.usage.as_deref(), None | Some("sig")) {
            return None;
        }
        let key = match &*jwk.kty {
            "RSA" => DecodingKey::from_rsa_components(jwk.n.as_deref()?, jwk.e.as_deref()?),
            "EC" => DecodingKey::from_ec_components(jwk.x.as_deref()?, jwk.y.as_deref()?),
            _ => DecodingKey::from_ed_components(jwk.x.as_deref()?),
        };
        Some(Self {
            key: key.ok()?,
            algorithms,
            description: jwk,
        })
    }

    /// Whether the token's signature is this key's.
    pub(crate) fn has_signed(&self, token: &Token<'_>) -> bool {
        let algorithm = token.header.algorithm;
        self.algorithms.contains(&algorithm)
            && jsonwebtoken::crypto::verify(
                token.signature,
                token.message,
                &self.key,
                algorithm.of_library(),
            )
            .unwrap_or(false)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.description == other.description
    }
}

impl Eq for PublicKey {}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.description.fmt(f)
    }
}

/// RSA keys have 2048 bits or more (RFC 7518, 3.3), and not so many that a signature takes long.
fn is_strong(modulus: &[u8]) -> bool {
    let zeros = modulus.iter().take_while(|octet| **octet == 0).count();
    (256..=1_024).contains(&(modulus.len() - zeros))
}

/// What counts of a JSON Web Key. A private part is not read.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Jwk {
    pub(crate) kty: String,
    pub(crate) kid: Option<String>,
    pub(crate) alg: Option<String>,
    #[serde(rename = "use")]
    pub(crate) usage: Option<String>,
    pub(crate) crv: Option<String>,
    pub(crate) n: Option<String>,
    pub(crate) e: Option<String>,
    pub(crate) x: Option<String>,
    pub(crate) y: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn set(keys: &str) -> Result<KeySet, KeyError> {
        KeySet::from_json(format!("{{\"keys\":[{keys}]}}").as_bytes())
    }

    fn ed25519(more: &str) -> String {
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"{more}}}"#)
    }

    #[test]
    fn keys_that_cannot_verify_a_token_are_passed_over() {
        let short = r#"{"kty":"OKP","crv":"Ed25519","x":"AQID"}"#;
        let weak = format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}"}}"#, "a".repeat(171));
        let padded = format!(
            r#"{{"kty":"RSA","e":"AQAB","n":"{}{}"}}"#,
            "A".repeat(172),
            "a".repeat(171)
        );
        let secret = r#"{"kty":"oct","k":"c2VjcmV0"}"#;
        let point = r#"{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}"#;
        for key in [
            short,
            &weak,
            &padded,
            secret,
            point,
            &ed25519(r#","use":"enc""#),
            &ed25519(r#","alg":"RS256""#),
            "{}",
            "17",
        ] {
            assert!(matches!(set(key), Err(KeyError::NoKey)), "{key}");
        }
        assert!(matches!(set(""), Err(KeyError::NoKey)));
        assert!(matches!(
            KeySet::from_json(b"[]"),
            Err(KeyError::NotASet(_))
        ));
        let mixed = set(&format!("{secret},{}", ed25519(""))).unwrap();
        assert_eq!(mixed.0.len(), 1);
    }

    #[test]
    fn a_token_without_a_key_id_is_of_the_only_key() {
        let one = set(&ed25519(r#","kid":"a""#)).unwrap();
        assert!(one.find(None, Algorithm::EdDsa).is_some());
        assert!(one.find(Some("a"), Algorithm::EdDsa).is_some());
        assert!(one.find(Some("b"), Algorithm::EdDsa).is_none());
        assert!(one.find(Some("a"), Algorithm::Rs256).is_none());
        let two = set(&format!(
            "{},{}",
            ed25519(r#","kid":"a""#),
            ed25519(r#","kid":"b""#)
        ))
        .unwrap();
        assert!(two.find(None, Algorithm::EdDsa).is_none());
        assert!(two.find(Some("b"), Algorithm::EdDsa).is_some());
    }
}
