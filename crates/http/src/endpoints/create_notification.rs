use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use roster_app::{Action, Answered, NotificationDraft};
use roster_domain::ports::{CreatedNotification, Outcome};
use roster_domain::{
    DedupeKey, FeedKind, JsonObject, NotificationBody as Text, NotificationTitle, UserId,
};
use serde::Serialize;

use super::feed_bodies::NotificationBody;
use super::kept_answer::{self, Answer};
use super::reply;
use crate::extract::{
    ApiJson, ApiPath, ApiQuery, Caller, FromMembers, Keyed, Members, NoParameters, Refused,
};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// A notification to be.
#[derive(utoipa::ToSchema)]
pub(super) struct NewNotification {
    /// What it is about: 1 to 64 of `a-z 0-9 . _ -`.
    #[schema(value_type = String, min_length = 1, max_length = 64, pattern = "^[a-z0-9._-]+$", example = "invoice.paid")]
    kind: FeedKind,
    /// The headline: one line that is not blank.
    #[schema(value_type = String, min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$", example = "Invoice 7 is paid")]
    title: NotificationTitle,
    /// The text; line breaks and tabs are allowed.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 4000, pattern = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*[^\s\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f][^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$")]
    body: Option<Text>,
    /// What programs read: up to 16 KiB and 32 levels.
    #[schema(value_type = Option<Object>, example = json!({ "invoice": 7 }))]
    data: Option<JsonObject>,
    /// The caller's own name of the event, under which it is stored once.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$", example = "invoice-7-paid")]
    dedupe_key: Option<DedupeKey>,
}

impl FromMembers for NewNotification {
    fn from_members(members: &mut Members<'_>) -> Result<Self, Refused> {
        let (kind, title) = (members.required("kind"), members.required("title"));
        let (body, data) = (members.optional("body"), members.optional("data"));
        let dedupe_key = members.optional("dedupe_key");
        Ok(Self {
            kind: kind?,
            title: title?,
            body: body?,
            data: data?,
            dedupe_key: dedupe_key?,
        })
    }
}

/// A notification that is there now.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct StoredNotification<'a> {
    /// As it is stored.
    notification: NotificationBody<'a>,
    /// How many are unread now, counted in the same write.
    unread: u64,
}

documented_problems!(
    UserNotFound,
    IdempotencyInProgress,
    ContentTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    IdempotencyKeyReused,
    DependencyUnavailable,
);

/// Sends a user a notification. One that is sent again under its dedupe key is answered as it
/// was stored the first time.
#[utoipa::path(
    post,
    path = "/v1/users/{id}/notifications",
    tag = "feeds",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$", description = "The caller's name of this request, under which it is done once."),
    ),
    request_body(content = NewNotification, content_type = "application/json"),
    security(("token" = ["feeds:write"])),
    responses(
        (status = 201, description = "It is stored.", body = StoredNotification, headers(
            ("Location" = String, description = "Where it can be changed, relative."),
            ("Idempotency-Replayed" = String, description = "`true` when this is the answer of an earlier request with the same Idempotency-Key."),
        )),
        (status = 200, description = "Its dedupe key was there: the notification of that time.", body = StoredNotification),
        Problems,
    ),
)]
pub(super) async fn create_notification(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(user): ApiPath<UserId>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    request: Keyed<ApiJson<NewNotification>>,
) -> Result<Response, Problem> {
    caller.may(Action::WriteFeeds)?;
    let once = request.once(keep);
    let ApiJson(new) = request.body;
    let draft = NotificationDraft {
        kind: new.kind,
        title: new.title,
        body: new.body,
        data: new.data.unwrap_or_else(JsonObject::empty),
        dedupe_key: new.dedupe_key,
    };
    let notifications = &services.notifications;
    let stored = match once {
        None => notifications.create(user, draft).await?,
        Some(once) => match notifications.create_once(user, draft, once).await? {
            Answered::Now(stored) => stored,
            Answered::Before(kept) => return kept_answer::replayed(&kept),
        },
    };
    let body = StoredNotification::from(&stored);
    if !stored.created {
        return reply::json(StatusCode::OK, &body);
    }
    let mut response = reply::json(StatusCode::CREATED, &body)?;
    let location = HeaderValue::try_from(place(user, &stored)).map_err(Problem::internal)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

impl<'a> From<&'a CreatedNotification> for StoredNotification<'a> {
    fn from(stored: &'a CreatedNotification) -> Self {
        Self {
            notification: NotificationBody::from(&stored.notification),
            unread: stored.unread,
        }
    }
}

fn place(user: UserId, stored: &CreatedNotification) -> String {
    format!("/v1/users/{user}/notifications/{}", stored.notification.id)
}

fn keep(user: UserId, outcome: &Outcome) -> Vec<u8> {
    let Outcome::Notified(stored) = outcome else {
        return Vec::new();
    };
    let body = StoredNotification::from(stored);
    let mut answer = Answer::of(StatusCode::OK, &body);
    if stored.created {
        answer.status = StatusCode::CREATED;
        answer.location = place(user, stored);
    }
    answer.into_octets()
}
