use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, header};
use roster_app::Action;
use roster_domain::UserId;
use serde::Serialize;

use super::{reply, values};
use crate::extract::{ApiPath, ApiQuery, Caller, EntityTag, FromQuery, IfMatch, Query};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// How far the deletion goes.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Whether everything of the user is erased for good, whether it was deleted before or not.
    #[param(value_type = bool, required = false, default = false)]
    purge: bool,
}

impl FromQuery for Parameters {
    fn from_query(query: &mut Query<'_>) -> Result<Self, Problem> {
        Ok(Self {
            purge: query.flag("purge")?,
        })
    }
}

/// What a deletion leaves to restore.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct DeletedUser {
    /// Who it was.
    #[serde(serialize_with = "values::text")]
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    /// The version after the deletion, which a restoration can name.
    #[schema(minimum = 2, example = 4)]
    version: u64,
}

documented_problems!(
    UserNotFound,
    AlreadyDeleted,
    VersionMismatch,
    PreconditionRequired,
    DependencyUnavailable
);

/// Deletes a user so that it can be restored, or erases it.
#[utoipa::path(
    delete,
    path = "/v1/users/{id}",
    tag = "users",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        Parameters,
        ("If-Match" = Option<String>, Header, description = "Tags of the versions that the deletion is meant for, or `*`."),
    ),
    security(("token" = ["users:write"]), ("token" = ["users:admin"])),
    responses(
        (status = 200, description = "Deleted; it can be restored.", body = DeletedUser, headers(
            ("ETag" = String, description = "The tag that a restoration can name in If-Match."),
        )),
        (status = 204, description = "Erased; the id stays taken."),
        Problems,
    ),
)]
pub(super) async fn delete_user(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(id): ApiPath<UserId>,
    ApiQuery(query): ApiQuery<Parameters>,
    expected: IfMatch,
) -> Result<Response, Problem> {
    caller.may(if query.purge {
        Action::PurgeUser
    } else {
        Action::DeleteUser
    })?;
    if query.purge {
        expected
            .guard(|version| services.users.purge(id, version))
            .await?;
        return Ok(reply::without_content(StatusCode::NO_CONTENT));
    }
    let version = expected
        .guard(|version| services.users.delete(id, version))
        .await?;
    let mut response = reply::json(
        StatusCode::OK,
        &DeletedUser {
            id,
            version: version.get(),
        },
    )?;
    response
        .headers_mut()
        .insert(header::ETAG, EntityTag::of_version(version).header());
    Ok(response)
}
