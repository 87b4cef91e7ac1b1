use std::collections::HashSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use super::{Algorithm, Reason};

/// A token in its parts, none of them verified yet.
pub(super) struct Token<'a> {
    pub(super) header: Header,
    /// The JSON of the claims.
    pub(super) payload: Vec<u8>,
    /// What is signed.
    pub(super) message: &'a [u8],
    /// The signature in base64url.
    pub(super) signature: &'a str,
}

/// What the header says that is of use: which of the issuer's keys, and how it was used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
}

impl<'a> Token<'a> {
    /// Longer ones are nobody's: a token travels with every request.
    const LONGEST: usize = 8 * 1024;

    /// Takes a token apart: JWS in compact form (RFC 7515, 3.1) and nothing else.
    pub(super) fn read(text: &'a str) -> Result<Self, Reason> {
        if text.len() > Self::LONGEST {
            return Err(Reason::Malformed);
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Reason::Malformed);
        };
        Ok(Self {
            header: Header::read(&decoded(header)?)?,
            payload: decoded(payload)?,
            message: &text.as_bytes()[..header.len() + 1 + payload.len()],
            signature,
        })
    }
}

/// Base64url without padding, in its one canonical form.
fn decoded(part: &str) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Malformed)
}

impl Header {
    fn read(json: &[u8]) -> Result<Self, Reason> {
        let raw: RawHeader = serde_json::from_slice(json).map_err(|_| Reason::Malformed)?;
        if raw.forbidden || !raw.typ.as_deref().is_none_or(is_token_type) {
            return Err(Reason::Header);
        }
        let algorithm = raw.alg.as_deref().ok_or(Reason::Malformed)?;
        Ok(Self {
            algorithm: Algorithm::named(algorithm).ok_or(Reason::Algorithm)?,
            kid: raw.kid,
        })
    }
}

/// An access token (RFC 9068, 2.1) or one that does not say more than that it is a JWT. An ID
/// token, a logout token or a proof of possession is not what lets a caller in.
fn is_token_type(typ: &str) -> bool {
    let typ = match typ.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => typ,
    };
    typ.eq_ignore_ascii_case("jwt") || typ.eq_ignore_ascii_case("at+jwt")
}

#[derive(Default)]
struct RawHeader {
    alg: Option<String>,
    kid: Option<String>,
    typ: Option<String>,
    forbidden: bool,
}

/// Members that name another key, change what is signed, or must be understood.
const FORBIDDEN: [&str; 9] = [
    "jwk", "jku", "x5u", "x5c", "crit", "b64", "enc", "zip", "cty",
];

impl<'de> Deserialize<'de> for RawHeader {
    /// A member that is there twice is an error, whichever it is: readers disagree which counts.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;

        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = RawHeader;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
                let mut header = RawHeader::default();
                let mut names = HashSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if names.contains(&name) {
                        return Err(serde::de::Error::custom("a member is there twice"));
                    }
                    match &*name {
                        "alg" => header.alg = Some(map.next_value()?),
                        "kid" => header.kid = Some(map.next_value()?),
                        "typ" => header.typ = Some(map.next_value()?),
                        other => {
                            header.forbidden |= FORBIDDEN.contains(&other);
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                    names.insert(name);
                }
                Ok(header)
            }
        }

        deserializer.deserialize_map(HeaderVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(json: &str) -> Result<Header, Reason> {
        Header::read(json.as_bytes())
    }

    #[test]
    fn a_header_says_algorithm_and_key() {
        let plain = header(r#"{"alg":"RS256","kid":"one","typ":"at+JWT","x5t":"AQID"}"#).unwrap();
        assert_eq!(plain.algorithm, Algorithm::Rs256);
        assert_eq!(plain.kid.as_deref(), Some("one"));
        assert!(header(r#"{"alg":"EdDSA","typ":"application/jwt"}"#).is_ok());
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for name in FORBIDDEN {
            let json = format!(r#"{{"alg":"RS256","{name}":[]}}"#);
            assert_eq!(header(&json), Err(Reason::Header), "{name}");
        }
        assert_eq!(
            header(r#"{"alg":"RS256","typ":"logout+jwt"}"#),
            Err(Reason::Header)
        );
        for algorithm in ["none", "None", "NONE", "HS256", "rs256", "RS1", ""] {
            let json = format!(r#"{{"alg":"{algorithm}"}}"#);
            assert_eq!(header(&json), Err(Reason::Algorithm), "{algorithm}");
        }
        for json in [
            r#"{"alg":"RS256","alg":"RS256"}"#,
            r#"{"alg":"RS256","a":1,"a":1}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"typ":"JWT"}"#,
            r#"["RS256"]"#,
            "",
        ] {
            assert_eq!(header(json), Err(Reason::Malformed), "{json}");
        }
    }
}
