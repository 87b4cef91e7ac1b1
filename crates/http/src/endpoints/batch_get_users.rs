use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use roster_app::{Action, Freshness};
use roster_domain::{UserId, UserVersion};
use serde::Serialize;

use super::read_headers::describe_reads;
use super::reply;
use super::user_body::UserBody;
use super::values;
use crate::extract::{
    ApiJson, ApiQuery, Caller, Consistency, FromMembers, FromQuery, Members, NoCache, Query,
    Refused,
};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// How fresh the answer must be.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// From any tier, or from the primary. The header `Cache-Control: no-cache` means `strong`. `cached` when it is not there.
    #[param(inline, required = false)]
    consistency: Consistency,
}

impl FromQuery for Parameters {
    fn from_query(query: &mut Query<'_>) -> Result<Self, Problem> {
        Ok(Self {
            consistency: Consistency::from_query(query)?,
        })
    }
}

impl Parameters {
    /// The freshness of every user.
    pub(super) fn freshness(&self, no_cache: NoCache) -> Freshness {
        self.consistency.freshness(no_cache, UserVersion::NONE)
    }
}

/// Whom to get.
#[derive(utoipa::ToSchema)]
pub(super) struct UserIds {
    /// 1 to 100 ids; one may be there twice and is answered twice.
    #[schema(value_type = Vec<values::Id>, min_items = 1, max_items = 100, example = json!(["0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f"]))]
    ids: Vec<UserId>,
}

impl FromMembers for UserIds {
    fn from_members(members: &mut Members<'_>) -> Result<Self, Refused> {
        Ok(Self {
            ids: members.list("ids", 1..=100)?,
        })
    }
}

/// The users that are there, and the ids of those that are not.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct UserBatch<'a> {
    /// The users, in the order of the request.
    items: Vec<UserBody<'a>>,
    /// The ids without a user, in the order of the request.
    #[schema(example = json!(["0190c2a8-7d3e-7c5b-9f1e-000000000000"]))]
    missing: Vec<String>,
}

documented_problems!(
    ContentTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    DependencyUnavailable
);

/// Up to 100 users at once.
#[utoipa::path(
    post,
    path = "/v1/users/batch-get",
    tag = "users",
    params(Parameters),
    request_body(content = UserIds, content_type = "application/json"),
    security(("token" = ["users:read"]), ("token" = ["users:admin"])),
    responses(
        (status = 200, description = "The users that are there.", body = UserBatch, headers(
            ("Staleness-Bound" = String, description = "How many seconds old the oldest may be at the most, or `unproven`; not there without users."),
        )),
        Problems,
    ),
)]
pub(super) async fn batch_get_users(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiQuery(query): ApiQuery<Parameters>,
    no_cache: NoCache,
    ApiJson(UserIds { ids }): ApiJson<UserIds>,
) -> Result<Response, Problem> {
    caller.may(Action::ReadUsers)?;
    let answers = services
        .users
        .get_many(&ids, query.freshness(no_cache))
        .await?;
    let missing = ids
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.is_none());
    let batch = UserBatch {
        items: answers
            .iter()
            .flatten()
            .map(|answer| UserBody::from(&*answer.user))
            .collect(),
        missing: missing.map(|(id, _)| id.to_string()).collect(),
    };
    let mut response = reply::json(StatusCode::OK, &batch)?;
    describe_reads(&mut response, answers.iter().flatten());
    Ok(response)
}
