//! Answers that are kept under an `Idempotency-Key`, and given again to whoever repeats it.

use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use roster_domain::UserVersion;
use roster_domain::ports::{KeptAnswer, Outcome};
use serde::Serialize;

use super::reply;
use super::user_body::UserBody;
use crate::extract::EntityTag;
use crate::problem::Problem;

const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// An answer as it is kept: status, place, version and body.
///
/// Layout: format (1), status (2), version (8, 0 for none), length of the place (2), the place,
/// the body; big endian. It outlives the release that wrote it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) location: String,
    pub(super) version: Option<UserVersion>,
    pub(super) body: Vec<u8>,
}

const FORMAT: u8 = 1;

#[derive(Debug, thiserror::Error)]
#[error("a kept answer is not of a form that this release knows")]
struct Unreadable;

impl Answer {
    /// An answer with a body alone.
    pub(super) fn of(status: StatusCode, body: &impl Serialize) -> Self {
        Self {
            status,
            location: String::new(),
            version: None,
            // The bodies are of texts and numbers, which can always be written. One that is not
            // there is found unreadable.
            body: serde_json::to_vec(body).unwrap_or_default(),
        }
    }

    /// The octets to keep.
    pub(super) fn into_octets(self) -> Vec<u8> {
        let place = self.location.as_bytes();
        let mut octets = Vec::with_capacity(13 + place.len() + self.body.len());
        octets.push(FORMAT);
        octets.extend_from_slice(&self.status.as_u16().to_be_bytes());
        let version = self.version.unwrap_or(UserVersion::NONE);
        octets.extend_from_slice(&version.get().to_be_bytes());
        // A place is a path of two ids.
        let length = u16::try_from(place.len()).unwrap_or_default();
        octets.extend_from_slice(&length.to_be_bytes());
        octets.extend_from_slice(&place[..usize::from(length)]);
        octets.extend_from_slice(&self.body);
        octets
    }

    fn from_octets(octets: &[u8]) -> Option<Self> {
        let (&FORMAT, rest) = octets.split_first()? else {
            return None;
        };
        let (status, rest) = rest.split_first_chunk()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (place, body) = rest.split_at_checked(length)?;
        let version = UserVersion::new(u64::from_be_bytes(*version));
        (!body.is_empty()).then_some(())?;
        Some(Self {
            status: StatusCode::from_u16(u16::from_be_bytes(*status)).ok()?,
            location: str::from_utf8(place).ok()?.to_owned(),
            version: Some(version).filter(|version| *version != UserVersion::NONE),
            body: body.to_vec(),
        })
    }

    fn into_response(self) -> Result<Response, Problem> {
        let mut response = reply::octets(self.status, self.body);
        let headers = response.headers_mut();
        if let Some(version) = self.version {
            headers.insert(header::ETAG, EntityTag::of_version(version).header());
        }
        if !self.location.is_empty() {
            let location = HeaderValue::try_from(self.location).map_err(Problem::internal)?;
            headers.insert(header::LOCATION, location);
        }
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

/// The answer with a user as its body.
pub(super) fn of_user(status: StatusCode, outcome: &Outcome) -> Answer {
    let Outcome::User(user) = outcome else {
        return Answer::of(status, &());
    };
    Answer {
        version: Some(user.version),
        ..Answer::of(status, &UserBody::from(user))
    }
}

/// The answer that was kept, given again.
pub(super) fn replayed(kept: &KeptAnswer) -> Result<Response, Problem> {
    Answer::from_octets(&kept.octets)
        .ok_or_else(|| Problem::internal(Unreadable))?
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Answer {
        Answer {
            status: StatusCode::CREATED,
            location: "/v1/users/1".into(),
            version: Some(UserVersion::new(3)),
            body: b"{}".to_vec(),
        }
    }

    #[test]
    fn the_octets_of_a_release_are_read_by_the_next() {
        let frozen = b"\x01\x00\xc9\0\0\0\0\0\0\0\x03\x00\x0b/v1/users/1{}";
        assert_eq!(sample().into_octets(), frozen);
        assert_eq!(Answer::from_octets(frozen), Some(sample()));
    }

    #[test]
    fn what_is_torn_or_foreign_is_not_an_answer() {
        let octets = sample().into_octets();
        for end in 0..octets.len() - 2 {
            assert_eq!(Answer::from_octets(&octets[..end]), None, "{end} octets");
        }
        assert_eq!(Answer::from_octets(b"\x02rest of another format"), None);
    }
}
