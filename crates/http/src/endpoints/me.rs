//! `/v1/me…`: what a user reads of itself, without knowing its id.
//!
//! Each is another name of a route under `/v1/users/{id}`: the same handler, told by
//! [`ApiPath`](crate::extract::ApiPath) that the id is the caller's.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderValue, header};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{OpenApi, PathItem, RefOr};

use super::{
    count_notifications, get_dashboard, get_stats, get_user, list_activity, list_notifications,
};
use crate::extract::{Aliased, Caller};
use crate::problem::Problem;
use crate::router::ApiState;

const ME: &str = "/v1/me";
const USER: &str = "/v1/users/{id}";

/// What stands behind [`ME`] as behind [`USER`], and what the alias is called.
const ALIASES: [(&str, &str); 6] = [
    ("", "The user who asks."),
    ("/dashboard", "What the user who asks sees first."),
    ("/stats", "The counters of the user who asks."),
    (
        "/notifications",
        "One page of the notifications of the user who asks.",
    ),
    (
        "/notifications/count",
        "How many notifications of the user who asks are unread.",
    ),
    (
        "/activity",
        "One page of what the user who asks did, newest first.",
    ),
];

/// The routes.
pub(crate) fn routes() -> Router<ApiState> {
    Router::new()
        .route(ME, get(get_user::get_user))
        .route("/v1/me/dashboard", get(get_dashboard::get_dashboard))
        .route("/v1/me/stats", get(get_stats::get_stats))
        .route(
            "/v1/me/notifications",
            get(list_notifications::list_notifications),
        )
        .route(
            "/v1/me/notifications/count",
            get(count_notifications::count_notifications),
        )
        .route("/v1/me/activity", get(list_activity::list_activity))
        .route_layer(from_fn(as_own))
}

/// Puts the caller's id where the path has none, and says where the answer is otherwise found.
async fn as_own(caller: Caller, mut request: Request, next: Next) -> Result<Response, Problem> {
    let id = caller.user()?;
    let path = request.uri().path();
    let behind = path.strip_prefix(ME).unwrap_or_default();
    let location = HeaderValue::try_from(format!("/v1/users/{id}{behind}"));
    request.extensions_mut().insert(Aliased(id));
    let mut response = next.run(request).await;
    if response.status().is_success() {
        match location {
            Ok(location) => response
                .headers_mut()
                .insert(header::CONTENT_LOCATION, location),
            Err(error) => return Ok(Problem::internal(error).into_response()),
        };
    }
    Ok(response)
}

/// Adds the aliases to a document that has what they stand for.
pub(crate) fn describe(document: &mut OpenApi) {
    for (behind, summary) in ALIASES {
        let original = document.paths.paths.get(&format!("{USER}{behind}"));
        if let Some(operation) = original.and_then(|item| item.get.as_ref()) {
            let operation = alias(operation.clone(), summary);
            let item = PathItem::new(HttpMethod::Get, operation);
            document.paths.paths.insert(format!("{ME}{behind}"), item);
        }
    }
}

fn alias(mut operation: Operation, summary: &str) -> Operation {
    let id = operation.operation_id.take().unwrap_or_default();
    operation.operation_id = Some(format!("{id}_of_me"));
    operation.summary = Some(summary.to_owned());
    operation.description = Some("Another name of the same path under the user's id.".to_owned());
    if let Some(parameters) = &mut operation.parameters {
        parameters.retain(|parameter| {
            !matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path)
        });
    }
    let succeeded = operation.responses.responses.get_mut("200");
    if let Some(RefOr::T(response)) = succeeded {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        let header = HeaderBuilder::new()
            .schema(Some(text))
            .description(Some("The same under the user's id, relative."))
            .build();
        response
            .headers
            .insert("Content-Location".to_owned(), header.into());
    }
    operation
}
