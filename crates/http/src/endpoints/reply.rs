use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
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
    let mut response = json(status, &UserBody::from(user))?;
    response
        .headers_mut()
        .insert(header::ETAG, EntityTag::of_version(user.version).header());
    Ok(response)
}

/// What the client has already: no body is made for it.
pub(super) fn not_modified(tag: &EntityTag) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(header::ETAG, tag.header());
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
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// The JSON text of a body.
pub(super) fn serialized(body: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(body).map_err(Problem::internal)
}
