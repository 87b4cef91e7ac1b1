use std::error::Error;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use roster_app::Action;
use roster_domain::UserId;
use serde::{Deserialize, Serialize};

use super::cache_bodies::{HeldState, HeldUser};
use super::reply;
use crate::extract::{ApiPath, ApiQuery, Caller, NoParameters};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// One user in every tier: versions and times, and nothing of what the user is.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct CachedUser {
    /// Who was asked for.
    #[schema(format = "uuid")]
    pub(crate) id: String,
    /// In this process; null where it keeps nothing.
    pub(crate) l1: Option<HeldUser>,
    /// In Redis; null where there is none.
    pub(crate) l2: Option<HeldUser>,
    /// In the database: `value`, `absent` (also when the user is deleted) or `unavailable`.
    pub(crate) row: HeldUser,
}

documented_problems!(DependencyUnavailable);

/// One user in every tier. Each is read by itself, so a change under way shows in some of them.
#[utoipa::path(
    get,
    path = "/v1/admin/cache/users/{id}",
    tag = "operations",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id; one that no tier knows is answered, too."),
    ),
    security(("token" = ["ops"])),
    responses(
        (status = 200, description = "What each tier holds just now.", body = CachedUser, headers(
            ("Cache-Control" = String, description = "`no-store`."),
        )),
        Problems,
    ),
)]
pub(super) async fn get_cached_user(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(id): ApiPath<UserId>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
) -> Result<Response, Problem> {
    caller.may(Action::InspectService)?;
    let keeps = services.users.cache_overview().l1.is_some();
    let found = services.users.inspect_cached(id).await;
    let l2 = found.l2.map(|held| match held {
        Ok(held) => held.into(),
        Err(error) => unavailable("l2", &*error),
    });
    let row = match found.row {
        Ok(Some(version)) => HeldUser::value(version),
        Ok(None) => HeldUser::bare(HeldState::Absent),
        Err(error) => unavailable("database", &error),
    };
    let user = CachedUser {
        id: id.to_string(),
        l1: keeps.then(|| found.l1.into()),
        l2,
        row,
    };
    Ok(reply::not_stored(reply::json(StatusCode::OK, &user)?))
}

/// The caller learns that a tier did not answer, the log why.
fn unavailable(tier: &'static str, error: &(dyn Error + 'static)) -> HeldUser {
    tracing::warn!(
        cache.tier = tier,
        error,
        "a tier could not be looked at for an operator"
    );
    HeldUser::bare(HeldState::Unavailable)
}
