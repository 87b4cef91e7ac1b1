use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use roster_app::Action;

use super::cache_bodies::CacheStatus;
use super::reply;
use crate::extract::{ApiQuery, Caller, NoParameters};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

documented_problems!(DependencyUnavailable);

/// The caches of this process: sizes, hit ratios, and how old an answer may be.
#[utoipa::path(
    get,
    path = "/v1/admin/cache",
    tag = "operations",
    security(("token" = ["ops"])),
    responses(
        (status = 200, description = "As of now.", body = CacheStatus, headers(
            ("Cache-Control" = String, description = "`no-store`."),
        )),
        Problems,
    ),
)]
pub(super) async fn get_cache_status(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
) -> Result<Response, Problem> {
    caller.may(Action::InspectService)?;
    let status = CacheStatus::from(services.users.cache_overview());
    Ok(reply::not_stored(reply::json(StatusCode::OK, &status)?))
}
