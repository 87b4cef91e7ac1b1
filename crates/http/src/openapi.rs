//! The OpenAPI document, made from the handlers themselves.

use utoipa::OpenApi;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{PathItem, RefOr};

use crate::endpoints;
use crate::problem::{FieldError, ProblemSchema};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Roster",
        description = "Users, their notifications and activity, and a dashboard. Every failed request is answered with a problem (RFC 9457) as `application/problem+json`; `/problems` lists them.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(ProblemSchema, FieldError)),
    tags(
        (name = "users", description = "Users: lists, profiles, changes."),
        (name = "dashboard", description = "What a user sees first."),
        (name = "service", description = "The service itself."),
    ),
)]
struct Frame;

/// The document of every route.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Frame::openapi();
    document.merge(endpoints::routes().into_openapi());
    for item in document.paths.paths.values_mut() {
        describe_headers(item);
    }
    document
}

/// Adds the header fields of every answer to every answer.
fn describe_headers(item: &mut PathItem) {
    let operations = [
        &mut item.get,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
        &mut item.put,
    ];
    let responses = operations
        .into_iter()
        .flatten()
        .flat_map(|operation| operation.responses.responses.values_mut());
    for response in responses {
        let RefOr::T(response) = response else {
            continue;
        };
        for (name, description) in [
            (
                "X-Request-Id",
                "The caller's id of the request if it is up to 128 visible ASCII characters, else a new one.",
            ),
            (
                "Cache-Control",
                "`private, no-cache` on data, `no-store` on problems.",
            ),
            ("Vary", "What the answer depends on besides the path."),
        ] {
            let text = ObjectBuilder::new().schema_type(Type::String).build();
            let header = HeaderBuilder::new()
                .schema(Some(text))
                .description(Some(description))
                .build();
            response
                .headers
                .entry(name.to_owned())
                .or_insert_with(|| header.into());
        }
    }
}
