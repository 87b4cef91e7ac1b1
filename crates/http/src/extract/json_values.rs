use std::str::FromStr;

use roster_domain::{
    AvatarUrl, DedupeKey, Email, FeedKind, Invalid, JsonObject, Locale, NotificationBody,
    NotificationId, NotificationTitle, Timestamp, UserId, UserName,
};

/// A value of the domain that one JSON value stands for.
pub(crate) trait FromJson: Sized {
    /// Parses JSON text that is a value and nothing more.
    fn from_json(text: &str) -> Result<Self, Invalid>;
}

macro_rules! from_json_string {
    ($($value:ty),* $(,)?) => {$(
        impl FromJson for $value {
            fn from_json(text: &str) -> Result<Self, Invalid> {
                <$value>::from_str(&string(text)?)
            }
        }
    )*};
}

from_json_string!(
    UserId,
    Email,
    UserName,
    Locale,
    AvatarUrl,
    NotificationId,
    FeedKind,
    NotificationTitle,
    NotificationBody,
    DedupeKey,
);

impl FromJson for Timestamp {
    fn from_json(text: &str) -> Result<Self, Invalid> {
        Self::parse_rfc3339(&string(text)?)
    }
}

impl FromJson for JsonObject {
    fn from_json(text: &str) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl FromJson for bool {
    fn from_json(text: &str) -> Result<Self, Invalid> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Invalid::new("not_a_boolean", "True or false is needed.")),
        }
    }
}

fn string(text: &str) -> Result<String, Invalid> {
    if !text.starts_with('"') {
        return Err(Invalid::new("not_a_string", "A string is needed."));
    }
    // What stands between the quotes was not looked at yet: a surrogate may lack its other half.
    serde_json::from_str(text).map_err(|_| {
        Invalid::new(
            "not_text",
            "An escape in the string stands for no character.",
        )
    })
}
