use std::fmt::Write as _;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::reply;
use crate::extract::{ApiPath, ApiQuery, NoParameters, accept};
use crate::problem::{Problem, ProblemType, documented_problems};

/// One type of problem.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ProblemDescription {
    /// The member `type` of such a problem.
    #[schema(format = "uri-reference", example = "/problems/email-taken")]
    r#type: String,
    /// The type in words.
    #[schema(example = "E-mail address taken")]
    title: &'static str,
    /// The status of the response that carries it.
    #[schema(example = 409)]
    status: u16,
    /// What it means and what a caller can do.
    description: &'static str,
}

impl From<ProblemType> for ProblemDescription {
    fn from(kind: ProblemType) -> Self {
        Self {
            r#type: kind.uri(),
            title: kind.title(),
            status: kind.status().as_u16(),
            description: kind.meaning(),
        }
    }
}

/// Every type of problem.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ProblemList {
    /// The types, in the order of their statuses.
    items: Vec<ProblemDescription>,
}

documented_problems!(NotFound);

/// Every type of problem, as JSON or as a page.
#[utoipa::path(
    get,
    path = "/problems",
    tag = "service",
    responses(
        (status = 200, description = "The types.", content((ProblemList = "application/json"), (String = "text/html"))),
        Problems,
    ),
)]
pub(super) async fn list_problems(
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if accept::prefers_html(&headers) {
        return Ok(page("Problems", ProblemType::ALL));
    }
    let items = ProblemType::ALL
        .iter()
        .map(|kind| ProblemDescription::from(*kind))
        .collect();
    reply::json(StatusCode::OK, &ProblemList { items })
}

/// One type of problem, as JSON or as a page.
#[utoipa::path(
    get,
    path = "/problems/{name}",
    tag = "service",
    params(("name" = String, Path, description = "The last segment of the type.", example = "email-taken")),
    responses(
        (status = 200, description = "The type.", content((ProblemDescription = "application/json"), (String = "text/html"))),
        Problems,
    ),
)]
pub(super) async fn get_problem(
    ApiPath(name): ApiPath<String>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kind = ProblemType::named(&name).ok_or_else(|| {
        Problem::new(
            ProblemType::NotFound,
            "There is no such type of problem; /problems lists them.",
        )
    })?;
    if accept::prefers_html(&headers) {
        return Ok(page(kind.title(), &[kind]));
    }
    reply::json(StatusCode::OK, &ProblemDescription::from(kind))
}

/// A page without script and style. Every text in it is made here.
fn page(title: &str, kinds: &[ProblemType]) -> Response {
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n"
    );
    for kind in kinds {
        let (uri, status) = (kind.uri(), kind.status());
        // Writing to a String cannot fail.
        let _ = writeln!(
            html,
            "<h2><a href=\"{uri}\">{}</a></h2>\n<p>Status {status}.</p>\n<p>{}</p>",
            kind.title(),
            kind.meaning()
        );
    }
    html.push_str("<p><a href=\"/problems\">All problems</a></p>\n</html>\n");
    let mut response = Response::new(Body::from(html));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    );
    response
}
