use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use roster_app::{Action, Answered};
use roster_domain::ports::Outcome;
use roster_domain::{Invalid, MarkRead, Marked, NotificationId, Timestamp, UserId};
use serde::Serialize;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::kept_answer::{self, Answer};
use super::{reply, values};
use crate::extract::{
    ApiJson, ApiPath, ApiQuery, Caller, FromMembers, Keyed, Members, NoParameters, Refused,
};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// Which notifications become read: exactly one of the members is there.
#[derive(utoipa::ToSchema)]
#[schema(min_properties = 1, max_properties = 1)]
#[expect(dead_code, reason = "it is the documented form of the body")]
pub(super) struct ReadNotifications {
    /// These, 1 to 100; ids that are not there are passed over.
    #[schema(value_type = Vec<values::Id>, required = false, min_items = 1, max_items = 100, example = json!(["0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f"]))]
    ids: Vec<NotificationId>,
    /// Those created at this moment or before it.
    #[schema(value_type = String, required = false, format = DateTime)]
    up_to: Timestamp,
    /// Every one; true is the only value.
    #[schema(schema_with = only_true, required = false)]
    all: bool,
}

fn only_true() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .description(Some("Every one; true is the only value."))
        .enum_values(Some([true]))
        .build()
}

/// The body as it was read.
pub(super) struct Chosen(MarkRead);

impl FromMembers for Chosen {
    fn from_members(members: &mut Members<'_>) -> Result<Self, Refused> {
        let given: Vec<_> = ["ids", "up_to", "all"]
            .into_iter()
            .filter(|name| members.has(name))
            .collect();
        let chosen = match given.first() {
            None => {
                let detail = "One of \"ids\", \"up_to\" and \"all\" is needed.";
                return Err(members.refuse("ids", Invalid::new("required", detail)));
            }
            Some(&"ids") => members.list("ids", 1..=100).map(|mut ids| {
                // Twice the same one is one that changes.
                ids.sort_unstable();
                ids.dedup();
                MarkRead::Ids(ids)
            }),
            Some(&"up_to") => members.required("up_to").map(MarkRead::UpTo),
            Some(_) => match members.required("all") {
                Ok(true) => Ok(MarkRead::All),
                Ok(false) => {
                    let detail = "True is the only value; leave the member out instead.";
                    Err(members.refuse("all", Invalid::new("not_true", detail)))
                }
                Err(refused) => Err(refused),
            },
        };
        for name in given.iter().skip(1) {
            members.take(name);
            let detail = "Only one of \"ids\", \"up_to\" and \"all\" may be there.";
            members.refuse(name, Invalid::new("conflicting_member", detail));
        }
        chosen.map(Self)
    }
}

/// What became of a user's notifications.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct MarkedNotifications {
    /// How many became read.
    changed: u64,
    /// How many are unread now, counted in the same write.
    unread: u64,
}

impl From<Marked> for MarkedNotifications {
    fn from(marked: Marked) -> Self {
        Self {
            changed: marked.changed,
            unread: marked.unread,
        }
    }
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

/// Marks unread notifications as read. Archived ones stay as they are.
#[utoipa::path(
    post,
    path = "/v1/users/{id}/notifications/mark-read",
    tag = "feeds",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$", description = "The caller's name of this request, under which it is done once."),
    ),
    request_body(content = ReadNotifications, content_type = "application/json"),
    security(("token" = ["feeds:write"]), ("token" = [])),
    responses(
        (status = 200, description = "They are read.", body = MarkedNotifications, headers(
            ("Idempotency-Replayed" = String, description = "`true` when this is the answer of an earlier request with the same Idempotency-Key."),
        )),
        Problems,
    ),
)]
pub(super) async fn mark_notifications_read(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(user): ApiPath<UserId>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    request: Keyed<ApiJson<Chosen>>,
) -> Result<Response, Problem> {
    caller.may(Action::MarkNotifications(user))?;
    let once = request.once(keep);
    let ApiJson(Chosen(which)) = request.body;
    let notifications = &services.notifications;
    let marked = match once {
        None => notifications.mark_read(user, &which).await?,
        Some(once) => match notifications.mark_read_once(user, which, once).await? {
            Answered::Now(marked) => marked,
            Answered::Before(kept) => return kept_answer::replayed(&kept),
        },
    };
    reply::json(StatusCode::OK, &MarkedNotifications::from(marked))
}

fn keep(_: UserId, outcome: &Outcome) -> Vec<u8> {
    let Outcome::MarkedRead(marked) = outcome else {
        return Vec::new();
    };
    Answer::of(StatusCode::OK, &MarkedNotifications::from(*marked)).into_octets()
}
