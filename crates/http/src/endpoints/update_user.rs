use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use roster_app::{Action, Answered, UserChange};
use roster_domain::ports::Outcome;
use roster_domain::{
    AvatarUrl, Edit, Email, JsonObject, Locale, ProfilePatch, UserId, UserName, UserPatch,
};

use super::user_body::UserBody;
use super::{kept_answer, reply};
use crate::extract::{
    ApiMergePatch, ApiPath, ApiQuery, Caller, FromMembers, IfMatch, Keyed, Members, NoParameters,
    Refused,
};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// A merge patch (RFC 7396): what is left out stays, and null removes where that is allowed.
#[derive(utoipa::ToSchema)]
pub(super) struct UserChanges {
    /// A new name: one line that is not blank.
    #[schema(value_type = String, required = false, min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$", example = "Zoë Weiß")]
    name: Option<UserName>,
    /// A new address; no other user may have it, whatever its case.
    #[schema(value_type = String, required = false, format = "idn-email", max_length = 254)]
    email: Option<Email>,
    /// Whether the user may act.
    #[schema(value_type = bool, required = false)]
    is_active: Option<bool>,
    /// The preferred language, a language tag (BCP 47); null removes it.
    #[schema(value_type = Option<String>, max_length = 35, pattern = "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")]
    locale: Edit<Locale>,
    /// Where the picture is: an absolute http or https URL; null removes it.
    #[schema(value_type = Option<String>, format = "uri", max_length = 2048, example = json!(null))]
    avatar_url: Edit<AvatarUrl>,
    /// A merge patch of the metadata: objects merge, null removes a member; null for the whole
    /// empties it.
    #[schema(value_type = Option<Object>, example = json!({ "team": null, "floor": 4 }))]
    metadata: Edit<JsonObject>,
}

impl FromMembers for UserChanges {
    fn from_members(members: &mut Members<'_>) -> Result<Self, Refused> {
        let (name, email, is_active) = (
            members.replaced("name"),
            members.replaced("email"),
            members.replaced("is_active"),
        );
        let (locale, avatar_url, metadata) = (
            members.edit("locale"),
            members.edit("avatar_url"),
            members.edit("metadata"),
        );
        Ok(Self {
            name: name?,
            email: email?,
            is_active: is_active?,
            locale: locale?,
            avatar_url: avatar_url?,
            metadata: metadata?,
        })
    }
}

impl UserChanges {
    /// How far it reaches, by the members that are there, whatever they say.
    fn reach(&self) -> UserChange {
        if self.is_active.is_some() {
            UserChange::Activation
        } else if self.email.is_some() || self.metadata != Edit::Keep {
            UserChange::Record
        } else {
            UserChange::Presentation
        }
    }
}

documented_problems!(
    UserNotFound,
    EmailTaken,
    IdempotencyInProgress,
    VersionMismatch,
    ContentTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    IdempotencyKeyReused,
    PreconditionRequired,
    DependencyUnavailable,
);

/// Changes a user. A patch that changes nothing keeps the version.
#[utoipa::path(
    patch,
    path = "/v1/users/{id}",
    tag = "users",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        ("If-Match" = Option<String>, Header, description = "Tags of the versions that the change is meant for, or `*`."),
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$", description = "The caller's name of this request, under which it is done once."),
    ),
    request_body(content(
        (UserChanges = "application/merge-patch+json"),
        (UserChanges = "application/json"),
    )),
    security(("token" = ["users:write"]), ("token" = ["users:admin"]), ("token" = [])),
    responses(
        (status = 200, description = "The user as it is stored now.", body = UserBody, headers(
            ("ETag" = String, description = "Strong, from the version."),
            ("Idempotency-Replayed" = String, description = "`true` when this is the answer of an earlier request with the same Idempotency-Key."),
        )),
        Problems,
    ),
)]
pub(super) async fn update_user(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(id): ApiPath<UserId>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    expected: IfMatch,
    request: Keyed<ApiMergePatch<UserChanges>>,
) -> Result<Response, Problem> {
    let once = request.once(keep);
    let ApiMergePatch(changes) = request.body;
    caller.may(Action::ChangeUser(id, changes.reach()))?;
    let patch = UserPatch {
        profile: ProfilePatch {
            name: changes.name,
            is_active: changes.is_active,
            locale: changes.locale,
            avatar_url: changes.avatar_url,
        },
        email: changes.email,
        metadata: changes.metadata,
    };
    let users = &services.users;
    let update = |version| {
        let patch = patch.clone();
        async move {
            match once {
                None => users.update(id, patch, version).await.map(Answered::Now),
                Some(once) => users.update_once(id, patch, version, once).await,
            }
        }
    };
    match expected.guard(update).await? {
        Answered::Now(user) => reply::user(StatusCode::OK, &user),
        Answered::Before(kept) => kept_answer::replayed(&kept),
    }
}

fn keep(_: UserId, outcome: &Outcome) -> Vec<u8> {
    kept_answer::of_user(StatusCode::OK, outcome).into_octets()
}

#[cfg(test)]
mod tests;
