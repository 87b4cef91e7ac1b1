use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use roster_app::{Action, Answered};
use roster_domain::UserId;
use roster_domain::ports::Outcome;

use super::user_body::UserBody;
use super::{kept_answer, reply};
use crate::extract::{ApiPath, ApiQuery, Caller, IfMatch, Keyed, NoBody, NoParameters};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

documented_problems!(
    UserNotFound,
    NotDeleted,
    IdempotencyInProgress,
    VersionMismatch,
    IdempotencyKeyReused,
    PreconditionRequired,
    DependencyUnavailable
);

/// Takes a deletion back. It takes no body.
#[utoipa::path(
    post,
    path = "/v1/users/{id}/restore",
    tag = "users",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        ("If-Match" = Option<String>, Header, description = "The tag that the deletion answered, or `*`."),
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$", description = "The caller's name of this request, under which it is done once."),
    ),
    security(("token" = ["users:write"]), ("token" = ["users:admin"])),
    responses(
        (status = 200, description = "The user, there again.", body = UserBody, headers(
            ("ETag" = String, description = "Strong, from the version."),
            ("Idempotency-Replayed" = String, description = "`true` when this is the answer of an earlier request with the same Idempotency-Key."),
        )),
        Problems,
    ),
)]
pub(super) async fn restore_user(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(id): ApiPath<UserId>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    expected: IfMatch,
    request: Keyed<NoBody>,
) -> Result<Response, Problem> {
    caller.may(Action::RestoreUser)?;
    let once = request.once(keep);
    let users = &services.users;
    let restore = |version| async move {
        match once {
            None => users.restore(id, version).await.map(Answered::Now),
            Some(once) => users.restore_once(id, version, once).await,
        }
    };
    match expected.guard(restore).await? {
        Answered::Now(user) => reply::user(StatusCode::OK, &user),
        Answered::Before(kept) => kept_answer::replayed(&kept),
    }
}

fn keep(_: UserId, outcome: &Outcome) -> Vec<u8> {
    kept_answer::of_user(StatusCode::OK, outcome).into_octets()
}
