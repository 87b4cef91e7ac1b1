use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use roster_app::Action;
use roster_domain::{Invalid, NotificationId, NotificationPatch, UserId};
use serde::Serialize;

use super::feed_bodies::NotificationBody;
use super::reply;
use crate::extract::{
    ApiMergePatch, ApiPath, ApiQuery, Caller, FromMembers, FromPath, Members, NoParameters, Refused,
};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// One notification of one user.
pub(super) struct NotificationPath {
    user: UserId,
    notification: NotificationId,
}

impl FromPath for NotificationPath {
    fn from_path(segments: &[&str]) -> Result<Self, Invalid> {
        let segment = |place| segments.get(place).copied().unwrap_or_default();
        Ok(Self {
            user: segment(0).parse()?,
            notification: segment(1).parse()?,
        })
    }
}

/// What is left out stays. What is set already keeps its first time.
#[derive(utoipa::ToSchema)]
pub(super) struct NotificationChanges {
    /// Whether it is read.
    #[schema(value_type = bool, required = false)]
    read: Option<bool>,
    /// Whether it is put away.
    #[schema(value_type = bool, required = false)]
    archived: Option<bool>,
}

impl FromMembers for NotificationChanges {
    fn from_members(members: &mut Members<'_>) -> Result<Self, Refused> {
        let (read, archived) = (members.replaced("read"), members.replaced("archived"));
        Ok(Self {
            read: read?,
            archived: archived?,
        })
    }
}

/// A notification after a change.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ChangedNotification<'a> {
    /// As it is stored now.
    notification: NotificationBody<'a>,
    /// 1 if it was changed, and 0 if it was so before.
    changed: u64,
    /// How many are unread now, counted in the same write.
    unread: u64,
}

documented_problems!(
    UserNotFound,
    NotificationNotFound,
    ContentTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    DependencyUnavailable,
);

/// Marks a notification as read or unread, puts it away or takes it back.
#[utoipa::path(
    patch,
    path = "/v1/users/{id}/notifications/{nid}",
    tag = "feeds",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        ("nid" = String, Path, format = "uuid", description = "The notification's id."),
    ),
    request_body(content = NotificationChanges, content_type = "application/merge-patch+json"),
    security(("token" = ["feeds:write"]), ("token" = [])),
    responses(
        (status = 200, description = "The notification as it is now.", body = ChangedNotification),
        Problems,
    ),
)]
pub(super) async fn update_notification(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(path): ApiPath<NotificationPath>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    ApiMergePatch(changes): ApiMergePatch<NotificationChanges>,
) -> Result<Response, Problem> {
    caller.may(Action::MarkNotifications(path.user))?;
    let patch = NotificationPatch {
        read: changes.read,
        archived: changes.archived,
    };
    let patched = services
        .notifications
        .patch(path.user, path.notification, patch);
    let (notification, marked) = patched.await?;
    let body = ChangedNotification {
        notification: NotificationBody::from(&notification),
        changed: marked.changed,
        unread: marked.unread,
    };
    reply::json(StatusCode::OK, &body)
}
