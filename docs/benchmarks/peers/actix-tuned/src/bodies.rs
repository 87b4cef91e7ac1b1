//! What is answered, borrowed from the rows.

use serde::Serialize;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::ApiError;
use crate::moment::Moment;

#[derive(Serialize)]
pub struct User<'a> {
    id: Uuid,
    email: &'a str,
    name: &'a str,
    is_active: bool,
    locale: Option<&'a str>,
    avatar_url: Option<&'a str>,
    metadata: &'a RawValue,
    version: i64,
    created_at: Moment,
    updated_at: Moment,
}

#[derive(Serialize)]
pub struct UserSummary<'a> {
    id: Uuid,
    name: &'a str,
    email: &'a str,
}

#[derive(Serialize)]
pub struct UserPage<'a> {
    pub items: Vec<UserSummary<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    pub has_more: bool,
}

#[derive(Serialize)]
pub struct UserStats {
    notifications: i64,
    unread_notifications: i64,
    activities: i64,
    last_activity_at: Option<Moment>,
}

#[derive(Serialize)]
pub struct Notification<'a> {
    id: Uuid,
    kind: &'a str,
    title: &'a str,
    body: Option<&'a str>,
    data: &'a RawValue,
    created_at: Moment,
    read_at: Option<Moment>,
    archived_at: Option<Moment>,
}

#[derive(Serialize)]
pub struct Activity<'a> {
    id: Uuid,
    kind: &'a str,
    occurred_at: Moment,
    data: &'a RawValue,
}

/// JSON text is checked, not rebuilt.
fn json<'a>(row: &'a Row, column: usize) -> Result<&'a RawValue, ApiError> {
    Ok(serde_json::from_str(row.try_get(column)?)?)
}

impl<'a> TryFrom<&'a Row> for User<'a> {
    type Error = ApiError;

    fn try_from(row: &'a Row) -> Result<Self, ApiError> {
        Ok(Self {
            id: row.try_get(0)?,
            email: row.try_get(1)?,
            name: row.try_get(2)?,
            is_active: row.try_get(3)?,
            locale: row.try_get(4)?,
            avatar_url: row.try_get(5)?,
            metadata: json(row, 6)?,
            version: row.try_get(7)?,
            created_at: row.try_get(8)?,
            updated_at: row.try_get(9)?,
        })
    }
}

impl<'a> TryFrom<&'a Row> for UserSummary<'a> {
    type Error = ApiError;

    fn try_from(row: &'a Row) -> Result<Self, ApiError> {
        Ok(Self {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            email: row.try_get(2)?,
        })
    }
}

impl TryFrom<&Row> for UserStats {
    type Error = ApiError;

    fn try_from(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            notifications: row.try_get(0)?,
            unread_notifications: row.try_get(1)?,
            activities: row.try_get(2)?,
            last_activity_at: row.try_get(3)?,
        })
    }
}

impl UserStats {
    pub fn unread(&self) -> i64 {
        self.unread_notifications
    }
}

impl<'a> TryFrom<&'a Row> for Notification<'a> {
    type Error = ApiError;

    fn try_from(row: &'a Row) -> Result<Self, ApiError> {
        Ok(Self {
            id: row.try_get(0)?,
            kind: row.try_get(1)?,
            title: row.try_get(2)?,
            body: row.try_get(3)?,
            data: json(row, 4)?,
            created_at: row.try_get(5)?,
            read_at: row.try_get(6)?,
            archived_at: row.try_get(7)?,
        })
    }
}

impl<'a> TryFrom<&'a Row> for Activity<'a> {
    type Error = ApiError;

    fn try_from(row: &'a Row) -> Result<Self, ApiError> {
        Ok(Self {
            id: row.try_get(0)?,
            kind: row.try_get(1)?,
            occurred_at: row.try_get(2)?,
            data: json(row, 3)?,
        })
    }
}

/// Every row, or why one of them cannot be read.
pub fn all<'a, T: TryFrom<&'a Row, Error = ApiError>>(rows: &'a [Row]) -> Result<Vec<T>, ApiError> {
    rows.iter().map(T::try_from).collect()
}
