use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;
use roster_app::Freshness;
use roster_domain::UserVersion;

use super::Query;
use crate::problem::Problem;

/// Whether the request says `Cache-Control: no-cache`, which means `consistency=strong`.
#[derive(Clone, Copy)]
pub(crate) struct NoCache(bool);

impl<S: Send + Sync> FromRequestParts<S> for NoCache {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let lines = parts.headers.get_all(header::CACHE_CONTROL).iter();
        let mut directives = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','));
        Ok(Self(directives.any(|directive| {
            directive.trim().eq_ignore_ascii_case("no-cache")
        })))
    }
}

/// Where a read may be answered from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Consistency {
    /// From any tier.
    #[default]
    Cached,
    /// From the primary, and the caches are refreshed.
    Strong,
}

impl Consistency {
    /// The parameter `consistency`.
    pub(crate) fn from_query(query: &mut Query<'_>) -> Result<Self, Problem> {
        let choices = [("cached", Self::Cached), ("strong", Self::Strong)];
        Ok(query.choice("consistency", &choices)?.unwrap_or_default())
    }

    /// How fresh the read must be.
    pub(crate) fn freshness(self, no_cache: NoCache, min_version: UserVersion) -> Freshness {
        Freshness {
            strong: no_cache.0 || self == Self::Strong,
            min_version,
        }
    }
}
