//! The OpenAPI document, made from the handlers themselves.

use std::collections::BTreeSet;

use utoipa::OpenApi;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type,
};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{PathItem, RefOr};

use crate::endpoints;
use crate::problem::{self, FieldError, ProblemSchema, ProblemType};

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
        (name = "feeds", description = "Notifications with an exact count of the unread ones, and activity."),
        (name = "operations", description = "The caches, as an operator looks at them and clears them."),
        (name = "service", description = "The service itself."),
    ),
)]
struct Frame;

/// The document of every route.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Frame::openapi();
    document.merge(endpoints::routes().into_openapi());
    endpoints::me::describe(&mut document);
    describe_access(&mut document);
    describe_parameters(&mut document);
    for (path, item) in &mut document.paths.paths {
        if path.starts_with("/v1/") {
            describe_quotas(item);
        }
    }
    describe_headers(&mut document);
    close_bodies(&mut document);
    document
}

/// Says how callers are let in, and adds the refusals to every operation that asks for a token.
fn describe_access(document: &mut utoipa::openapi::OpenApi) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "A JWT of an issuer that the settings name. An operation lists the scopes of which one is enough; no scope at all stands for the token of the very user that the path names.",
        ))
        .build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("token", SecurityScheme::Http(bearer));
    for operation in operations(document) {
        if operation.security.is_some() {
            let refused = problem::refused_callers();
            operation.responses.responses.extend(refused);
        }
    }
}

/// Every operation of the document.
fn operations(document: &mut utoipa::openapi::OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(operations_of)
}

/// Every operation of one path.
fn operations_of(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
        &mut item.put,
    ]
    .into_iter()
    .flatten()
}

/// Says of every body that is sent to the service that it has no further members.
fn close_bodies(document: &mut utoipa::openapi::OpenApi) {
    let operations = document
        .paths
        .paths
        .values()
        .flat_map(|item| [&item.post, &item.patch]);
    let bodies = operations
        .flatten()
        .filter_map(|operation| inline(operation.request_body.as_ref()?));
    let contents = bodies
        .flat_map(|body| body.content.values())
        .filter_map(inline);
    let names: BTreeSet<String> = contents
        .filter_map(|content| match content.schema.as_ref()? {
            RefOr::Ref(schema) => Some(schema.ref_location.rsplit('/').next()?.to_owned()),
            RefOr::T(_) => None,
        })
        .collect();
    let Some(components) = &mut document.components else {
        return;
    };
    for (name, schema) in &mut components.schemas {
        if let (true, RefOr::T(Schema::Object(object))) = (names.contains(name), schema) {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

/// What stands in the document itself.
fn inline<T>(item: &RefOr<T>) -> Option<&T> {
    match item {
        RefOr::T(item) => Some(item),
        RefOr::Ref(_) => None,
    }
}

/// A list of entity tags, or any. As two schemas: generators of requests read no alternatives in
/// a pattern.
fn entity_tags() -> RefOr<Schema> {
    const TAGS: &str = r#"^(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*$"#;
    let text = || ObjectBuilder::new().schema_type(Type::String);
    AnyOfBuilder::new()
        .item(text().enum_values(Some(["*"])))
        .item(text().pattern(Some(TAGS)))
        .into()
}

/// Says of parameters what the handlers' types cannot: numbers have no width, since what is above
/// the most becomes the most, and If-Match has a form.
fn describe_parameters(document: &mut utoipa::openapi::OpenApi) {
    let parameters = operations(document).flat_map(|operation| operation.parameters.iter_mut());
    for parameter in parameters.flatten() {
        let RefOr::T(parameter) = parameter else {
            continue;
        };
        let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema else {
            continue;
        };
        if matches!(
            object.format,
            Some(SchemaFormat::KnownFormat(KnownFormat::Int64))
        ) {
            object.format = None;
        }
        if parameter.parameter_in == ParameterIn::Header {
            // A field that is not there is not null.
            object.schema_type = Type::String.into();
        }
        if parameter.name == "If-Match" {
            parameter.schema = Some(entity_tags());
        }
    }
}

/// Adds the header fields of every answer to every answer.
fn describe_headers(document: &mut utoipa::openapi::OpenApi) {
    for operation in operations(document) {
        describe(
            operation,
            &[
                (
                    "X-Request-Id",
                    "The caller's id of the request if it is up to 128 letters, digits and `-_.:;=/+`, else a new one.",
                ),
                (
                    "Cache-Control",
                    "`private, no-cache` on data, `no-store` on problems.",
                ),
                ("Vary", "What the answer depends on besides the path."),
            ],
        );
    }
}

/// Adds what a caller is told of its quotas.
fn describe_quotas(item: &mut PathItem) {
    for operation in operations_of(item) {
        let exceeded = problem::response(&[ProblemType::QuotaExceeded]);
        operation
            .responses
            .responses
            .insert("429".to_owned(), RefOr::T(exceeded));
        describe_some(
            operation,
            |status| status == "429" || status.starts_with(['2', '3']),
            &[
                (
                    "RateLimit-Policy",
                    "Each quota that the request was counted in: `q` requests in `w` seconds.",
                ),
                (
                    "RateLimit",
                    "What is left of each (`r`), and in how many seconds all of it is there again (`t`).",
                ),
            ],
        );
    }
}

/// Adds header fields to every answer of an operation.
fn describe(operation: &mut Operation, fields: &[(&str, &str)]) {
    describe_some(operation, |_| true, fields);
}

/// Adds header fields to the answers of an operation with some statuses.
fn describe_some(
    operation: &mut Operation,
    applies: impl Fn(&str) -> bool,
    fields: &[(&str, &str)],
) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else {
            continue;
        };
        if !applies(status) {
            continue;
        }
        for (name, description) in fields {
            let text = ObjectBuilder::new().schema_type(Type::String).build();
            let header = HeaderBuilder::new()
                .schema(Some(text))
                .description(Some(*description))
                .build();
            response
                .headers
                .entry((*name).to_owned())
                .or_insert_with(|| header.into());
        }
    }
}
