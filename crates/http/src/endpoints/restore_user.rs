use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use roster_app::Action;
use roster_domain::UserId;

use super::reply;
use super::user_body::UserBody;
use crate::extract::{ApiPath, ApiQuery, Caller, IfMatch, NoParameters};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

documented_problems!(
    UserNotFound,
    NotDeleted,
    VersionMismatch,
    DependencyUnavailable
);

/// Takes a deletion back. It takes no body.
#[utoipa::path(
    post,
    path = "/v1/users/{id}/restore",
    tag = "users",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        ("If-Match" = Option<String>, Header, description = "The tag that the deletion answered, or `*`."),
    ),
    security(("token" = ["users:write"]), ("token" = ["users:admin"])),
    responses(
        (status = 200, description = "The user, there again.", body = UserBody, headers(
            ("ETag" = String, description = "Strong, from the version."),
        )),
        Problems,
    ),
)]
pub(super) async fn restore_user(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(id): ApiPath<UserId>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    expected: IfMatch,
) -> Result<Response, Problem> {
    caller.may(Action::RestoreUser)?;
    let user = expected
        .guard(|version| services.users.restore(id, version))
        .await?;
    reply::user(StatusCode::OK, &user)
}
