//! Notifications and activities as every route shows them.

use roster_domain::{Activity, ActivityId, JsonObject, Notification, NotificationId, Timestamp};
use serde::Serialize;

use super::values;

/// A message to one user.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Notification)]
pub(super) struct NotificationBody<'a> {
    /// Its id, unique within the user.
    #[serde(serialize_with = "values::text")]
    #[schema(value_type = String, format = "uuid")]
    id: NotificationId,
    /// What it is about.
    #[schema(example = "invoice.paid")]
    kind: &'a str,
    /// The headline.
    #[schema(example = "Invoice 7 is paid")]
    title: &'a str,
    /// The text.
    #[schema(required = true)]
    body: Option<&'a str>,
    /// What programs read.
    #[serde(serialize_with = "values::raw")]
    #[schema(value_type = Object, example = json!({ "invoice": 7 }))]
    data: &'a JsonObject,
    /// When it was created.
    #[serde(serialize_with = "values::text")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T09:30:00.123456Z")]
    created_at: Timestamp,
    /// When it was read; null while it is not.
    #[serde(serialize_with = "values::text_or_null")]
    #[schema(value_type = Option<String>, required = true, format = DateTime)]
    read_at: Option<Timestamp>,
    /// When it was put away; null while it is not.
    #[serde(serialize_with = "values::text_or_null")]
    #[schema(value_type = Option<String>, required = true, format = DateTime)]
    archived_at: Option<Timestamp>,
}

impl<'a> From<&'a Notification> for NotificationBody<'a> {
    fn from(notification: &'a Notification) -> Self {
        Self {
            id: notification.id,
            kind: notification.kind.as_str(),
            title: notification.title.as_str(),
            body: notification
                .body
                .as_ref()
                .map(roster_domain::NotificationBody::as_str),
            data: &notification.data,
            created_at: notification.created_at,
            read_at: notification.read_at,
            archived_at: notification.archived_at,
        }
    }
}

/// Something that a user did.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Activity)]
pub(super) struct ActivityBody<'a> {
    /// Its id, unique within the user.
    #[serde(serialize_with = "values::text")]
    #[schema(value_type = String, format = "uuid")]
    id: ActivityId,
    /// What was done.
    #[schema(example = "login")]
    kind: &'a str,
    /// When it happened.
    #[serde(serialize_with = "values::text")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T09:30:00.123456Z")]
    occurred_at: Timestamp,
    /// What programs read.
    #[serde(serialize_with = "values::raw")]
    #[schema(value_type = Object, example = json!({ "from": "web" }))]
    data: &'a JsonObject,
}

impl<'a> From<&'a Activity> for ActivityBody<'a> {
    fn from(activity: &'a Activity) -> Self {
        Self {
            id: activity.id,
            kind: activity.kind.as_str(),
            occurred_at: activity.occurred_at,
            data: &activity.data,
        }
    }
}
