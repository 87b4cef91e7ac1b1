use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::header;
use roster_app::Action;
use roster_domain::pagination::{Cursor, FilterHash, Order, PageRequest, PageSize};
use roster_domain::{NotificationState, UserId};
use serde::Serialize;

use super::feed_bodies::NotificationBody;
use super::{paging, reply};
use crate::extract::{ApiPath, ApiQuery, Caller, FromQuery, IfNoneMatch, Query};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// Which page of which notifications.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// How many rows at the most; more than 200 become 200.
    #[param(value_type = Option<u64>, minimum = 1, default = 50)]
    limit: Option<PageSize>,
    /// Where the page starts: `next_cursor` or `prev_cursor` of another page of the same list.
    #[param(value_type = Option<String>, max_length = 512)]
    cursor: Option<Cursor>,
    /// Neither read nor archived; read and not archived; archived, read or not; every one (default).
    #[param(inline, value_type = Option<StateWord>)]
    state: Option<(&'static str, NotificationState)>,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is the documented form of the parameter")]
enum StateWord {
    Unread,
    Read,
    Archived,
    All,
}

impl FromQuery for Parameters {
    fn from_query(query: &mut Query<'_>) -> Result<Self, Problem> {
        let states = [
            ("unread", NotificationState::Unread),
            ("read", NotificationState::Read),
            ("archived", NotificationState::Archived),
            ("all", NotificationState::All),
        ];
        let states = states.map(|(word, state)| (word, (word, state)));
        Ok(Self {
            limit: paging::page_size(query, "limit")?,
            cursor: paging::cursor(query)?,
            state: query.choice("state", &states)?,
        })
    }
}

impl Parameters {
    fn state(&self) -> NotificationState {
        self.state.map(|(_, state)| state).unwrap_or_default()
    }

    fn request(&self) -> Result<PageRequest, Problem> {
        let order = Order::Descending;
        Ok(PageRequest {
            start: paging::start(self.cursor, order, FilterHash::from(self.state()))?,
            order,
            size: self.limit.unwrap_or_default(),
        })
    }

    /// What the links of a page repeat.
    fn for_links(&self) -> Vec<(&'static str, String)> {
        let limit = self.limit.map(|limit| ("limit", limit.get().to_string()));
        let state = self.state.map(|(word, _)| ("state", word.to_owned()));
        limit.into_iter().chain(state).collect()
    }
}

/// One page of a user's notifications.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct NotificationList<'a> {
    /// The notifications, newest first.
    items: Vec<NotificationBody<'a>>,
    /// How many are unread in all, exact.
    unread: u64,
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

/// One page of a user's notifications, newest first. One that matches and does not change while
/// the list is walked by its cursors appears exactly once.
#[utoipa::path(
    get,
    path = "/v1/users/{id}/notifications",
    tag = "feeds",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        Parameters,
        ("If-None-Match" = Option<String>, Header, description = "Tags that the client has."),
    ),
    security(("token" = ["users:read"]), ("token" = ["users:admin"]), ("token" = [])),
    responses(
        (status = 200, description = "The page.", body = NotificationList, headers(
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
pub(super) async fn list_notifications(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(user): ApiPath<UserId>,
    ApiQuery(query): ApiQuery<Parameters>,
    held: IfNoneMatch,
) -> Result<Response, Problem> {
    caller.may(Action::ReadFeeds(user))?;
    let request = query.request()?;
    let (page, unread) = services
        .notifications
        .list(user, query.state(), &request)
        .await?;
    let body = NotificationList {
        items: page.items.iter().map(NotificationBody::from).collect(),
        unread,
        next_cursor: page.next.map(|cursor| cursor.to_string()),
        prev_cursor: page.prev.map(|cursor| cursor.to_string()),
        has_more: page.next.is_some(),
    };
    let mut response = reply::tagged_json(&body, &held)?;
    let path = format!("/v1/users/{user}/notifications");
    let links = paging::links(&path, &query.for_links(), &page)?;
    response.headers_mut().insert(header::LINK, links);
    Ok(response)
}
