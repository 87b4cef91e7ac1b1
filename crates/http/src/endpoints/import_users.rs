mod body;
mod lines;
mod run;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::StreamExt as _;
use http::{HeaderMap, HeaderValue, header};
use roster_app::Action;
use roster_domain::ports::OnConflict;

use super::reply;
use crate::capacity::Class;
use crate::extract::{ApiQuery, Caller, FromQuery, Query, accept, check_coding, is_one_of};
use crate::middleware::Sender;
use crate::problem::{Problem, ProblemType, documented_problems};
use crate::router::ApiState;
use crate::transfer::{Format, ImportOptions};
use lines::Lines;
use run::Import;

/// How the lines are taken.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// What becomes of a row whose user is there. `skip` when it is not there.
    #[param(inline, required = false, value_type = Option<ConflictSchema>)]
    on_conflict: OnConflict,
    /// Reads the lines and says what is wrong with them, without a look at the database.
    #[param(value_type = Option<bool>, required = false)]
    dry_run: bool,
    /// The line to begin with, counted from 1: to go on with an import that stopped.
    #[param(value_type = Option<u64>, required = false, minimum = 1)]
    from_line: u64,
}

/// What becomes of a row whose user is there.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it is the documented form")]
enum ConflictSchema {
    Skip,
    Update,
    Fail,
}

impl FromQuery for Parameters {
    fn from_query(query: &mut Query<'_>) -> Result<Self, Problem> {
        let choices = [
            ("skip", OnConflict::Skip),
            ("update", OnConflict::Update),
            ("fail", OnConflict::Fail),
        ];
        let from_line: Option<std::num::NonZeroU64> =
            query.parsed("from_line", "a whole number from 1 up")?;
        Ok(Self {
            on_conflict: query.choice("on_conflict", &choices)?.unwrap_or_default(),
            dry_run: query.flag("dry_run")?,
            from_line: from_line.map_or(1, std::num::NonZeroU64::get),
        })
    }
}

documented_problems!(
    ContentTooLarge,
    UnsupportedMediaType,
    DependencyUnavailable,
    Conflict,
);

/// Stores the users of a file, a thousand in a transaction, and answers while it does: a line
/// for each row, in their order, and a last one with the sums and the line up to which
/// everything is done for good. What comes after the last line that arrived may be stored or
/// not; to send it again, with `skip` or `update`, is right in both cases.
#[utoipa::path(
    post,
    path = "/v1/users/import",
    tag = "users",
    security(("token" = ["users:admin"])),
    params(Parameters),
    request_body(content(
        (super::export_users::RowSchema = "application/x-ndjson"),
        (String = "text/csv"),
    )),
    responses(
        (status = 200, description = "What became of each row, as far as the import came.", content(
            (lines::LineSchema = "application/x-ndjson"),
        ), headers(
            ("Cache-Control" = String, description = "`no-store`."),
        )),
        Problems,
    ),
)]
pub(super) async fn import_users(
    State(state): State<ApiState>,
    caller: Caller,
    ApiQuery(query): ApiQuery<Parameters>,
    request: Request,
) -> Result<Response, Problem> {
    caller.may(Action::ImportUsers)?;
    if !takes_lines(request.headers()) {
        let detail = "The answer is application/x-ndjson.";
        return Err(Problem::new(ProblemType::NotAcceptable, detail));
    }
    let options = ImportOptions {
        format: format_of(request.headers())?,
        on_conflict: query.on_conflict,
        from_line: query.from_line,
    };
    check_coding(request.headers())?;
    body::check_length(request.headers(), state.max_import)?;
    let place = state
        .guards
        .enter(Class::Stream, "/v1/users/import", Sender::from(&caller))?;
    let services = &state.services;
    let lines = Import {
        users: Arc::clone(&services.users),
        caller,
        transfer: (!query.dry_run).then(|| Arc::clone(&services.transfer)),
        runtime: services.runtime.clone(),
        draining: services.draining.clone(),
        guards: Arc::clone(&state.guards),
        place,
    }
    .start(body::reader(request.into_body(), state.max_import), options);
    // What stops an import before its first row is answered as any other request's failure.
    let lines = Lines::begun(lines).await?;
    let mut response = reply::not_stored(Response::new(Body::from_stream(
        lines.into_stream().map(Ok::<_, std::convert::Infallible>),
    )));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(Format::Ndjson.media_type()),
    );
    Ok(response)
}

/// Callers that can name nothing but JSON get lines of it all the same.
fn takes_lines(headers: &HeaderMap) -> bool {
    accept::takes_json(headers) || accept::quality(headers, "application", "x-ndjson") > 0
}

fn format_of(headers: &HeaderMap) -> Result<Format, Problem> {
    const NDJSON: &[&str] = &[
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
    ];
    if is_one_of(headers, NDJSON) {
        Ok(Format::Ndjson)
    } else if is_one_of(headers, &["text/csv"]) {
        Ok(Format::Csv)
    } else {
        let detail = "The body is application/x-ndjson or text/csv, in UTF-8.";
        Err(Problem::new(ProblemType::UnsupportedMediaType, detail))
    }
}
