//! Rows of the table `users`, and their way into the domain.

use crate::moment::Moment;
use roster_domain::ports::{BoxError, StoreError};
use roster_domain::{User, UserId, UserSummary, UserVersion};
use sqlx::types::Uuid;

use crate::error::corrupt;

/// A whole row, without `deleted_at`.
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
    pub(crate) created_at: Moment,
    pub(crate) updated_at: Moment,
}

/// The projection of lists.
#[derive(Debug)]
pub(crate) struct SummaryRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) created_at: Moment,
}

/// The same of many users, a column each.
#[derive(Debug)]
pub(crate) struct SummaryColumns {
    pub(crate) ids: Vec<Uuid>,
    pub(crate) names: Vec<String>,
    pub(crate) emails: Vec<String>,
    pub(crate) created_at: Vec<Moment>,
}

impl SummaryColumns {
    pub(crate) fn into_rows(self) -> Vec<SummaryRow> {
        let texts = self.names.into_iter().zip(self.emails);
        let keys = self.ids.into_iter().zip(self.created_at);
        keys.zip(texts)
            .map(|((id, created_at), (name, email))| SummaryRow {
                id,
                name,
                email,
                created_at,
            })
            .collect()
    }
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        let parse = || -> Result<Self, BoxError> {
            Ok(Self {
                id: UserId::new(row.id),
                email: row.email.try_into()?,
                name: row.name.try_into()?,
                is_active: row.is_active,
                locale: row.locale.map(|text| text.parse()).transpose()?,
                avatar_url: row.avatar_url.map(|text| text.parse()).transpose()?,
                metadata: row.metadata.parse()?,
                version: UserVersion::new(row.version.try_into()?),
                created_at: row.created_at.0,
                updated_at: row.updated_at.0,
            })
        };
        parse().map_err(corrupt)
    }
}

impl TryFrom<SummaryRow> for UserSummary {
    type Error = StoreError;

    fn try_from(row: SummaryRow) -> Result<Self, StoreError> {
        let parse = || -> Result<Self, BoxError> {
            Ok(Self {
                id: UserId::new(row.id),
                name: row.name.try_into()?,
                email: row.email.try_into()?,
                created_at: row.created_at.0,
            })
        };
        parse().map_err(corrupt)
    }
}

/// A stored version.
pub(crate) fn version(number: i64) -> Result<UserVersion, StoreError> {
    number.try_into().map(UserVersion::new).map_err(corrupt)
}

/// A version as a parameter. One that no row can have becomes one that no row has.
pub(crate) fn version_parameter(version: UserVersion) -> i64 {
    i64::try_from(version.get()).unwrap_or(i64::MAX)
}
