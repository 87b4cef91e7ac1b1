use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use sqlx::FromRow;
use uuid::Uuid;

#[derive(Serialize, Deserialize, FromRow)]
pub struct User {
    pub id: Uuid,
    pub email: String,
    pub name: String,
    pub is_active: bool,
    pub locale: Option<String>,
    pub avatar_url: Option<String>,
    #[sqlx(try_from = "String")]
    pub metadata: JsonText,
    pub version: i64,
    #[serde(serialize_with = "micros")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "micros")]
    pub updated_at: DateTime<Utc>,
}

/// What is left out stays, null removes where that is allowed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    pub name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub locale: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub avatar_url: Option<Option<String>>,
}

#[derive(Serialize, FromRow)]
pub struct UserSummary {
    pub id: Uuid,
    pub name: String,
    pub email: String,
    #[serde(skip)]
    pub created_at: DateTime<Utc>,
}

#[derive(Serialize)]
pub struct UserPage {
    pub items: Vec<UserSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    pub has_more: bool,
}

#[derive(Serialize, FromRow)]
pub struct UserStats {
    pub notifications: i64,
    pub unread_notifications: i64,
    pub activities: i64,
    #[serde(serialize_with = "optional_micros")]
    pub last_activity_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, FromRow)]
pub struct Notification {
    pub id: Uuid,
    pub kind: String,
    pub title: String,
    pub body: Option<String>,
    #[sqlx(try_from = "String")]
    pub data: JsonText,
    #[serde(serialize_with = "micros")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "optional_micros")]
    pub read_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "optional_micros")]
    pub archived_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, FromRow)]
pub struct Activity {
    pub id: Uuid,
    pub kind: String,
    #[serde(serialize_with = "micros")]
    pub occurred_at: DateTime<Utc>,
    #[sqlx(try_from = "String")]
    pub data: JsonText,
}

/// JSON that the database keeps as text.
#[derive(Serialize, Deserialize)]
pub struct JsonText(Box<RawValue>);

impl TryFrom<String> for JsonText {
    type Error = serde_json::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        RawValue::from_string(text).map(Self)
    }
}

/// chrono drops zeros from the end of the fraction, which clients then see in varying length.
pub fn micros<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

fn optional_micros<S: Serializer>(
    at: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => micros(at, serializer),
        None => serializer.serialize_none(),
    }
}

/// Tells null from what is not there.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
