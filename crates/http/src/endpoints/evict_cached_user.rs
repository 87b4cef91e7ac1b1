use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use roster_app::Action;
use roster_domain::UserId;
use roster_domain::ports::CacheError;

use super::reply;
use crate::extract::{ApiPath, ApiQuery, Caller, NoParameters};
use crate::problem::{Problem, ProblemType, documented_problems};
use crate::services::Services;

documented_problems!(DependencyUnavailable);

/// Takes one user out of every cache; the next read loads the row. Other processes drop what they
/// keep as soon as Redis tells them.
#[utoipa::path(
    delete,
    path = "/v1/admin/cache/users/{id}",
    tag = "operations",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id; one that no cache holds is no error."),
    ),
    security(("token" = ["ops"])),
    responses(
        (status = 204, description = "No cache holds it any more.", headers(
            ("Cache-Control" = String, description = "`no-store`."),
        )),
        Problems,
    ),
)]
pub(super) async fn evict_cached_user(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(id): ApiPath<UserId>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
) -> Result<Response, Problem> {
    caller.may(Action::ClearCaches)?;
    services.users.evict_cached(id).await.map_err(kept)?;
    Ok(reply::not_stored(reply::without_content(
        StatusCode::NO_CONTENT,
    )))
}

fn kept(error: CacheError) -> Problem {
    Problem::new(
        ProblemType::DependencyUnavailable,
        "This process has dropped the user, but the shared cache has not confirmed that it did.",
    )
    .with_cause(error)
}
