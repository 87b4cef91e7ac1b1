use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures::Stream;
use futures::stream::try_unfold;
use http::{HeaderMap, HeaderValue, header};
use roster_app::{Action, UserService};
use roster_domain::{User, UserId};

use super::reply;
use crate::capacity::{Class, Place};
use crate::extract::{ApiQuery, Caller, FromQuery, Query, accept};
use crate::middleware::{Guards, Sender};
use crate::problem::{Problem, ProblemType, documented_problems};
use crate::router::ApiState;
use crate::transfer::{Format, Pages, RowWriter};

/// Where the stream begins.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// The id of the last user that arrived whole: the stream goes on behind it.
    #[param(value_type = Option<String>, format = "uuid", required = false)]
    after: Option<UserId>,
}

impl FromQuery for Parameters {
    fn from_query(query: &mut Query<'_>) -> Result<Self, Problem> {
        Ok(Self {
            after: query.parsed("after", "the id of a user")?,
        })
    }
}

/// A line of an export, or of an import.
#[derive(utoipa::ToSchema)]
#[schema(as = UserRow)]
#[expect(
    dead_code,
    reason = "it is the documented form; rows are written from borrowed parts"
)]
pub(super) struct RowSchema {
    /// The id; in an import one is made when it is left out.
    #[schema(format = "uuid")]
    id: String,
    /// The address.
    #[schema(format = "idn-email", example = "zoe@example.com")]
    email: String,
    /// The name.
    #[schema(example = "Zoë Müller")]
    name: String,
    /// Whether the user is active.
    is_active: bool,
    /// The preferred language.
    locale: Option<String>,
    /// Where the picture is.
    avatar_url: Option<String>,
    /// What the deployment keeps beside the fields.
    #[schema(value_type = Object)]
    metadata: String,
    /// When the user was made.
    #[schema(format = DateTime)]
    created_at: String,
}

documented_problems!(DependencyUnavailable);

/// Every user that is not deleted, by id, one a line. The stream is complete when it ends as
/// HTTP ends one; it breaks off when the database goes away, and `after` goes on. It also breaks
/// off when its caller is deactivated; a token that expires meanwhile is enough to its end.
#[utoipa::path(
    get,
    path = "/v1/users/export",
    tag = "users",
    security(("token" = ["users:admin"])),
    params(Parameters),
    responses(
        (status = 200, description = "The users.", content(
            (RowSchema = "application/x-ndjson"),
            (String = "text/csv"),
        ), headers(
            ("Cache-Control" = String, description = "`no-store`."),
        )),
        Problems,
    ),
)]
pub(super) async fn export_users(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<Parameters>,
) -> Result<Response, Problem> {
    caller.may(Action::ExportUsers)?;
    let format = asked_for(&headers)?;
    let guards = state.guards;
    let place = guards.enter(Class::Stream, "/v1/users/export", Sender::from(&caller))?;
    let mut pages = Pages::after(query.after, Arc::clone(&state.services.transfer));
    // The first page decides the status; whatever fails later can only break the stream off.
    let first = pages.next().await.transpose()?.unwrap_or_default();
    let body = Body::from_stream(rows(Export {
        users: Arc::clone(&state.services.users),
        caller,
        pages,
        next: Some(first),
        is_first: true,
        format,
        guards,
        place,
    }));
    let mut response = reply::not_stored(Response::new(body));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(format.media_type()),
    );
    Ok(response)
}

/// The form that the caller likes best; NDJSON when it does not say.
fn asked_for(headers: &HeaderMap) -> Result<Format, Problem> {
    let ndjson = accept::quality(headers, "application", "x-ndjson");
    let csv = accept::quality(headers, "text", "csv");
    if !headers.contains_key(header::ACCEPT) || (ndjson >= csv && ndjson > 0) {
        Ok(Format::Ndjson)
    } else if csv > 0 {
        Ok(Format::Csv)
    } else {
        let detail = "The answer is application/x-ndjson or text/csv.";
        Err(Problem::new(ProblemType::NotAcceptable, detail))
    }
}

/// An export under way.
struct Export {
    caller: Caller,
    users: Arc<UserService>,
    pages: Pages,
    next: Option<Vec<User>>,
    is_first: bool,
    format: Format,
    guards: Arc<Guards>,
    /// Held until the stream ends.
    place: Place,
}

/// A page is read when the one before it has been taken by the connection: a client that reads
/// slowly slows the reading, and keeps two pages in memory.
fn rows(export: Export) -> impl Stream<Item = io::Result<Bytes>> + Send {
    try_unfold(export, |mut export| async move {
        let page = if let Some(page) = export.next.take() {
            page
        } else {
            export.guards.capacity().make_way().await;
            let right = export.caller.may_still(Action::ExportUsers, &export.users);
            if right.await.is_err() {
                return Err(io::Error::other("the caller may not act any more"));
            }
            match export.pages.next().await {
                None => {
                    drop(export.place);
                    return Ok(None);
                }
                Some(Ok(page)) => page,
                Some(Err(error)) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "an export broke off"
                    );
                    return Err(io::Error::other(error));
                }
            }
        };
        let output = Vec::with_capacity(page.len() * 256);
        let mut rows = if std::mem::take(&mut export.is_first) {
            RowWriter::new(export.format, output)?
        } else {
            RowWriter::going_on(export.format, output)
        };
        for user in &page {
            rows.write(user)?;
        }
        Ok(Some((Bytes::from(rows.finish()?), export)))
    })
}
