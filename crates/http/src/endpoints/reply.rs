use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::body::Frame;
use roster_domain::User;
use serde::Serialize;

use super::user_body::UserBody;
use crate::extract::{EntityTag, IfNoneMatch};
use crate::problem::Problem;

/// JSON without a tag.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Result<Response, Problem> {
    Ok(octets(status, serialized(body)?))
}

/// JSON with a weak tag of its content, or 304 when the client has it.
pub(super) fn tagged_json(body: &impl Serialize, held: &IfNoneMatch) -> Result<Response, Problem> {
    let body = serialized(body)?;
    let tag = EntityTag::of_content(&body);
    Ok(tagged(&tag, held, || octets(StatusCode::OK, body)))
}

/// One user with its strong tag.
pub(super) fn user(status: StatusCode, user: &User) -> Result<Response, Problem> {
    Ok(UserReply::of(user)?.whole(status))
}

/// What an answer says of a user, whatever the request.
pub(super) struct UserReply {
    body: Bytes,
    pub(super) tag: EntityTag,
    length: Bytes,
}

impl UserReply {
    pub(super) fn of(user: &User) -> Result<Self, Problem> {
        Self::octets(user).map(Self::from_octets)
    }

    /// In one piece, to be kept beside the user: the body, its tag, its length in digits, and of
    /// how many octets these two are, in one octet each.
    pub(super) fn octets(user: &User) -> Result<Bytes, Problem> {
        let mut octets = serialized(&UserBody::from(user))?;
        let tag = EntityTag::of_version(user.version);
        let (tag, length) = (tag.text(), octets.len().to_string());
        octets.extend_from_slice(tag.as_bytes());
        octets.extend_from_slice(length.as_bytes());
        // A number of 64 bits has at most 20 digits.
        let counts = [tag, &length].map(|text| u8::try_from(text.len()).unwrap_or_default());
        octets.extend(counts);
        // It may be kept for long: without what the vector has to spare.
        Ok(octets.into_boxed_slice().into())
    }

    /// What was made by `octets`.
    pub(super) fn from_octets(mut octets: Bytes) -> Self {
        let mut split_off = |count: usize| octets.split_off(octets.len().saturating_sub(count));
        let counts = split_off(2);
        let count = |at: usize| counts.get(at).map_or(0, |count| usize::from(*count));
        let length = split_off(count(1));
        let tag = EntityTag::made(split_off(count(0)));
        Self {
            body: octets,
            tag,
            length,
        }
    }

    /// The user with its tag.
    pub(super) fn whole(self, status: StatusCode) -> Response {
        let mut response = sized(Body::from(self.body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        if let Ok(length) = HeaderValue::from_maybe_shared(self.length) {
            headers.insert(header::CONTENT_LENGTH, length);
        }
        headers.insert(header::ETAG, self.tag.header());
        response
    }

    /// That the client has it already.
    pub(super) fn not_modified(&self) -> Response {
        let mut response = sized(Body::new(NoContent));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
            .headers_mut()
            .insert(header::ETAG, self.tag.header());
        response
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// With room for the headers of a read, so that the map does not grow several times on its way.
fn sized(body: Body) -> Response {
    let mut response = Response::new(body);
    *response.headers_mut() = HeaderMap::with_capacity(12);
    response
}

/// What the client has already: no body is made for it.
pub(super) fn not_modified(tag: &EntityTag) -> Response {
    let mut response = without_content(StatusCode::NOT_MODIFIED);
    response.headers_mut().insert(header::ETAG, tag.header());
    response
}

/// A status that has no content.
pub(super) fn without_content(status: StatusCode) -> Response {
    let mut response = Response::new(Body::new(NoContent));
    *response.status_mut() = status;
    response
}

/// A response that nobody on its way may keep.
pub(super) fn not_stored(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A response with its tag, or 304 when the client has it.
pub(super) fn tagged(
    tag: &EntityTag,
    held: &IfNoneMatch,
    response: impl FnOnce() -> Response,
) -> Response {
    if held.has(tag) {
        return not_modified(tag);
    }
    let mut response = response();
    response.headers_mut().insert(header::ETAG, tag.header());
    response
}

/// JSON octets.
pub(super) fn octets(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// The JSON text of a body.
pub(super) fn serialized(body: &impl Serialize) -> Result<Vec<u8>, Problem> {
    // Most bodies fit, and the others begin with fewer steps.
    let mut octets = Vec::with_capacity(1_024);
    serde_json::to_writer(&mut octets, body).map_err(Problem::internal)?;
    Ok(octets)
}

/// Nothing, of no length. A body of length 0 would be sent as `Content-Length: 0`, which 204
/// must not have and 304 would say of the body it stands for (RFC 9110, 8.6).
struct NoContent;

impl HttpBody for NoContent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}
