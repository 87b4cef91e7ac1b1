use crate::{AvatarUrl, Email, JsonObject, Locale, Timestamp, UserId, UserName, UserVersion};

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
