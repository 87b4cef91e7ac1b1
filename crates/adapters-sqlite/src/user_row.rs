use roster_domain::ports::StoreError;
use roster_domain::{Timestamp, User, UserId, UserSummary, UserVersion};
use uuid::Uuid;

use crate::error::corrupt;

/// A row of `users` without its deletion mark.
#[derive(Debug)]
pub(crate) struct UserRow {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) is_active: bool,
    pub(crate) locale: Option<String>,
    pub(crate) avatar_url: Option<String>,
    pub(crate) metadata: String,
    pub(crate) version: i64,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId::new(row.id),
            email: row.email.parse().map_err(corrupt("email"))?,
            name: row.name.parse().map_err(corrupt("name"))?,
            is_active: row.is_active,
            locale: row
                .locale
                .map(|tag| tag.parse())
                .transpose()
                .map_err(corrupt("locale"))?,
            avatar_url: row
                .avatar_url
                .map(|url| url.parse())
                .transpose()
                .map_err(corrupt("avatar_url"))?,
            metadata: row.metadata.parse().map_err(corrupt("metadata"))?,
            version: version(row.version),
            created_at: timestamp("created_at", row.created_at)?,
            updated_at: timestamp("updated_at", row.updated_at)?,
        })
    }
}

/// What the list indexes hold of a user.
#[derive(Debug)]
pub(crate) struct SummaryRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) created_at: i64,
}

impl TryFrom<SummaryRow> for UserSummary {
    type Error = StoreError;

    fn try_from(row: SummaryRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId::new(row.id),
            name: row.name.parse().map_err(corrupt("name"))?,
            email: row.email.parse().map_err(corrupt("email"))?,
            created_at: timestamp("created_at", row.created_at)?,
        })
    }
}

/// The moment in a column.
pub(crate) fn timestamp(column: &'static str, micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_unix_micros(micros).map_err(corrupt(column))
}

/// The version in a column that a constraint keeps above zero.
pub(crate) fn version(stored: i64) -> UserVersion {
    UserVersion::new(stored.unsigned_abs())
}

/// A version as it is bound; none is ever near the end of the range.
pub(crate) fn stored_version(version: UserVersion) -> i64 {
    version.get().cast_signed()
}
