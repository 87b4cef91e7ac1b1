use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use roster_app::{Action, AtHand, Found, Freshness, UserError, UserService};
use roster_domain::{UserId, UserVersion};

use super::minimum::at_least;
use super::read_headers::{STALENESS_BOUND, describe_read, staleness_bound};
use super::reply::UserReply;
use super::user_body::UserBody;
use crate::capacity::Class;
use crate::extract::{
    ApiPath, ApiQuery, Caller, Consistency, FromQuery, IfNoneMatch, NoCache, Query,
};
use crate::middleware::{Guards, Sender, is_overload};
use crate::problem::{Problem, documented_problems};
use crate::router::ApiState;

/// The route's pattern.
pub(crate) const PATH: &str = "/v1/users/{id}";

/// How fresh the answer must be.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// From any tier, or from the primary. The header `Cache-Control: no-cache` means `strong`. `cached` when it is not there.
    #[param(inline, required = false)]
    consistency: Consistency,
    /// Never a version below this one.
    #[param(value_type = Option<u64>, required = false, maximum = 18_446_744_073_709_551_615_u64)]
    min_version: UserVersion,
}

impl FromQuery for Parameters {
    fn from_query(query: &mut Query<'_>) -> Result<Self, Problem> {
        let min_version = query.parsed("min_version", "a whole number from 0 up")?;
        Ok(Self {
            consistency: Consistency::from_query(query)?,
            min_version: min_version.map_or(UserVersion::NONE, UserVersion::new),
        })
    }
}

documented_problems!(UserNotFound, VersionAhead, DependencyUnavailable);

/// One user, whole.
#[utoipa::path(
    get,
    path = "/v1/users/{id}",
    tag = "users",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        Parameters,
        ("If-None-Match" = Option<String>, Header, description = "Tags that the client has."),
    ),
    security(("token" = ["users:read"]), ("token" = ["users:admin"]), ("token" = [])),
    responses(
        (status = 200, description = "The user.", body = UserBody, headers(
            ("ETag" = String, description = "Strong, from the version."),
            ("Cache-Status" = String, description = "What the caches did (RFC 9211); not there without a cache."),
            ("Staleness-Bound" = String, description = "How many seconds old the answer may be at the most, or `unproven`."),
        )),
        (status = 304, description = "The client has this version.", headers(
            ("ETag" = String, description = "Strong, from the version."),
            ("Cache-Status" = String, description = "What the caches did (RFC 9211); not there without a cache."),
            ("Staleness-Bound" = String, description = "How many seconds old the answer may be at the most, or `unproven`."),
        )),
        Problems,
    ),
)]
pub(super) async fn get_user(
    State(state): State<ApiState>,
    caller: Caller,
    ApiPath(id): ApiPath<UserId>,
    ApiQuery(query): ApiQuery<Parameters>,
    no_cache: NoCache,
    held: IfNoneMatch,
) -> Result<Response, Problem> {
    caller.may(Action::ReadUser(id))?;
    let freshness = query.consistency.freshness(no_cache, query.min_version);
    let users = &state.services.users;
    let is_loading = match users.at_hand(id, freshness) {
        AtHand::Found(found) => return respond(&found, &held).map(out_of_memory),
        AtHand::Loading => true,
        AtHand::Nothing => false,
    };
    let read = |freshness| load((users, &state.guards, &caller), id, freshness, is_loading);
    let respond = |found| respond(&found, &held);
    Ok(at_least((&state.guards, &caller), freshness, read, respond).await)
}

/// Reads a user whom memory does not have. Who joins a load takes no place.
pub(crate) async fn load(
    (users, guards, caller): (&UserService, &Guards, &Caller),
    id: UserId,
    freshness: Freshness,
    is_loading: bool,
) -> Result<Found, Problem> {
    if is_loading {
        return Ok(users.find(id, freshness).await?);
    }
    let place = guards.enter(Class::Read, PATH, Sender::from(caller))?;
    let found = users.find(id, freshness).await.map_err(Problem::from);
    place.finish(found.as_ref().err().is_some_and(is_overload));
    found
}

/// That an answer costs its caller nothing.
#[derive(Clone, Copy)]
struct Free;

/// Marks an answer out of memory: without news it is free.
pub(crate) fn out_of_memory(mut response: Response) -> Response {
    if response.status() == StatusCode::NOT_MODIFIED {
        response.extensions_mut().insert(Free);
    }
    response
}

/// Whether it was marked so.
pub(crate) fn is_free(response: &Response) -> bool {
    response.extensions().get::<Free>().is_some()
}

/// The user, or that the client has it, with what the caches did; or that there is none, and how
/// old that may be.
pub(crate) fn respond(found: &Found, held: &IfNoneMatch) -> Result<Response, Problem> {
    let answer = match found {
        Found::User(answer) => answer,
        Found::Absent(bound) => {
            let absent = Problem::from(UserError::NotFound);
            return Err(absent.with_header(STALENESS_BOUND, staleness_bound(*bound)));
        }
    };
    let kept = answer
        .rendition
        .get_or_make(|| UserReply::octets(&answer.user))
        .map(UserReply::from_octets)?;
    let mut response = if held.has(&kept.tag) {
        kept.not_modified()
    } else {
        kept.whole(StatusCode::OK)
    };
    describe_read(&mut response, answer);
    Ok(response)
}
