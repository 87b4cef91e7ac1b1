use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use futures::future::join_all;
use http::StatusCode;
use serde::Serialize;

use super::reply;
use crate::extract::{ApiQuery, NoParameters};
use crate::problem::{Problem, ProblemType, documented_problems};
use crate::services::Services;

/// Whether the process takes requests.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Readiness {
    /// `ready`, or `degraded` without something that requests can do without.
    #[schema(value_type = String, example = "ready")]
    status: &'static str,
    /// What was asked: `ok` or `failed`.
    #[schema(value_type = BTreeMap<String, String>, example = json!({ "database": "ok", "cache": "ok" }))]
    dependencies: BTreeMap<&'static str, &'static str>,
}

documented_problems!(DependencyUnavailable);

/// Whether the process takes requests: not while it stops, and not without its database. Without
/// its shared cache it is slower and takes them.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "service",
    responses((status = 200, description = "It does.", body = Readiness), Problems),
)]
pub(super) async fn readyz(
    State(services): State<Arc<Services>>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
) -> Result<Response, Problem> {
    if services.draining.has_begun() {
        return Err(Problem::new(
            ProblemType::TemporaryReducedCapacity,
            "The process is stopping.",
        ));
    }
    let clock = &services.runtime.clock;
    let asked = services.dependencies.iter().map(async |dependency| {
        let has_failed = dependency.has_failed(clock).await;
        (dependency, has_failed)
    });
    let mut dependencies = BTreeMap::new();
    let mut status = "ready";
    for (dependency, has_failed) in join_all(asked).await {
        if !has_failed {
            dependencies.insert(dependency.name, "ok");
            continue;
        }
        if dependency.required {
            let detail = format!("The {} does not answer just now.", dependency.name);
            return Err(Problem::new(ProblemType::DependencyUnavailable, detail).told_before());
        }
        status = "degraded";
        dependencies.insert(dependency.name, "failed");
    }
    reply::json(
        StatusCode::OK,
        &Readiness {
            status,
            dependencies,
        },
    )
}
