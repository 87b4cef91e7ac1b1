use std::sync::LazyLock;

use axum::response::Response;
use http::StatusCode;

use super::reply;
use crate::extract::{ApiQuery, EntityTag, IfNoneMatch, NoParameters};
use crate::openapi;
use crate::problem::{Problem, documented_problems};

static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    // The document is maps of strings; there is nothing in it that JSON cannot say.
    serde_json::to_vec(&openapi::document()).unwrap_or_default()
});

documented_problems!();

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "service",
    params(("If-None-Match" = Option<String>, Header, description = "Tags that the client has.")),
    responses(
        (status = 200, description = "The document (OpenAPI 3.1).", body = Object, headers(
            ("ETag" = String, description = "Weak, from the content."),
        )),
        (status = 304, description = "The client has it.", headers(
            ("ETag" = String, description = "Weak, from the content."),
        )),
        Problems,
    ),
)]
pub(super) async fn openapi_document(
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    held: IfNoneMatch,
) -> Result<Response, Problem> {
    let tag = EntityTag::of_content(&DOCUMENT);
    Ok(reply::tagged(&tag, &held, || {
        reply::octets(StatusCode::OK, DOCUMENT.clone())
    }))
}
