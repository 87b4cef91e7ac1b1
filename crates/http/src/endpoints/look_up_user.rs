use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use roster_app::Action;
use roster_domain::Email;

use super::batch_get_users::Parameters;
use super::read_headers::describe_read;
use super::reply;
use super::user_body::UserBody;
use crate::extract::{ApiJson, ApiQuery, Caller, FromMembers, Members, NoCache, Refused};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// Whom to look up. The address stands in the body because URLs end up in logs.
#[derive(utoipa::ToSchema)]
pub(super) struct UserLookup {
    /// The address, in any case.
    #[schema(value_type = String, format = "idn-email", max_length = 254, example = "User1@Example.com")]
    email: Email,
}

impl FromMembers for UserLookup {
    fn from_members(members: &mut Members<'_>) -> Result<Self, Refused> {
        Ok(Self {
            email: members.required("email")?,
        })
    }
}

documented_problems!(
    UserNotFound,
    ContentTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    DependencyUnavailable,
);

/// The user who has an address.
#[utoipa::path(
    post,
    path = "/v1/users/lookup",
    tag = "users",
    params(Parameters),
    request_body(content = UserLookup, content_type = "application/json"),
    security(("token" = ["users:read"]), ("token" = ["users:admin"])),
    responses(
        (status = 200, description = "The user.", body = UserBody, headers(
            ("ETag" = String, description = "Strong, from the version."),
            ("Content-Location" = String, description = "Where the user is, relative."),
            ("Cache-Status" = String, description = "What the caches did (RFC 9211); not there without a cache."),
            ("Staleness-Bound" = String, description = "How many seconds old the answer may be at the most, or `unproven`."),
        )),
        Problems,
    ),
)]
pub(super) async fn look_up_user(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiQuery(query): ApiQuery<Parameters>,
    no_cache: NoCache,
    ApiJson(UserLookup { email }): ApiJson<UserLookup>,
) -> Result<Response, Problem> {
    caller.may(Action::ReadUsers)?;
    let answer = services
        .users
        .find_by_email(&email, query.freshness(no_cache))
        .await?;
    let mut response = reply::user(StatusCode::OK, &answer.user)?;
    let location = HeaderValue::try_from(format!("/v1/users/{}", answer.user.id))
        .map_err(Problem::internal)?;
    response
        .headers_mut()
        .insert(header::CONTENT_LOCATION, location);
    describe_read(&mut response, &answer);
    Ok(response)
}
