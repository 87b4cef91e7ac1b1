use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use roster_domain::{Invalid, UserId};

use crate::problem::Problem;

/// The variable segments of the path, decoded and parsed. What is not of its form is malformed.
pub(crate) struct ApiPath<T>(pub(crate) T);

/// Set where the path leaves out the user's id, because it is the caller's.
#[derive(Clone, Copy)]
pub(crate) struct Aliased(pub(crate) UserId);

/// Something that variable segments of a path stand for.
pub(crate) trait FromPath: Sized {
    /// Parses the decoded segments, in their order.
    fn from_path(segments: &[&str]) -> Result<Self, Invalid>;
}

impl<S: Send + Sync, T: FromPath> FromRequestParts<S> for ApiPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let segments = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::malformed("The path is not UTF-8 once it is decoded."))?;
        let own = parts.extensions.get().map(|Aliased(id)| id.to_string());
        let given = segments.iter().map(|(_, segment)| segment);
        let segments: Vec<&str> = own.as_deref().into_iter().chain(given).collect();
        T::from_path(&segments)
            .map(Self)
            .map_err(|invalid| Problem::malformed(invalid.detail))
    }
}

impl FromPath for UserId {
    fn from_path(segments: &[&str]) -> Result<Self, Invalid> {
        segments.first().copied().unwrap_or_default().parse()
    }
}

impl FromPath for String {
    fn from_path(segments: &[&str]) -> Result<Self, Invalid> {
        Ok(segments.first().copied().unwrap_or_default().to_owned())
    }
}
