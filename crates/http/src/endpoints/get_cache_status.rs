use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::cache_bodies::CacheStatus;
use super::reply;
use crate::extract::{ApiQuery, NoParameters};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

documented_problems!();

/// The caches of this process: sizes, hit ratios, and how old an answer may be.
#[utoipa::path(
    get,
    path = "/v1/admin/cache",
    tag = "operations",
    responses(
        (status = 200, description = "As of now.", body = CacheStatus, headers(
            ("Cache-Control" = String, description = "`no-store`."),
        )),
        Problems,
    ),
)]
pub(super) async fn get_cache_status(
    State(services): State<Arc<Services>>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
) -> Result<Response, Problem> {
    let status = CacheStatus::from(services.users.cache_overview());
    Ok(reply::not_stored(reply::json(StatusCode::OK, &status)?))
}
