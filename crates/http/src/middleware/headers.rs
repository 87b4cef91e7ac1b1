use axum::response::Response;
use http::header::{self, HeaderValue};

use super::request_id::X_REQUEST_ID;

/// Gives every answer the fields that every answer has; what a handler set stays.
pub(super) fn complete(response: &mut Response, request_id: &HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, request_id.clone());
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-cache"));
    headers
        .entry(header::VARY)
        .or_insert(HeaderValue::from_static("accept, authorization"));
}
