use roster_domain::ports::{IdSource, ImportRow};
use roster_domain::{
    AvatarUrl, Email, Invalid, JsonObject, Locale, NewUser, Timestamp, UserId, UserName,
};
use serde_json::value::RawValue;

use super::rejection::Rejection;
use crate::extract::{FromMembers, Members, Refusals, Refused};

/// A row that the domain accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) id: Option<UserId>,
    pub(super) email: Email,
    pub(super) name: UserName,
    pub(super) is_active: Option<bool>,
    pub(super) locale: Option<Locale>,
    pub(super) avatar_url: Option<AvatarUrl>,
    pub(super) metadata: Option<JsonObject>,
    pub(super) created_at: Option<Timestamp>,
}

impl Draft {
    /// Reads a line of NDJSON.
    pub(super) fn from_json(line: u64, octets: &[u8]) -> Result<Self, Rejection> {
        let text = str::from_utf8(octets).map_err(|_| not_utf8(line, ""))?;
        let not_json = |_| Rejection::new(line, "", "not_json", "The line is not one JSON value.");
        let value: &RawValue = serde_json::from_str(text).map_err(not_json)?;
        let mut refusals = Refusals::default();
        let draft = Members::read(value, "", &mut refusals);
        draft.map_err(|Refused| Rejection {
            line,
            errors: refusals.into_errors(),
        })
    }

    /// The row to store: what the file leaves out is made now.
    pub(super) fn into_row(self, ids: &dyn IdSource, now: Timestamp) -> ImportRow {
        ImportRow {
            id_given: self.id.is_some(),
            user: NewUser {
                id: self.id.unwrap_or_else(|| UserId::new(ids.next_id())),
                email: self.email,
                name: self.name,
                locale: self.locale,
                avatar_url: self.avatar_url,
                metadata: self.metadata.unwrap_or_else(JsonObject::empty),
                is_active: self.is_active.unwrap_or(true),
                created_at: self.created_at.unwrap_or(now),
            },
        }
    }
}

/// Members that only a store gives out.
const NOT_IMPORTABLE: [&str; 2] = ["version", "updated_at"];

impl FromMembers for Draft {
    fn from_members(members: &mut Members<'_>) -> Result<Self, Refused> {
        for name in NOT_IMPORTABLE {
            if members.take(name).is_some() {
                members.refuse(name, not_importable());
            }
        }
        let (id, created_at) = (members.optional("id"), members.optional("created_at"));
        let (email, name) = (members.required("email"), members.required("name"));
        let (is_active, locale) = (members.optional("is_active"), members.optional("locale"));
        let (avatar_url, metadata) = (members.optional("avatar_url"), members.optional("metadata"));
        Ok(Self {
            id: id?,
            email: email?,
            name: name?,
            is_active: is_active?,
            locale: locale?,
            avatar_url: avatar_url?,
            metadata: metadata?,
            created_at: created_at?,
        })
    }
}

/// A member that a file cannot set.
pub(super) fn not_importable() -> Invalid {
    Invalid::new(
        "not_importable",
        "A file cannot set it: every change gives the user its next version and time of change.",
    )
}

/// Octets that are no text.
pub(super) fn not_utf8(line: u64, pointer: &str) -> Rejection {
    Rejection::new(line, pointer, "not_utf8", "The text is not UTF-8.")
}
