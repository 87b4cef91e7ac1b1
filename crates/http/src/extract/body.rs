use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{Extensions, HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::value::RawValue;

use super::{FromBody, Refusals, Refused};
use crate::middleware::LatePlace;
use crate::problem::{Problem, ProblemType};
use crate::router::ApiState;
use crate::server::Stalled;

/// A body of the type `application/json`.
pub(crate) struct ApiJson<T>(pub(crate) T);

/// A merge patch (RFC 7396). Plain JSON is read as one too, as many clients can send nothing else.
pub(crate) struct ApiMergePatch<T>(pub(crate) T);

const JSON: &[&str] = &["application/json"];
const MERGE_PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

impl<T: FromBody> FromRequest<ApiState> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        if !is_one_of(request.headers(), JSON) {
            return Err(Problem::new(
                ProblemType::UnsupportedMediaType,
                "The body is application/json in UTF-8.",
            ));
        }
        check_coding(request.headers())?;
        parse(&read(request, state.max_body).await?).map(Self)
    }
}

impl<T: FromBody> FromRequest<ApiState> for ApiMergePatch<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        if !is_one_of(request.headers(), MERGE_PATCH) {
            let detail = "The body is application/merge-patch+json in UTF-8; application/json is read as the same.";
            return Err(
                Problem::new(ProblemType::UnsupportedMediaType, detail).with_header(
                    HeaderName::from_static("accept-patch"),
                    HeaderValue::from_static("application/merge-patch+json, application/json"),
                ),
            );
        }
        check_coding(request.headers())?;
        parse(&read(request, state.max_body).await?).map(Self)
    }
}

/// Whether the body is of one of these types, and in UTF-8 if it says so.
pub(crate) fn is_one_of(headers: &HeaderMap, accepted: &[&str]) -> bool {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(Ok(line)), None) = (lines.next().map(HeaderValue::to_str), lines.next()) else {
        return false;
    };
    let mut parts = line.split(';').map(str::trim);
    let named = parts.next().is_some_and(|name| {
        accepted
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    });
    let utf8 = parts
        .filter_map(|parameter| parameter.split_once('='))
        .all(|(name, value)| {
            !name.eq_ignore_ascii_case("charset")
                || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        });
    named && utf8
}

/// Refuses a body that is coded, such as by gzip: none is ever decoded.
pub(crate) fn check_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let is_plain = |line: &HeaderValue| line.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(is_plain)
    {
        return Ok(());
    }
    let detail = "The body is sent as it is, without a Content-Encoding.";
    let problem = Problem::new(ProblemType::UnsupportedMediaType, detail);
    Err(problem.with_header(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    ))
}

/// Reads a body to its end, and then takes the place that the request waits for.
async fn read(mut request: Request, limit: usize) -> Result<Bytes, Problem> {
    let mut waiting = std::mem::take(request.extensions_mut());
    let body = read_whole(request, limit).await?;
    take_place(&mut waiting)?;
    Ok(body)
}

/// Takes the place that a request waits for until its body is there.
pub(super) fn take_place(extensions: &mut Extensions) -> Result<(), Problem> {
    match extensions.remove::<Arc<LatePlace>>() {
        Some(place) => place.take(),
        None => Ok(()),
    }
}

pub(super) async fn read_whole(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            ProblemType::ContentTooLarge,
            format!("A body has at most {limit} octets."),
        )
    };
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(too_large());
    }
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(broken_body(&*error)),
    }
}

/// A body that did not come to its end.
pub(crate) fn broken_body(error: &(dyn std::error::Error + 'static)) -> Problem {
    match Stalled::behind(error) {
        None => Problem::malformed("The body ended before its time."),
        Some(Stalled { limit, least }) => {
            let millis = limit.as_millis();
            let detail = format!(
                "Less than {least} octets of the body arrived while it was waited for {millis} ms."
            );
            Problem::new(ProblemType::DeadlineExceeded, detail)
        }
    }
}

/// A body from its octets.
pub(crate) fn parse<T: FromBody>(body: &[u8]) -> Result<T, Problem> {
    let text = str::from_utf8(body).map_err(|_| Problem::malformed("The body is not UTF-8."))?;
    let value: &RawValue = serde_json::from_str(text).map_err(|refusal| {
        Problem::malformed(format!(
            "The body is not JSON: line {}, column {}.",
            refusal.line(),
            refusal.column()
        ))
    })?;
    let mut refusals = Refusals::default();
    let parsed = T::from_body(value, &mut refusals);
    match (refusals.into_problem(), parsed) {
        (None, Ok(parsed)) => Ok(parsed),
        (Some(problem), _) => Err(problem),
        (None, Err(Refused)) => Err(Problem::validation(Vec::new())),
    }
}
