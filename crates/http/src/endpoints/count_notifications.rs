use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use roster_app::Action;
use roster_domain::UserId;
use serde::Serialize;

use super::reply;
use crate::extract::{ApiPath, ApiQuery, Caller, IfNoneMatch, NoParameters};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// What a badge shows.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct NotificationCount {
    /// How many are unread, exact: kept by the writes that change it.
    unread: u64,
}

documented_problems!(UserNotFound, DependencyUnavailable);

/// How many notifications of a user are unread.
#[utoipa::path(
    get,
    path = "/v1/users/{id}/notifications/count",
    tag = "feeds",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        ("If-None-Match" = Option<String>, Header, description = "Tags that the client has."),
    ),
    security(("token" = ["users:read"]), ("token" = ["users:admin"]), ("token" = [])),
    responses(
        (status = 200, description = "The count as of now.", body = NotificationCount, headers(
            ("ETag" = String, description = "Weak, from the content."),
        )),
        (status = 304, description = "The client has this count.", headers(
            ("ETag" = String, description = "Weak, from the content."),
        )),
        Problems,
    ),
)]
pub(super) async fn count_notifications(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(user): ApiPath<UserId>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    held: IfNoneMatch,
) -> Result<Response, Problem> {
    caller.may(Action::ReadFeeds(user))?;
    let unread = services.notifications.unread(user).await?;
    reply::tagged_json(&NotificationCount { unread }, &held)
}
