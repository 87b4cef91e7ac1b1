use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use utoipa_swagger_ui::Config;

use super::reply;
use crate::extract::{ApiPath, ApiQuery, EntityTag, IfNoneMatch, NoParameters};
use crate::problem::{Problem, ProblemType};

/// The files of the page; the bundle has others, and one with a script inside.
const FILES: &[&str] = &[
    "index.html",
    "index.css",
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-initializer.js",
    "favicon-16x16.png",
    "favicon-32x32.png",
];

/// Everything from here, nothing inline but the icons that the style sheet carries.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static CONFIG: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/openapi.json").validator_url("none")));

/// `/docs`: on to the page, whose links are relative to its folder.
pub(super) async fn entrance(ApiQuery(NoParameters): ApiQuery<NoParameters>) -> Response {
    let location = (
        header::LOCATION,
        HeaderValue::from_static("/docs/index.html"),
    );
    (StatusCode::PERMANENT_REDIRECT, [location]).into_response()
}

/// One file of the page.
pub(super) async fn file(
    ApiPath(name): ApiPath<String>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    held: IfNoneMatch,
) -> Result<Response, Problem> {
    let file = FILES
        .contains(&&*name)
        .then(|| utoipa_swagger_ui::serve(&name, Arc::clone(&CONFIG)));
    let Some(file) = file
        .transpose()
        .map_err(|error| Problem::internal(error.to_string()))?
        .flatten()
    else {
        return Err(Problem::new(
            ProblemType::NotFound,
            "The API's page has no such file.",
        ));
    };
    let tag = EntityTag::of_content(&file.bytes);
    let content_type = HeaderValue::try_from(file.content_type).map_err(Problem::internal)?;
    Ok(reply::tagged(&tag, &held, || {
        let body = match file.bytes {
            Cow::Borrowed(octets) => Body::from(octets),
            Cow::Owned(octets) => Body::from(octets),
        };
        let policy = (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        );
        ([(header::CONTENT_TYPE, content_type), policy], body).into_response()
    }))
}
