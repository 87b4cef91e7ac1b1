//! Problems (RFC 9457): the only error body, and the one place that knows their statuses.

mod failures;

mod documented;
mod rendering;

use std::borrow::Cow;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use roster_domain::Invalid;

pub(crate) use documented::{
    ProblemSchema, documented_problems, refused_callers, response, responses,
};
pub(crate) use rendering::{render, report};

macro_rules! problem_types {
    ($($variant:ident = $name:literal, $status:ident, $title:literal, $meaning:literal;)*) => {
        /// What went wrong, as a stable name that programs act on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemType {
            $(#[doc = $meaning] $variant,)*
        }

        impl ProblemType {
            /// Every type, in the order of their statuses.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name: the last segment of its URI.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The status of the response that carries it.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// What it is called, the same in every answer.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What it means and what a caller can do.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

problem_types! {
    MalformedRequest = "malformed-request", BAD_REQUEST, "Malformed request",
        "The request cannot be read: a query parameter that is unknown, repeated or not of its form, a path that is not an id, or a body that is not JSON. The detail names the place. Sending it again does not help.";
    InvalidLimit = "invalid-limit", BAD_REQUEST, "Invalid limit",
        "A number of rows is a whole number from 1 up. Numbers above the greatest are lowered to it and are no problem.";
    InvalidCursor = "invalid-cursor", BAD_REQUEST, "Invalid cursor",
        "The cursor was not made by this service, or was changed on its way. Begin again without one.";
    CursorMismatch = "cursor-mismatch", BAD_REQUEST, "Cursor of another list",
        "The cursor was made for another filter or another order. Send the parameters that it was made with, or begin again without it.";
    PageTooDeep = "page-too-deep", BAD_REQUEST, "Page too deep",
        "Numbered pages end at row 10,000, because a store reads every row that it skips. Walk on with cursors: they cost the same at any depth. The header Link leads to the first page of such a walk.";
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Unauthenticated",
        "The request has no token, or one that is not accepted: it is malformed, expired, not signed by an issuer that the service trusts, meant for somebody else, or of a user who may not act any more. Send a valid one as Authorization: Bearer.";
    Forbidden = "forbidden", FORBIDDEN, "Forbidden",
        "The caller may not do this, whether what the request names is there or not. The detail and the header WWW-Authenticate name the scope that would allow it.";
    UserNotFound = "user-not-found", NOT_FOUND, "User not found",
        "There is no such user, or it is deleted.";
    NotificationNotFound = "notification-not-found", NOT_FOUND, "Notification not found",
        "The user has no such notification.";
    NotFound = "not-found", NOT_FOUND, "Not found",
        "There is nothing at this path. A slash at the end is part of the path.";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed",
        "The path is there, but not with this method. The header Allow lists those it has.";
    NotAcceptable = "not-acceptable", NOT_ACCEPTABLE, "Not acceptable",
        "The header Accept leaves out application/json, and the answer has no other form.";
    EmailTaken = "email-taken", CONFLICT, "E-mail address taken",
        "Another user has the address. A deleted user keeps its address until it is purged.";
    Conflict = "conflict", CONFLICT, "Conflict",
        "The id is or was a user's. Ids are never used again.";
    VersionAhead = "version-ahead", CONFLICT, "Version ahead",
        "The store holds an older version than the minimum asked for. The version was never answered by this service, or the store was set back.";
    AlreadyDeleted = "already-deleted", CONFLICT, "Already deleted",
        "The user was deleted before. It can be restored or purged.";
    NotDeleted = "not-deleted", CONFLICT, "Not deleted",
        "Only a deleted user can be restored.";
    IdempotencyInProgress = "idempotency-in-progress", CONFLICT, "Idempotency key in use",
        "Another request with the same Idempotency-Key is under way. Send this one again a little later: it is answered as that one was.";
    VersionMismatch = "version-mismatch", PRECONDITION_FAILED, "Version mismatch",
        "The user is not at a version that If-Match names: somebody changed it. Read it again, look at the change, and send the request with the new tag.";
    ContentTooLarge = "content-too-large", PAYLOAD_TOO_LARGE, "Content too large",
        "The body is longer than the service takes.";
    UriTooLong = "uri-too-long", URI_TOO_LONG, "URI too long",
        "The path and the query are longer than the service takes.";
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type",
        "The header Content-Type does not name a form of body that this path takes. For PATCH the header Accept-Patch lists them.";
    ValidationFailed = "validation-failed", UNPROCESSABLE_ENTITY, "Validation failed",
        "Members of the body are not accepted. The member errors lists all of them at once, each with a JSON pointer (RFC 6901), a code for programs and a sentence for people.";
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "Idempotency key of another request",
        "The Idempotency-Key was used for a request with another path, body or condition. A key names one request: take a new one for this.";
    PreconditionRequired = "precondition-required", PRECONDITION_REQUIRED, "Precondition required",
        "This service takes changes of a user only with If-Match. Read the user, and send the tag that it came with.";
    QuotaExceeded = "quota-exceeded", TOO_MANY_REQUESTS, "Quota exceeded",
        "The caller has made as many requests as it may for now. Retry-After says after how many seconds the next one is allowed, and other header fields what is left.";
    HeadersTooLarge = "headers-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "Header fields too large",
        "The header fields are longer than the service takes.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error",
        "The service failed in a way that it was not built for. Its log tells more under the request id.";
    DependencyUnavailable = "dependency-unavailable", SERVICE_UNAVAILABLE, "Dependency unavailable",
        "Something that the request needs does not answer just now. Try again after the seconds that Retry-After names. A write may or may not have happened: read before you repeat it.";
    TemporaryReducedCapacity = "temporary-reduced-capacity", SERVICE_UNAVAILABLE, "Temporarily reduced capacity",
        "The process is stopping or takes no more work just now. Try again after the seconds that Retry-After names.";
    DeadlineExceeded = "deadline-exceeded", GATEWAY_TIMEOUT, "Deadline exceeded",
        "The request took longer than the service allows. A write may or may not have happened: read before you repeat it.";
}

impl ProblemType {
    /// The URI reference that stands in the member `type`.
    pub fn uri(self) -> String {
        format!("/problems/{}", self.name())
    }

    /// The type with this URI reference.
    pub fn of_uri(uri: &str) -> Option<Self> {
        Self::named(uri.strip_prefix("/problems/")?)
    }

    /// The type with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.name() == name)
    }
}

/// A request that failed. As a response it is finished by the outermost layer, which knows
/// the request's path and id.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    kind: ProblemType,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
    /// Whether the log has it already.
    is_told: bool,
}

/// A problem within an answer that began as a success.
#[derive(serde::Serialize)]
pub(crate) struct ProblemLine<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
}

/// One member of a body that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Where it is: a JSON pointer (RFC 6901) into the body.
    #[schema(example = "/email")]
    pub pointer: String,
    /// What is wrong, for programs.
    #[schema(example = "not_an_email")]
    pub code: &'static str,
    /// What is wrong and what is accepted, for people.
    #[schema(value_type = String, example = "This is not an e-mail address: Missing separator character '@'.")]
    pub detail: Cow<'static, str>,
}

impl FieldError {
    /// A member that the domain refuses.
    pub fn new(pointer: impl Into<String>, invalid: Invalid) -> Self {
        Self {
            pointer: pointer.into(),
            code: invalid.code,
            detail: invalid.detail,
        }
    }
}

impl Problem {
    /// The same, of which the log has what there is to tell.
    pub(crate) fn told_before(mut self) -> Self {
        self.0.is_told = true;
        self
    }

    /// A problem and what is to be said about this very occurrence; never a value from the inside.
    pub fn new(kind: ProblemType, detail: impl Into<Cow<'static, str>>) -> Self {
        let parts = Parts {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            cause: None,
            is_told: false,
        };
        let problem = Self(Box::new(parts));
        // Whoever is told to come back is told when.
        if kind.status() == StatusCode::SERVICE_UNAVAILABLE {
            return problem.with_header(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        problem
    }

    /// A request that cannot be read.
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ProblemType::MalformedRequest, detail)
    }

    /// A body whose members are not accepted.
    pub fn validation(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(
            ProblemType::ValidationFailed,
            "Members of the body are not accepted; see errors.",
        );
        problem.0.errors = errors;
        problem
    }

    /// Something that must not happen. The cause is for the log; the caller learns nothing of it.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(
            ProblemType::Internal,
            "The service failed. Its log tells more under the request id.",
        )
        .with_cause(cause)
    }

    /// The same with the reason, for the log alone.
    #[must_use]
    pub fn with_cause(
        mut self,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.cause = Some(Arc::from(cause.into()));
        self
    }

    /// The same with one more header field.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Its type.
    pub fn kind(&self) -> ProblemType {
        self.0.kind
    }

    /// Its members, where a problem is told after the answer has begun.
    pub(crate) fn line(&self) -> ProblemLine<'_> {
        ProblemLine {
            r#type: self.0.kind.uri(),
            title: self.0.kind.title(),
            status: self.0.kind.status().as_u16(),
            detail: &self.0.detail,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_stand_in_a_path_as_they_are() {
        let names: HashSet<_> = ProblemType::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ProblemType::ALL.len());
        for kind in ProblemType::ALL {
            assert!(
                kind.name()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{kind:?}"
            );
            assert_eq!(ProblemType::named(kind.name()), Some(*kind));
            assert_eq!(ProblemType::of_uri(&kind.uri()), Some(*kind));
            assert!(
                kind.status().is_client_error() || kind.status().is_server_error(),
                "{kind:?}"
            );
        }
        assert_eq!(ProblemType::named("no-such-problem"), None);
    }
}
