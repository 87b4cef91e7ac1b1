use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use roster_app::{Action, Answered, UserDraft};
use roster_domain::ports::Outcome;
use roster_domain::{AvatarUrl, Email, JsonObject, Locale, UserId, UserName};

use super::user_body::UserBody;
use super::{kept_answer, reply};
use crate::extract::{
    ApiJson, ApiQuery, Caller, FromMembers, Keyed, Members, NoParameters, Refused,
};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// A user to be.
#[derive(utoipa::ToSchema)]
pub(super) struct NewUser {
    /// The address; no other user may have it, whatever its case.
    #[schema(value_type = String, format = "idn-email", max_length = 254, example = "zoe@example.com")]
    email: Email,
    /// The name: one line that is not blank.
    #[schema(value_type = String, min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$", example = "Zoë Müller")]
    name: UserName,
    /// The preferred language, a language tag (BCP 47).
    #[schema(value_type = Option<String>, max_length = 35, pattern = "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", example = "de-CH")]
    locale: Option<Locale>,
    /// Where the picture is: an absolute http or https URL.
    #[schema(value_type = Option<String>, format = "uri", max_length = 2048, example = "https://img.example/zoe.png")]
    avatar_url: Option<AvatarUrl>,
    /// What the deployment keeps beside the fields: up to 16 KiB and 32 levels.
    #[schema(value_type = Option<Object>, example = json!({ "team": "blue" }))]
    metadata: Option<JsonObject>,
    /// The id; one is made when it is left out.
    #[schema(value_type = Option<String>, format = "uuid")]
    id: Option<UserId>,
}

impl FromMembers for NewUser {
    fn from_members(members: &mut Members<'_>) -> Result<Self, Refused> {
        let (email, name) = (members.required("email"), members.required("name"));
        let (locale, avatar_url) = (members.optional("locale"), members.optional("avatar_url"));
        let (metadata, id) = (members.optional("metadata"), members.optional("id"));
        Ok(Self {
            email: email?,
            name: name?,
            locale: locale?,
            avatar_url: avatar_url?,
            metadata: metadata?,
            id: id?,
        })
    }
}

documented_problems!(
    EmailTaken,
    Conflict,
    IdempotencyInProgress,
    ContentTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    IdempotencyKeyReused,
    DependencyUnavailable,
);

/// Stores a new user.
#[utoipa::path(
    post,
    path = "/v1/users",
    tag = "users",
    params(("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$", description = "The caller's name of this request, under which it is done once.")),
    request_body(content = NewUser, content_type = "application/json"),
    security(("token" = ["users:write"]), ("token" = ["users:admin"])),
    responses(
        (status = 201, description = "The user as it is stored.", body = UserBody, headers(
            ("Location" = String, description = "Where the user is, relative."),
            ("ETag" = String, description = "Strong, from the version."),
            ("Idempotency-Replayed" = String, description = "`true` when this is the answer of an earlier request with the same Idempotency-Key."),
        )),
        Problems,
    ),
)]
pub(super) async fn create_user(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    request: Keyed<ApiJson<NewUser>>,
) -> Result<Response, Problem> {
    let once = request.once(keep);
    let ApiJson(new) = request.body;
    caller.may(if new.id.is_some() {
        Action::CreateUserAs
    } else {
        Action::CreateUser
    })?;
    let draft = UserDraft {
        id: new.id,
        email: new.email,
        name: new.name,
        locale: new.locale,
        avatar_url: new.avatar_url,
        metadata: new.metadata.unwrap_or_else(JsonObject::empty),
    };
    let user = match once {
        None => services.users.create(draft).await?,
        Some(once) => match services.users.create_once(draft, once).await? {
            Answered::Now(user) => user,
            Answered::Before(kept) => return kept_answer::replayed(&kept),
        },
    };
    let mut response = reply::user(StatusCode::CREATED, &user)?;
    let location = HeaderValue::try_from(place(user.id)).map_err(Problem::internal)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

fn place(id: UserId) -> String {
    format!("/v1/users/{id}")
}

fn keep(id: UserId, outcome: &Outcome) -> Vec<u8> {
    let mut answer = kept_answer::of_user(StatusCode::CREATED, outcome);
    answer.location = place(id);
    answer.into_octets()
}
