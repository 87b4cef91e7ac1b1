use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::header;
use roster_app::Action;
use roster_domain::pagination::{Cursor, FilterHash, Order, PageRequest, PageSize};
use roster_domain::{ActivityFilter, FeedKind, Timestamp, UserId};
use serde::Serialize;

use super::feed_bodies::ActivityBody;
use super::{paging, reply};
use crate::extract::{ApiPath, ApiQuery, Caller, FromQuery, IfNoneMatch, Query, refused};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// Which page of which activity.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// How many rows at the most; more than 200 become 200.
    #[param(value_type = Option<u64>, minimum = 1, default = 50)]
    limit: Option<PageSize>,
    /// Where the page starts: `next_cursor` or `prev_cursor` of another page of the same list.
    #[param(value_type = Option<String>, max_length = 512)]
    cursor: Option<Cursor>,
    /// Only of this kind.
    #[param(value_type = Option<String>, min_length = 1, max_length = 64, pattern = "^[a-z0-9._-]+$")]
    kind: Option<FeedKind>,
    /// Only at this moment or after it. A plus sign of an offset is sent as `%2B`.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only before this moment.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

impl FromQuery for Parameters {
    fn from_query(query: &mut Query<'_>) -> Result<Self, Problem> {
        Ok(Self {
            limit: paging::page_size(query, "limit")?,
            cursor: paging::cursor(query)?,
            kind: query.parsed("kind", "1 to 64 of a-z, 0-9, '.', '_' and '-'")?,
            since: moment(query, "since")?,
            until: moment(query, "until")?,
        })
    }
}

fn moment(query: &mut Query<'_>, name: &str) -> Result<Option<Timestamp>, Problem> {
    let text = query.take(name);
    let parsed = text.map(|text| Timestamp::parse_rfc3339(&text)).transpose();
    parsed.map_err(|_| refused(name, "a time as in RFC 3339, such as 2026-01-31T09:30:00Z"))
}

impl Parameters {
    fn filter(&self) -> ActivityFilter {
        ActivityFilter {
            kind: self.kind.clone(),
            since: self.since,
            until: self.until,
        }
    }

    fn request(&self) -> Result<PageRequest, Problem> {
        let order = Order::Descending;
        Ok(PageRequest {
            start: paging::start(self.cursor, order, FilterHash::from(&self.filter()))?,
            order,
            size: self.limit.unwrap_or_default(),
        })
    }

    /// What the links of a page repeat.
    fn for_links(&self) -> Vec<(&'static str, String)> {
        let limit = self.limit.map(|limit| ("limit", limit.get().to_string()));
        let kind = self.kind.as_ref().map(|kind| ("kind", kind.to_string()));
        let since = self.since.map(|since| ("since", since.to_string()));
        let until = self.until.map(|until| ("until", until.to_string()));
        [limit, kind, since, until].into_iter().flatten().collect()
    }
}

/// One page of what a user did.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ActivityList<'a> {
    /// The activities, newest first.
    items: Vec<ActivityBody<'a>>,
    /// The cursor of the next page; not there at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
    /// The cursor of the page before; not there at the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    prev_cursor: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

documented_problems!(
    InvalidLimit,
    InvalidCursor,
    CursorMismatch,
    UserNotFound,
    DependencyUnavailable
);

/// One page of what a user did, newest first.
#[utoipa::path(
    get,
    path = "/v1/users/{id}/activity",
    tag = "feeds",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        Parameters,
        ("If-None-Match" = Option<String>, Header, description = "Tags that the client has."),
    ),
    security(("token" = ["users:read"]), ("token" = ["users:admin"]), ("token" = [])),
    responses(
        (status = 200, description = "The page.", body = ActivityList, headers(
            ("ETag" = String, description = "Weak, from the content."),
            ("Link" = String, description = "The next, previous and first page (RFC 8288), relative."),
        )),
        (status = 304, description = "The client has this page.", headers(
            ("ETag" = String, description = "Weak, from the content."),
            ("Link" = String, description = "The next, previous and first page (RFC 8288), relative."),
        )),
        Problems,
    ),
)]
pub(super) async fn list_activity(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(user): ApiPath<UserId>,
    ApiQuery(query): ApiQuery<Parameters>,
    held: IfNoneMatch,
) -> Result<Response, Problem> {
    caller.may(Action::ReadFeeds(user))?;
    let request = query.request()?;
    let page = services
        .activity
        .list(user, &query.filter(), &request)
        .await?;
    let body = ActivityList {
        items: page.items.iter().map(ActivityBody::from).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
        prev_cursor: page.prev.map(|cursor| cursor.to_string()),
        has_more: page.next.is_some(),
    };
    let mut response = reply::tagged_json(&body, &held)?;
    let path = format!("/v1/users/{user}/activity");
    let links = paging::links(&path, &query.for_links(), &page)?;
    response.headers_mut().insert(header::LINK, links);
    Ok(response)
}
