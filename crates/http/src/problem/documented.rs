use std::collections::BTreeMap;

use serde_json::json;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use super::{FieldError, ProblemType};

/// The body of every failed request (RFC 9457).
#[derive(utoipa::ToSchema)]
#[schema(as = Problem)]
#[expect(
    dead_code,
    reason = "it is the documented form; the body itself is written from borrowed parts"
)]
pub(crate) struct ProblemSchema {
    /// The type's URI reference; there it is described.
    #[schema(format = "uri-reference", example = "/problems/user-not-found")]
    r#type: String,
    /// The type in words, the same in every answer.
    #[schema(example = "User not found")]
    title: String,
    /// The status of the response.
    #[schema(example = 404)]
    status: u16,
    /// What is to be said about this occurrence.
    #[schema(example = "There is no such user.")]
    detail: String,
    /// The path of the request.
    #[schema(
        format = "uri-reference",
        example = "/v1/users/0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f"
    )]
    instance: String,
    /// The request id, as in the header X-Request-Id.
    #[schema(example = "4f1d2c3b5a6978870000000000000001")]
    request_id: String,
    /// Every member of the body that is not accepted; there with validation-failed alone.
    #[schema(value_type = Option<Vec<FieldError>>)]
    errors: Option<Vec<FieldError>>,
}

/// What any operation may answer, whatever it does.
const ANYWHERE: &[ProblemType] = &[
    ProblemType::MalformedRequest,
    ProblemType::NotAcceptable,
    ProblemType::UriTooLong,
    ProblemType::HeadersTooLarge,
    ProblemType::Internal,
    ProblemType::TemporaryReducedCapacity,
    ProblemType::DeadlineExceeded,
];

/// The documented responses of an operation with these problems and those of any operation.
pub(crate) fn responses(own: &[ProblemType]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<String, Vec<ProblemType>> = BTreeMap::new();
    for kind in ANYWHERE.iter().chain(own) {
        by_status
            .entry(kind.status().as_str().to_owned())
            .or_default()
            .push(*kind);
    }
    by_status
        .into_iter()
        .map(|(status, kinds)| (status, RefOr::T(response(&kinds))))
        .collect()
}

/// The documented responses to callers who are not let in.
pub(crate) fn refused_callers() -> impl Iterator<Item = (String, RefOr<Response>)> {
    let kinds = [ProblemType::Unauthenticated, ProblemType::Forbidden];
    kinds.into_iter().map(|kind| {
        (
            kind.status().as_str().to_owned(),
            RefOr::T(response(&[kind])),
        )
    })
}

/// The documented response of these problems, which are of one status.
pub(crate) fn response(kinds: &[ProblemType]) -> Response {
    let content = kinds.iter().fold(
        ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))),
        |content, kind| content.examples_from_iter([(kind.name(), example(*kind))]),
    );
    let description: Vec<_> = kinds
        .iter()
        .map(|kind| format!("[{}]({})", kind.title(), kind.uri()))
        .collect();
    let response = ResponseBuilder::new()
        .description(description.join(" or "))
        .content("application/problem+json", content.build());
    let headers = kinds.iter().filter_map(|kind| header(*kind));
    headers
        .fold(response, |response, (name, header)| {
            response.header(name, header)
        })
        .build()
}

/// The header field that a problem of this type brings along.
fn header(kind: ProblemType) -> Option<(&'static str, Header)> {
    let (name, description) = match kind {
        ProblemType::PageTooDeep => (
            "Link",
            "Where a walk by cursor begins; with page-too-deep alone.",
        ),
        ProblemType::Unauthenticated | ProblemType::Forbidden => (
            "WWW-Authenticate",
            "What is missing (RFC 6750): a token, a valid one, or the scope that it names.",
        ),
        ProblemType::UserNotFound => (
            "Staleness-Bound",
            "How many seconds old that may be at the most, or `unproven`; on the read of one user alone.",
        ),
        ProblemType::UnsupportedMediaType => {
            ("Accept-Patch", "The forms of a patch; for PATCH alone.")
        }
        ProblemType::TemporaryReducedCapacity
        | ProblemType::DependencyUnavailable
        | ProblemType::QuotaExceeded => ("Retry-After", "After how many seconds to try again."),
        _ => return None,
    };
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    let header = HeaderBuilder::new()
        .schema(Some(text))
        .description(Some(description))
        .build();
    Some((name, header))
}

fn example(kind: ProblemType) -> utoipa::openapi::example::Example {
    let mut value = json!({
        "type": kind.uri(),
        "title": kind.title(),
        "status": kind.status().as_u16(),
        "detail": kind.meaning(),
        "instance": "/v1/users",
        "request_id": "4f1d2c3b5a6978870000000000000001",
    });
    if kind == ProblemType::ValidationFailed {
        value["errors"] = json!([
            { "pointer": "/email", "code": "not_an_email", "detail": "This is not an e-mail address: Missing separator character '@'." },
            { "pointer": "/nmae", "code": "unknown_member", "detail": "There is no such member." },
        ]);
    }
    ExampleBuilder::new()
        .summary(kind.title())
        .value(Some(value))
        .build()
}

/// Names the problems of an operation for the document: `documented_problems!(UserNotFound)`
/// makes a type `Problems` to list among the `responses(…)` of `#[utoipa::path]`.
macro_rules! documented_problems {
    ($($kind:ident),* $(,)?) => {
        struct Problems;

        impl utoipa::IntoResponses for Problems {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                $crate::problem::responses(&[$($crate::problem::ProblemType::$kind),*])
            }
        }
    };
}
pub(crate) use documented_problems;
