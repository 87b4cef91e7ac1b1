use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use roster_app::KeyedRequest;
use roster_domain::ports::{Once, Outcome};
use roster_domain::{IdempotencyKey, UserId, canonical_json};

use super::Caller;
use super::body::{self, read_whole};
use crate::problem::Problem;
use crate::router::ApiState;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A body, and the `Idempotency-Key` under which what it asks for is done once.
///
/// The request is compared by its method, its path, its `If-Match` and its body in canonical
/// form, so that white space and the order of members make no other request.
pub(crate) struct Keyed<T> {
    pub(crate) body: T,
    made_of: Option<MadeOf>,
}

/// No body: one that is sent is not looked at.
pub(crate) struct NoBody;

struct MadeOf {
    owner: Vec<u8>,
    key: IdempotencyKey,
    parts: [Vec<u8>; 4],
}

impl<T> Keyed<T> {
    /// The key, and what is kept of the outcome under it; `None` when there is no key.
    pub(crate) fn once(&self, keep: fn(UserId, &Outcome) -> Vec<u8>) -> Option<Once> {
        let MadeOf { owner, key, parts } = self.made_of.as_ref()?;
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let request = KeyedRequest {
            owner,
            key,
            parts: &parts,
        };
        Some(request.once(keep))
    }
}

impl<T: FromRequest<ApiState, Rejection = Problem>> FromRequest<ApiState> for Keyed<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let Some(key) = key(request.headers())? else {
            let body = T::from_request(request, state).await?;
            let made_of = None;
            return Ok(Self { body, made_of });
        };
        let (parts, body) = request.into_parts();
        let caller = parts.extensions.get::<Caller>().cloned();
        let caller = caller.ok_or_else(Problem::unauthenticated)?;
        let whole = Request::from_parts(parts.clone(), body);
        // The place that the request waits for is taken when the body is read again.
        let octets = read_whole(whole, state.max_body).await?;
        let made_of = Some(MadeOf {
            owner: caller.principal.key().as_bytes().to_vec(),
            key,
            parts: [
                parts.method.as_str().as_bytes().to_vec(),
                parts.uri.path().as_bytes().to_vec(),
                conditions(&parts.headers),
                canonical(&octets),
            ],
        });
        let again = Request::from_parts(parts, Body::from(octets));
        let body = T::from_request(again, state).await?;
        Ok(Self { body, made_of })
    }
}

impl FromRequest<ApiState> for NoBody {
    type Rejection = Problem;

    async fn from_request(mut request: Request, _: &ApiState) -> Result<Self, Problem> {
        body::take_place(request.extensions_mut())?;
        Ok(Self)
    }
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut lines = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return if headers.contains_key(IDEMPOTENCY_KEY) {
            Err(refused())
        } else {
            Ok(None)
        };
    };
    let text = line.to_str().map_err(|_| refused())?;
    text.parse().map(Some).map_err(|_| refused())
}

fn refused() -> Problem {
    Problem::malformed(
        "The header Idempotency-Key is there once, and is 1 to 255 visible ASCII characters.",
    )
}

fn conditions(headers: &HeaderMap) -> Vec<u8> {
    let lines: Vec<&[u8]> = headers
        .get_all(header::IF_MATCH)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    lines.join(&b',')
}

/// What is no JSON is refused further on, and is never compared.
fn canonical(octets: &[u8]) -> Vec<u8> {
    let text = str::from_utf8(octets).ok();
    let canonical = text.and_then(|text| canonical_json(text).ok());
    canonical.map_or_else(|| octets.to_vec(), String::into_bytes)
}
