use crate::search::SearchKeys;
use crate::{AvatarUrl, Email, JsonObject, Locale, Timestamp, UserId, UserName, UserVersion};

/// One user, whole: what the detail route answers and the caches hold.
///
/// A deleted user is never one of these; it is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who it is.
    pub id: UserId,
    /// The address, unique in its normalised form.
    pub email: Email,
    /// The name.
    pub name: UserName,
    /// False for a user who may be seen but not act.
    pub is_active: bool,
    /// The preferred language.
    pub locale: Option<Locale>,
    /// Where the picture is.
    pub avatar_url: Option<AvatarUrl>,
    /// What the deployment keeps beside the fields.
    pub metadata: JsonObject,
    /// One more with every change.
    pub version: UserVersion,
    /// When it was inserted.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl User {
    /// What searches find the user by.
    pub fn search_keys(&self) -> SearchKeys {
        SearchKeys::of(self.name.as_str(), self.email.as_str())
    }
}

/// The projection that lists read, and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSummary {
    /// Who it is.
    pub id: UserId,
    /// The name.
    pub name: UserName,
    /// The address.
    pub email: Email,
    /// When it was inserted: the first half of the list's order.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_in_a_log_shows_nothing_personal() {
        let user = User {
            id: "0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f".parse().unwrap(),
            email: "canary@example.com".parse().unwrap(),
            name: "Canary".parse().unwrap(),
            is_active: true,
            locale: None,
            avatar_url: Some("https://img.example/canary".parse().unwrap()),
            metadata: r#"{"canary":"canary"}"#.parse().unwrap(),
            version: UserVersion::FIRST,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        };
        let shown = format!("{user:?}").to_lowercase();
        assert!(!shown.contains("canary"), "{shown}");
    }
}
