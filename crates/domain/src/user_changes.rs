use crate::search::SearchKeys;
use crate::{
    AvatarUrl, Email, Invalid, JsonObject, Locale, Timestamp, User, UserId, UserName, UserVersion,
};

/// A user about to be inserted: active, at version [`UserVersion::FIRST`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Who it will be.
    pub id: UserId,
    /// The address.
    pub email: Email,
    /// The name.
    pub name: UserName,
    /// The preferred language.
    pub locale: Option<Locale>,
    /// Where the picture is.
    pub avatar_url: Option<AvatarUrl>,
    /// What the deployment keeps beside the fields.
    pub metadata: JsonObject,
    /// Whether the user may act.
    pub is_active: bool,
    /// When it is inserted, and last changed.
    pub created_at: Timestamp,
}

impl NewUser {
    /// What searches will find the user by.
    pub fn search_keys(&self) -> SearchKeys {
        SearchKeys::of(self.name.as_str(), self.email.as_str())
    }
}

/// What a patch does to a member that may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Edit<T> {
    /// Leaves it as it is.
    #[default]
    Keep,
    /// Removes it.
    Clear,
    /// Gives it this value.
    Set(T),
}

impl<T> Edit<T> {
    /// Whether it changes nothing.
    pub const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The value after the edit.
    pub fn applied_to(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The new value to bind; `None` when it is kept or cleared.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

/// A merge patch (RFC 7396) of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPatch {
    /// The members that one guarded statement can change.
    pub profile: ProfilePatch,
    /// A new address; `None` keeps it.
    pub email: Option<Email>,
    /// What happens to the metadata; `Clear` empties it, `Set` merges.
    pub metadata: Edit<JsonObject>,
}

impl UserPatch {
    /// Whether one statement can do it, without reading the row first.
    pub const fn is_profile_only(&self) -> bool {
        self.email.is_none() && self.metadata.is_keep()
    }

    /// The user as the patch leaves it, at the same version and time; refused, with the name
    /// of the member, when a merged member would not be valid.
    pub fn merged_into(&self, user: &User) -> Result<User, (&'static str, Invalid)> {
        let metadata = match &self.metadata {
            Edit::Keep => user.metadata.clone(),
            Edit::Clear => JsonObject::empty(),
            Edit::Set(changes) => user
                .metadata
                .merged_with(changes)
                .map_err(|invalid| ("metadata", invalid))?,
        };
        let profile = self.profile.clone();
        Ok(User {
            email: self.email.clone().unwrap_or_else(|| user.email.clone()),
            name: profile.name.unwrap_or_else(|| user.name.clone()),
            is_active: profile.is_active.unwrap_or(user.is_active),
            locale: profile.locale.applied_to(user.locale.clone()),
            avatar_url: profile.avatar_url.applied_to(user.avatar_url.clone()),
            metadata,
            ..user.clone()
        })
    }
}

/// The part of a patch that no other table and no merge is needed for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfilePatch {
    /// A new name; `None` keeps it.
    pub name: Option<UserName>,
    /// Whether the user may act; `None` keeps it.
    pub is_active: Option<bool>,
    /// The preferred language.
    pub locale: Edit<Locale>,
    /// Where the picture is.
    pub avatar_url: Edit<AvatarUrl>,
}

/// Every member of a user that can change, merged in the application and stored at once
/// when the row is still at `expected`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserReplacement {
    /// Whose row.
    pub id: UserId,
    /// The version that the new members were merged from.
    pub expected: UserVersion,
    /// The address.
    pub email: Email,
    /// The name.
    pub name: UserName,
    /// Whether the user may act.
    pub is_active: bool,
    /// The preferred language.
    pub locale: Option<Locale>,
    /// Where the picture is.
    pub avatar_url: Option<AvatarUrl>,
    /// What the deployment keeps beside the fields.
    pub metadata: JsonObject,
}

impl UserReplacement {
    /// What searches will find the user by.
    pub fn search_keys(&self) -> SearchKeys {
        SearchKeys::of(self.name.as_str(), self.email.as_str())
    }

    /// Stores what `user` has over the row that is still at the version of `user`.
    pub fn by(user: &User) -> Self {
        Self {
            id: user.id,
            expected: user.version,
            email: user.email.clone(),
            name: user.name.clone(),
            is_active: user.is_active,
            locale: user.locale.clone(),
            avatar_url: user.avatar_url.clone(),
            metadata: user.metadata.clone(),
        }
    }
}
