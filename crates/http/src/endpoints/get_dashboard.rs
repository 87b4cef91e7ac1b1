mod body;
mod parameters;

use axum::extract::State;
use axum::response::Response;
use futures::TryFutureExt as _;
use http::{HeaderValue, StatusCode};
use roster_app::{Action, Dashboard, DashboardRequest};
use roster_domain::UserId;

use super::minimum::at_least;
use super::read_headers::describe_read;
use super::reply;
use crate::extract::{ApiPath, ApiQuery, Caller, EntityTag, IfNoneMatch, NoCache};
use crate::problem::{Problem, ProblemType, documented_problems};
use crate::router::ApiState;
use body::DashboardBody;
use parameters::Parameters;

documented_problems!(
    InvalidLimit,
    UserNotFound,
    VersionAhead,
    DependencyUnavailable
);

/// What a user sees first. The sections are read at the same time, and each is ready or failed
/// by itself.
#[utoipa::path(
    get,
    path = "/v1/users/{id}/dashboard",
    tag = "dashboard",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        Parameters,
        ("If-None-Match" = Option<String>, Header, description = "Tags that the client has."),
    ),
    security(("token" = ["users:read"]), ("token" = ["users:admin"]), ("token" = [])),
    responses(
        (status = 200, description = "The dashboard.", body = DashboardBody, headers(
            ("ETag" = String, description = "Weak, from everything but generated_at."),
            ("Cache-Status" = String, description = "What the caches did for the user (RFC 9211); not there without a cache."),
            ("Staleness-Bound" = String, description = "How many seconds old the user may be at the most, or `unproven`."),
            ("Server-Timing" = String, description = "How long each section and the whole took, in milliseconds."),
        )),
        (status = 304, description = "The client has this dashboard.", headers(
            ("ETag" = String, description = "Weak, from everything but generated_at."),
            ("Cache-Status" = String, description = "What the caches did for the user (RFC 9211); not there without a cache."),
            ("Staleness-Bound" = String, description = "How many seconds old the user may be at the most, or `unproven`."),
            ("Server-Timing" = String, description = "How long each section and the whole took, in milliseconds."),
        )),
        Problems,
    ),
)]
pub(super) async fn get_dashboard(
    State(state): State<ApiState>,
    caller: Caller,
    ApiPath(id): ApiPath<UserId>,
    ApiQuery(query): ApiQuery<Parameters>,
    no_cache: NoCache,
    held: IfNoneMatch,
) -> Result<Response, Problem> {
    caller.may(Action::ReadFeeds(id))?;
    let request = query.request(no_cache);
    let read = |freshness| {
        let request = DashboardRequest {
            freshness,
            ..request
        };
        let dashboard = state.services.dashboard.get(id, request);
        dashboard.map_err(Problem::from)
    };
    let respond = |dashboard| respond(&dashboard, query.strict, &held);
    let guards = (&*state.guards, &caller);
    Ok(at_least(guards, request.freshness, read, respond).await)
}

fn respond(dashboard: &Dashboard, strict: bool, held: &IfNoneMatch) -> Result<Response, Problem> {
    let (asked, failed) = dashboard.sections();
    if failed > 0 && (strict || failed == asked) {
        let detail = if strict {
            "A section could not be read."
        } else {
            "No section could be read."
        };
        return Err(Problem::new(ProblemType::DependencyUnavailable, detail));
    }
    let body = reply::serialized(&DashboardBody::from(dashboard))?;
    let tag = EntityTag::of_content(body::without_moment(&body));
    let mut response = reply::tagged(&tag, held, || reply::octets(StatusCode::OK, body));
    response
        .headers_mut()
        .insert("server-timing", server_timing(dashboard)?);
    describe_read(&mut response, &dashboard.user);
    Ok(response)
}

fn server_timing(dashboard: &Dashboard) -> Result<HeaderValue, Problem> {
    let entries = [
        (
            "stats",
            dashboard.stats.as_ref().map(|section| section.took),
        ),
        (
            "notifications",
            dashboard.notifications.as_ref().map(|section| section.took),
        ),
        (
            "activity",
            dashboard.activity.as_ref().map(|section| section.took),
        ),
        ("total", Some(dashboard.took)),
    ];
    let entries: Vec<_> = entries
        .into_iter()
        .filter_map(|(name, took)| Some(format!("{name};dur={:.3}", took?.as_secs_f64() * 1_000.0)))
        .collect();
    HeaderValue::try_from(entries.join(", ")).map_err(Problem::internal)
}
