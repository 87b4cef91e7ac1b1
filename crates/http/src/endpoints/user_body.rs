use roster_domain::{JsonObject, Timestamp, User, UserId, UserVersion};
use serde::Serialize;

use super::values;

/// A user, whole.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = User)]
pub(super) struct UserBody<'a> {
    /// Who it is.
    #[serde(serialize_with = "values::text")]
    #[schema(value_type = String, format = "uuid", example = "0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f")]
    id: UserId,
    /// The address, as it was given.
    #[schema(format = "idn-email", example = "zoe@example.com")]
    email: &'a str,
    /// The name.
    #[schema(example = "Zoë Müller")]
    name: &'a str,
    /// False for a user who may be seen but not act.
    is_active: bool,
    /// The preferred language, a language tag (BCP 47).
    #[schema(required = true, example = "de-CH")]
    locale: Option<&'a str>,
    /// Where the picture is.
    #[schema(
        required = true,
        format = "uri",
        example = "https://img.example/zoe.png"
    )]
    avatar_url: Option<&'a str>,
    /// What the deployment keeps beside the fields.
    #[serde(serialize_with = "values::raw")]
    #[schema(value_type = Object, example = json!({ "team": "blue" }))]
    metadata: &'a JsonObject,
    /// One more with every change.
    #[schema(minimum = 1, example = 3)]
    version: u64,
    /// When it was inserted, to the microsecond in UTC.
    #[serde(serialize_with = "values::text")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T09:30:00.123456Z")]
    created_at: Timestamp,
    /// When it was changed last.
    #[serde(serialize_with = "values::text")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T09:30:00.123456Z")]
    updated_at: Timestamp,
}

impl<'a> From<&'a User> for UserBody<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id,
            email: user.email.as_str(),
            name: user.name.as_str(),
            is_active: user.is_active,
            locale: user.locale.as_ref().map(roster_domain::Locale::as_str),
            avatar_url: user
                .avatar_url
                .as_ref()
                .map(roster_domain::AvatarUrl::as_str),
            metadata: &user.metadata,
            version: UserVersion::get(user.version),
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}
