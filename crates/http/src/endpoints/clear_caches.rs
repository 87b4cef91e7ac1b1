use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use roster_app::Action;

use super::reply;
use crate::extract::{ApiQuery, Caller, NoParameters};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

documented_problems!(DependencyUnavailable);

/// Makes everything that is cached a miss. With a shared cache the database takes up a new epoch,
/// and a value of another one is never served: this process knows it at once, the others as soon
/// as they read the watermark. It takes no body.
#[utoipa::path(
    post,
    path = "/v1/admin/cache/epoch",
    tag = "operations",
    security(("token" = ["ops"])),
    responses(
        (status = 204, description = "Everything is loaded anew when it is asked for.", headers(
            ("Cache-Control" = String, description = "`no-store`."),
        )),
        Problems,
    ),
)]
pub(super) async fn clear_caches(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
) -> Result<Response, Problem> {
    caller.may(Action::ClearCaches)?;
    services.users.clear_caches().await?;
    Ok(reply::not_stored(reply::without_content(
        StatusCode::NO_CONTENT,
    )))
}
