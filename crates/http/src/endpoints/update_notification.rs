use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use roster_app::{Action, Answered};
use roster_domain::ports::Outcome;
use roster_domain::{Invalid, Marked, Notification, NotificationId, NotificationPatch, UserId};
use serde::Serialize;

use super::feed_bodies::NotificationBody;
use super::kept_answer::{self, Answer};
use super::reply;
use crate::extract::{
    ApiMergePatch, ApiPath, ApiQuery, Caller, FromMembers, FromPath, Keyed, Members, NoParameters,
    Refused,
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
    IdempotencyInProgress,
    ContentTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    IdempotencyKeyReused,
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
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$", description = "The caller's name of this request, under which it is done once."),
    ),
    request_body(content = NotificationChanges, content_type = "application/merge-patch+json"),
    security(("token" = ["feeds:write"]), ("token" = [])),
    responses(
        (status = 200, description = "The notification as it is now.", body = ChangedNotification, headers(
            ("Idempotency-Replayed" = String, description = "`true` when this is the answer of an earlier request with the same Idempotency-Key."),
        )),
        Problems,
    ),
)]
pub(super) async fn update_notification(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(path): ApiPath<NotificationPath>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    request: Keyed<ApiMergePatch<NotificationChanges>>,
) -> Result<Response, Problem> {
    caller.may(Action::MarkNotifications(path.user))?;
    let once = request.once(keep);
    let ApiMergePatch(changes) = request.body;
    let patch = NotificationPatch {
        read: changes.read,
        archived: changes.archived,
    };
    let (user, id) = (path.user, path.notification);
    let notifications = &services.notifications;
    let (notification, marked) = match once {
        None => notifications.patch(user, id, patch).await?,
        Some(once) => match notifications.patch_once(user, id, patch, once).await? {
            Answered::Now(patched) => patched,
            Answered::Before(kept) => return kept_answer::replayed(&kept),
        },
    };
    reply::json(
        StatusCode::OK,
        &ChangedNotification::of(&notification, marked),
    )
}

impl<'a> ChangedNotification<'a> {
    fn of(notification: &'a Notification, marked: Marked) -> Self {
        Self {
            notification: NotificationBody::from(notification),
            changed: marked.changed,
            unread: marked.unread,
        }
    }
}

fn keep(_: UserId, outcome: &Outcome) -> Vec<u8> {
    let Outcome::Marked(notification, marked) = outcome else {
        return Vec::new();
    };
    let body = ChangedNotification::of(notification, *marked);
    Answer::of(StatusCode::OK, &body).into_octets()
}
