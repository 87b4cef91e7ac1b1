use std::error::Error;
use std::fmt;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Uri, header};
use serde::Serialize;

use super::{FieldError, Problem, ProblemType};

/// The longest path that a problem repeats, in octets.
const LONGEST_INSTANCE: usize = 1_024;

#[derive(Serialize)]
struct ProblemBody<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

/// The whole response of a problem.
pub(crate) fn render(problem: &Problem, uri: &Uri, request_id: &str) -> Response {
    let parts = &*problem.0;
    let body = ProblemBody {
        r#type: parts.kind.uri(),
        title: parts.kind.title(),
        status: parts.kind.status().as_u16(),
        detail: &parts.detail,
        // Without the query: what a caller put there is not repeated. A URI is ASCII.
        instance: uri.path().get(..LONGEST_INSTANCE).unwrap_or(uri.path()),
        request_id,
        errors: &parts.errors,
    };
    // Strings and numbers always serialise.
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let length = body.len();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = parts.kind.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in &parts.headers {
        headers.append(name, value.clone());
    }
    response
}

/// Logs a problem that is the service's own fault, with the whole chain of its cause.
pub(crate) fn report(problem: &Problem, method: &http::Method, route: &str, request_id: &str) {
    let parts = &*problem.0;
    // Whoever refuses many requests tells of them together: a line for each would add to the load.
    let is_refusal = parts.kind == ProblemType::TemporaryReducedCapacity;
    if !parts.kind.status().is_server_error() || is_refusal || parts.is_told {
        return;
    }
    // What has no cause says itself why, in words that name nobody.
    let cause = match parts.cause.as_deref() {
        Some(cause) => Chain(Some(cause)).to_string(),
        None => parts.detail.clone().into(),
    };
    let (problem, status) = (parts.kind.name(), parts.kind.status().as_u16());
    if parts.kind == ProblemType::Internal {
        tracing::error!(request.id = request_id, %method, route, status, problem, error = %cause, "a request failed");
    } else {
        tracing::warn!(request.id = request_id, %method, route, status, problem, error = %cause, "a request could not be answered");
    }
}

/// An error and its sources, one level after the other.
struct Chain<'a>(Option<&'a dyn Error>);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = self.0;
        let mut separator = "";
        while let Some(error) = next {
            write!(f, "{separator}{error}")?;
            separator = ": ";
            next = error.source();
        }
        Ok(())
    }
}
