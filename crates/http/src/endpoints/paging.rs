//! What every list shares: sizes, cursors, links.

use std::str::FromStr;

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use roster_domain::pagination::{Cursor, FilterHash, Order, Page, PageSize, Start};

use crate::extract::Query;
use crate::problem::{Problem, ProblemType};

/// Everything but the unreserved characters of RFC 3986.
const IN_A_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A parameter that is a number of rows.
pub(super) fn page_size(query: &mut Query<'_>, name: &str) -> Result<Option<PageSize>, Problem> {
    row_count(query, name)?
        .map(|rows| PageSize::new(rows).map_err(|_| invalid_limit(name)))
        .transpose()
}

/// A parameter that is a number of rows from 1 up, whatever the greatest is.
pub(super) fn row_count(query: &mut Query<'_>, name: &str) -> Result<Option<u64>, Problem> {
    let Some(text) = query.take(name) else {
        return Ok(None);
    };
    if text.is_empty()
        || !text.bytes().all(|b| b.is_ascii_digit())
        || text.bytes().all(|b| b == b'0')
    {
        return Err(invalid_limit(name));
    }
    // A number beyond 64 bits is above every limit.
    Ok(Some(text.parse().unwrap_or(u64::MAX)))
}

fn invalid_limit(name: &str) -> Problem {
    Problem::new(
        ProblemType::InvalidLimit,
        format!("The query parameter {name:?} is a whole number from 1 up."),
    )
}

/// The parameter `cursor`.
pub(super) fn cursor<C: FromStr>(query: &mut Query<'_>) -> Result<Option<C>, Problem> {
    let parsed = query.take("cursor").map(|text| text.parse());
    parsed.transpose().map_err(|_| {
        Problem::new(
            ProblemType::InvalidCursor,
            "The cursor was not made by this service.",
        )
    })
}

/// Where a page starts; a cursor of another list is refused.
pub(super) fn start(
    cursor: Option<Cursor>,
    order: Order,
    filter: FilterHash,
) -> Result<Start, Problem> {
    match cursor {
        None => Ok(Start::First),
        Some(cursor) if cursor.order == order && cursor.filter == filter => Ok(cursor.start),
        Some(_) => Err(mismatch()),
    }
}

/// The refusal of a cursor of another list.
pub(super) fn mismatch() -> Problem {
    Problem::new(
        ProblemType::CursorMismatch,
        "The cursor was made for another filter or another order than this request names.",
    )
}

/// The header `Link` (RFC 8288) of a page: next and previous as far as they are there, and the
/// first. The links repeat `parameters`, and so the filters that their cursors are bound to.
pub(super) fn links<T>(
    path: &str,
    parameters: &[(&str, String)],
    page: &Page<T>,
) -> Result<HeaderValue, Problem> {
    let text = |cursor: Option<Cursor>| cursor.map(|cursor| cursor.to_string());
    links_to(path, parameters, text(page.next), text(page.prev))
}

/// The same for cursors of any form.
pub(super) fn links_to(
    path: &str,
    parameters: &[(&str, String)],
    next: Option<String>,
    prev: Option<String>,
) -> Result<HeaderValue, Problem> {
    let cursors = [("next", next), ("prev", prev)];
    let mut links: Vec<String> = cursors
        .into_iter()
        .filter_map(|(relation, cursor)| Some(link(path, parameters, Some(cursor?), relation)))
        .collect();
    links.push(link(path, parameters, None, "first"));
    HeaderValue::try_from(links.join(", ")).map_err(Problem::internal)
}

/// One link.
pub(super) fn link(
    path: &str,
    parameters: &[(&str, String)],
    cursor: Option<String>,
    relation: &str,
) -> String {
    let cursor = cursor.map(|cursor| ("cursor", cursor));
    let query: Vec<_> = parameters
        .iter()
        .chain(&cursor)
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, IN_A_QUERY)))
        .collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("<{path}{mark}{}>; rel=\"{relation}\"", query.join("&"))
}
