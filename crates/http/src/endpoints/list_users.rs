use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, header};
use roster_app::Action;
use roster_domain::pagination::{
    ActiveFilter, Counting, FilterHash, Order, PageRequest, PageSize, RowOffset, Start, UserFilter,
};
use roster_domain::{UserId, UserSummary};
use serde::Serialize;

mod searching;

use searching::{AnyCursor, Searched};

use super::{paging, reply, values};
use crate::extract::{ApiQuery, Caller, FromQuery, IfNoneMatch, Query};
use crate::problem::{Problem, ProblemType, documented_problems};
use crate::services::Services;

const PATH: &str = "/v1/users";

/// Which page of which list: by `cursor` and `limit`, or by `page` and `size`.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// How many rows at the most; more than 200 become 200.
    #[param(value_type = Option<u64>, minimum = 1, default = 50)]
    limit: Option<PageSize>,
    /// Where the page starts: `next_cursor` or `prev_cursor` of another page of the same list.
    #[param(value_type = Option<String>, max_length = 512)]
    cursor: Option<AnyCursor>,
    /// The number of the page, from 1 on; not together with `cursor` or `limit`. Numbered pages
    /// end at row 10,000.
    #[param(value_type = Option<u64>, minimum = 1)]
    page: Option<u64>,
    /// How many rows a numbered page has; more than 200 become 200.
    #[param(value_type = Option<u64>, minimum = 1, default = 50)]
    size: Option<PageSize>,
    /// Which users: those who may act, those who may not, or both; `true` when it is not there.
    #[param(inline, value_type = Option<Active>)]
    active: Choice<ActiveFilter>,
    /// Only users whose name or address begins so, letter case and accents aside: 2 characters
    /// or more. They are ordered by what begins so, `asc` when `order` is not there.
    #[param(value_type = Option<String>, min_length = 2)]
    q: Option<Searched>,
    /// Newest (default) or oldest first; with `q`, by the alphabet.
    #[param(inline, value_type = Option<Direction>)]
    order: Choice<Order>,
    /// Whether `total` is answered; not by default. An exact count reads every row that matches;
    /// with `q`, an estimate of 10,000 means so many or more.
    #[param(inline, value_type = Option<Count>)]
    count: Option<Counting>,
}

/// A choice and the word that was sent for it, to repeat it in links.
struct Choice<T> {
    value: T,
    word: Option<&'static str>,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is the documented form of the parameter")]
enum Active {
    True,
    False,
    Any,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is the documented form of the parameter")]
enum Direction {
    Desc,
    Asc,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is the documented form of the parameter")]
enum Count {
    None,
    Estimate,
    Exact,
}

impl<T: Copy + Default> Choice<T> {
    fn from_query(
        query: &mut Query<'_>,
        name: &str,
        choices: &[(&'static str, T)],
    ) -> Result<Self, Problem> {
        let named: Vec<_> = choices
            .iter()
            .map(|(word, value)| (*word, (*word, *value)))
            .collect();
        Ok(match query.choice(name, &named)? {
            Some((word, value)) => Self {
                value,
                word: Some(word),
            },
            None => Self {
                value: T::default(),
                word: None,
            },
        })
    }
}

impl FromQuery for Parameters {
    fn from_query(query: &mut Query<'_>) -> Result<Self, Problem> {
        let active = [
            ("true", ActiveFilter::Active),
            ("false", ActiveFilter::Inactive),
            ("any", ActiveFilter::Any),
        ];
        let order = [("desc", Order::Descending), ("asc", Order::Ascending)];
        let count = [
            ("none", None),
            ("estimate", Some(Counting::Estimate)),
            ("exact", Some(Counting::Exact)),
        ];
        let accepted = "a whole number from 1 up";
        let parameters = Self {
            limit: paging::page_size(query, "limit")?,
            cursor: paging::cursor(query)?,
            page: query.parsed("page", accepted)?,
            size: paging::page_size(query, "size")?,
            active: Choice::from_query(query, "active", &active)?,
            q: query
                .take("q")
                .map(|text| Searched::read(&text))
                .transpose()?,
            order: Choice::from_query(query, "order", &order)?,
            count: query.choice("count", &count)?.flatten(),
        };
        if parameters.page == Some(0) {
            return Err(Problem::malformed(format!(
                "The query parameter \"page\" is {accepted}."
            )));
        }
        if parameters.is_numbered() && (parameters.cursor.is_some() || parameters.limit.is_some()) {
            return Err(Problem::malformed(
                "A list is walked by \"cursor\" and \"limit\" or by \"page\" and \"size\", and not by both.",
            ));
        }
        Ok(parameters)
    }
}

impl Parameters {
    fn is_numbered(&self) -> bool {
        self.page.is_some() || self.size.is_some()
    }

    fn filter(&self) -> UserFilter {
        UserFilter {
            active: self.active.value,
        }
    }

    fn request(&self) -> Result<PageRequest, Problem> {
        let size = self.size.or(self.limit).unwrap_or_default();
        let start = if self.is_numbered() {
            Start::Offset(
                RowOffset::of_page(self.page.unwrap_or(1), size).ok_or_else(|| self.too_deep())?,
            )
        } else {
            let cursor = match self.cursor {
                Some(AnyCursor::OfSearch(_)) => return Err(paging::mismatch()),
                Some(AnyCursor::OfList(cursor)) => Some(cursor),
                None => None,
            };
            paging::start(cursor, self.order.value, FilterHash::from(&self.filter()))?
        };
        Ok(PageRequest {
            start,
            order: self.order.value,
            size,
        })
    }

    /// What the links of a page repeat.
    fn for_links(&self) -> Vec<(&'static str, String)> {
        let size = self
            .size
            .or(self.limit)
            .map(|size| ("limit", size.get().to_string()));
        let words = [("active", self.active.word), ("order", self.order.word)];
        let words = words
            .into_iter()
            .filter_map(|(name, word)| Some((name, word?.to_owned())));
        let searched = self.q.as_ref().map(|q| ("q", q.text.clone()));
        size.into_iter().chain(words).chain(searched).collect()
    }

    fn too_deep(&self) -> Problem {
        let first = paging::link(PATH, &self.for_links(), None, "first");
        let problem = Problem::new(
            ProblemType::PageTooDeep,
            format!(
                "Numbered pages end at row {}. Walk on with the parameter \"cursor\": each page answers the next one's as next_cursor, and Link leads to the first.",
                RowOffset::DEEPEST_ROW
            ),
        );
        match HeaderValue::try_from(first) {
            Ok(first) => problem.with_header(header::LINK, first),
            Err(error) => Problem::internal(error),
        }
    }
}

/// One page of users.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct UserList<'a> {
    /// The users, in the list's order.
    items: Vec<UserListItem<'a>>,
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
    /// How many users match; there when `count` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    total: Option<u64>,
}

/// A user, as lists show it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = UserSummary)]
pub(super) struct UserListItem<'a> {
    /// Who it is.
    #[serde(serialize_with = "values::text")]
    #[schema(value_type = String, format = "uuid", example = "0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f")]
    id: UserId,
    /// The name.
    #[schema(example = "Zoë Müller")]
    name: &'a str,
    /// The address.
    #[schema(format = "idn-email", example = "zoe@example.com")]
    email: &'a str,
}

impl<'a> From<&'a UserSummary> for UserListItem<'a> {
    fn from(user: &'a UserSummary) -> Self {
        Self {
            id: user.id,
            name: user.name.as_str(),
            email: user.email.as_str(),
        }
    }
}

documented_problems!(
    InvalidLimit,
    InvalidCursor,
    CursorMismatch,
    PageTooDeep,
    DependencyUnavailable
);

/// One page of users. A user that matches and does not change while the list is walked by its
/// cursors appears exactly once.
#[utoipa::path(
    get,
    path = "/v1/users",
    tag = "users",
    params(Parameters, ("If-None-Match" = Option<String>, Header, description = "Tags that the client has.")),
    security(("token" = ["users:read"]), ("token" = ["users:admin"])),
    responses(
        (status = 200, description = "The page.", body = UserList, headers(
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
pub(super) async fn list_users(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiQuery(query): ApiQuery<Parameters>,
    held: IfNoneMatch,
) -> Result<Response, Problem> {
    caller.may(if query.q.is_some() {
        Action::SearchUsers
    } else {
        Action::ListUsers
    })?;
    let (found, listed);
    let (items, next, prev, total) = if let Some(searched) = &query.q {
        let filter = searched.filter(query.active.value);
        let request = query.search(&filter)?;
        found = services.search.find(&filter, &request, query.count).await?;
        let (next, prev) = (found.page.next.as_ref(), found.page.prev.as_ref());
        (&found.page.items, text(next), text(prev), found.total)
    } else {
        let (filter, request) = (query.filter(), query.request()?);
        listed = services.users.list(&filter, &request, query.count).await?;
        let (next, prev) = (listed.page.next.as_ref(), listed.page.prev.as_ref());
        (&listed.page.items, text(next), text(prev), listed.total)
    };
    let body = UserList {
        items: items.iter().map(UserListItem::from).collect(),
        next_cursor: next.clone(),
        prev_cursor: prev.clone(),
        has_more: next.is_some(),
        total,
    };
    let mut response = reply::tagged_json(&body, &held)?;
    let links = paging::links_to(PATH, &query.for_links(), next, prev)?;
    response.headers_mut().insert(header::LINK, links);
    Ok(response)
}

fn text(cursor: Option<&impl ToString>) -> Option<String> {
    cursor.map(ToString::to_string)
}
