use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use roster_app::Action;
use roster_domain::{Timestamp, UserId, UserStats};
use serde::Serialize;

use super::{reply, values};
use crate::extract::{ApiPath, ApiQuery, Caller, IfNoneMatch, NoParameters};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// A user's counters, exact at any moment.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = UserStats)]
pub(super) struct StatsBody {
    /// Notifications of every state.
    notifications: u64,
    /// Those neither read nor archived.
    unread_notifications: u64,
    /// Activities.
    activities: u64,
    /// When the latest activity happened; null without one.
    #[serde(serialize_with = "values::text_or_null")]
    #[schema(value_type = Option<String>, required = true, format = DateTime, example = "2026-01-31T09:30:00.123456Z")]
    last_activity_at: Option<Timestamp>,
}

impl From<UserStats> for StatsBody {
    fn from(stats: UserStats) -> Self {
        Self {
            notifications: stats.notifications,
            unread_notifications: stats.unread_notifications,
            activities: stats.activities,
            last_activity_at: stats.last_activity_at,
        }
    }
}

documented_problems!(UserNotFound, DependencyUnavailable);

/// A user's counters.
#[utoipa::path(
    get,
    path = "/v1/users/{id}/stats",
    tag = "dashboard",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        ("If-None-Match" = Option<String>, Header, description = "Tags that the client has."),
    ),
    security(("token" = ["users:read"]), ("token" = ["users:admin"]), ("token" = [])),
    responses(
        (status = 200, description = "The counters as of now.", body = StatsBody, headers(
            ("ETag" = String, description = "Weak, from the content."),
        )),
        (status = 304, description = "The client has these.", headers(
            ("ETag" = String, description = "Weak, from the content."),
        )),
        Problems,
    ),
)]
pub(super) async fn get_stats(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(id): ApiPath<UserId>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    held: IfNoneMatch,
) -> Result<Response, Problem> {
    caller.may(Action::ReadFeeds(id))?;
    let stats = services.stats.get(id).await?;
    reply::tagged_json(&StatsBody::from(stats), &held)
}
