use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::reply;
use crate::extract::{ApiQuery, NoParameters};
use crate::problem::{Problem, documented_problems};

/// That the process runs.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Liveness {
    /// Always `alive`.
    #[schema(example = "alive")]
    status: &'static str,
}

documented_problems!();

/// Whether the process runs. It asks no dependency: a restart would mend none.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "service",
    responses((status = 200, description = "It runs.", body = Liveness), Problems),
)]
pub(super) async fn livez(
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
) -> Result<Response, Problem> {
    reply::json(StatusCode::OK, &Liveness { status: "alive" })
}
