use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use roster_app::Scopes;
use roster_domain::Timestamp;
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Reason;

/// How far the clocks of issuers may be off.
pub(super) const LEEWAY: Duration = Duration::from_mins(1);

/// The claims that count.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) audience: Vec<String>,
    pub(super) scopes: Scopes,
    expires: Timestamp,
    not_before: Option<Timestamp>,
    issued: Option<Timestamp>,
}

impl Claims {
    /// Reads them. Issuer, subject, audience and expiry must be there; each member once.
    pub(super) fn read(json: &[u8]) -> Result<Self, Reason> {
        let raw: RawClaims = serde_json::from_slice(json).map_err(|_| Reason::Malformed)?;
        let moment = |seconds: Option<f64>| seconds.map(moment).transpose();
        Ok(Self {
            issuer: raw.issuer.ok_or(Reason::Issuer)?,
            subject: raw
                .subject
                .filter(|name| !name.is_empty())
                .ok_or(Reason::Subject)?,
            audience: raw.audience.ok_or(Reason::Audience)?,
            scopes: Scopes::among(raw.scopes.iter().flat_map(|words| words.split(' '))),
            expires: moment(raw.expires)?.ok_or(Reason::Time)?,
            not_before: moment(raw.not_before)?,
            issued: moment(raw.issued)?,
        })
    }

    /// How long from now on they hold; an error when they do not.
    pub(super) fn left(&self, now: Timestamp) -> Result<Duration, Reason> {
        let soon = now.plus(LEEWAY);
        let early = |moment: Option<Timestamp>| moment.is_some_and(|moment| moment > soon);
        let end = self.expires.plus(LEEWAY);
        if early(self.not_before) || early(self.issued) {
            return Err(Reason::Time);
        }
        if end <= now {
            return Err(Reason::Expired);
        }
        Ok(end.since(now))
    }
}

/// A `NumericDate` (RFC 7519, 2), which may have a fraction.
fn moment(seconds: f64) -> Result<Timestamp, Reason> {
    /// The year 9999, and what a float still counts in microseconds.
    const LATEST: f64 = 253_402_300_799.0;
    if !(0.0..=LATEST).contains(&seconds) {
        return Err(Reason::Malformed);
    }
    Ok(Timestamp::UNIX_EPOCH.plus(Duration::from_secs_f64(seconds)))
}

#[derive(Default)]
struct RawClaims {
    issuer: Option<String>,
    subject: Option<String>,
    audience: Option<Vec<String>>,
    /// Of `scope` (RFC 8693) and `scp`, which some issuers write instead.
    scopes: Vec<String>,
    expires: Option<f64>,
    not_before: Option<f64>,
    issued: Option<f64>,
}

impl<'de> Deserialize<'de> for RawClaims {
    /// A member that is there twice is an error, whichever it is.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ClaimsVisitor;

        impl<'de> Visitor<'de> for ClaimsVisitor {
            type Value = RawClaims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawClaims, A::Error> {
                let mut claims = RawClaims::default();
                let mut names = HashSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if names.contains(&name) {
                        return Err(serde::de::Error::custom("a claim is there twice"));
                    }
                    match &*name {
                        "iss" => claims.issuer = Some(map.next_value()?),
                        "sub" => claims.subject = Some(map.next_value()?),
                        "aud" => claims.audience = Some(map.next_value::<Texts>()?.0),
                        "exp" => claims.expires = Some(map.next_value()?),
                        "nbf" => claims.not_before = Some(map.next_value()?),
                        "iat" => claims.issued = Some(map.next_value()?),
                        "scope" | "scp" => claims.scopes.extend(map.next_value::<Texts>()?.0),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                    names.insert(name);
                }
                Ok(claims)
            }
        }

        deserializer.deserialize_map(ClaimsVisitor)
    }
}

/// One text, or an array of them.
struct Texts(Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextsVisitor;

        impl<'de> Visitor<'de> for TextsVisitor {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = seq.next_element()? {
                    texts.push(text);
                }
                Ok(Texts(texts))
            }
        }

        deserializer.deserialize_any(TextsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use roster_app::Scope;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH.plus(Duration::from_secs(seconds))
    }

    fn claims(more: &str) -> Result<Claims, Reason> {
        let json = format!(r#"{{"iss":"i","sub":"s","aud":"a"{more}}}"#);
        Claims::read(json.as_bytes())
    }

    #[test]
    fn the_clocks_may_be_a_minute_apart() {
        let left = |more, now| claims(more).unwrap().left(at(now));
        assert_eq!(left(r#","exp":1000"#, 1_059), Ok(Duration::from_secs(1)));
        assert_eq!(left(r#","exp":1000"#, 1_060), Err(Reason::Expired));
        assert_eq!(left(r#","exp":1000,"nbf":2000"#, 1_060), Err(Reason::Time));
        assert!(left(r#","exp":1000,"nbf":500"#, 440).is_ok());
        assert_eq!(left(r#","exp":1000,"nbf":500"#, 439), Err(Reason::Time));
        assert_eq!(left(r#","exp":1000,"iat":500"#, 439), Err(Reason::Time));
        assert_eq!(
            left(r#","exp":1000.5"#, 1_000),
            Ok(Duration::from_millis(60_500))
        );
    }

    #[test]
    fn numbers_are_moments_and_texts_are_not() {
        for exp in ["-1", "1e300", "\"1000\"", "null", "true", "253402300800"] {
            assert_eq!(
                claims(&format!(r#","exp":{exp}"#)).unwrap_err(),
                Reason::Malformed,
                "{exp}"
            );
        }
        assert_eq!(claims("").unwrap_err(), Reason::Time);
    }

    #[test]
    fn scopes_are_words_or_a_list() {
        for scope in [
            r#""scope":"openid users:read ops""#,
            r#""scope":["users:read","ops"]"#,
            r#""scp":"users:read","scope":"ops""#,
        ] {
            let scopes = claims(&format!(r#","exp":1,{scope}"#)).unwrap().scopes;
            assert_eq!(scopes, Scopes::from_iter([Scope::UsersRead, Scope::Ops]));
        }
    }

    #[test]
    fn a_claim_that_is_there_twice_is_refused() {
        for twice in [
            r#","exp":1,"exp":1"#,
            r#","exp":1,"x":1,"x":2"#,
            r#","exp":1,"sub":"t""#,
        ] {
            assert_eq!(claims(twice).unwrap_err(), Reason::Malformed, "{twice}");
        }
    }
}
