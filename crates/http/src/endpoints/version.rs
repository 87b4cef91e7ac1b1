use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::reply;
use crate::extract::{ApiQuery, NoParameters};
use crate::problem::{Problem, documented_problems};

/// What runs here.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Version {
    /// The program.
    #[schema(example = "roster")]
    name: &'static str,
    /// Its release.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

documented_problems!();

/// What runs here.
#[utoipa::path(
    get,
    path = "/version",
    tag = "service",
    responses((status = 200, description = "The program and its release.", body = Version), Problems),
)]
pub(super) async fn version(
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
) -> Result<Response, Problem> {
    reply::json(
        StatusCode::OK,
        &Version {
            name: "roster",
            version: env!("CARGO_PKG_VERSION"),
        },
    )
}
