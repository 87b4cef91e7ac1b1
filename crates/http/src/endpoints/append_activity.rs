use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use roster_app::{Action, ActivityDraft, Answered, Appended};
use roster_domain::ports::Outcome;
use roster_domain::{ActivityId, DedupeKey, FeedKind, Invalid, JsonObject, Timestamp, UserId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, OneOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::kept_answer::{self, Answer};
use super::{reply, values};
use crate::extract::{
    ApiJson, ApiPath, ApiQuery, Caller, FromBody, FromMembers, Keyed, Members, NoParameters,
    Refusals, Refused,
};
use crate::problem::{Problem, documented_problems};
use crate::services::Services;

/// The most activities of one request.
const MOST: usize = 100;

/// An activity to be.
#[derive(utoipa::ToSchema)]
pub(super) struct NewActivity {
    /// What was done: 1 to 64 of `a-z 0-9 . _ -`.
    #[schema(value_type = String, min_length = 1, max_length = 64, pattern = "^[a-z0-9._-]+$", example = "login")]
    kind: FeedKind,
    /// When it happened; now when it is left out.
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-31T09:30:00Z")]
    occurred_at: Option<Timestamp>,
    /// What programs read: up to 16 KiB and 32 levels.
    #[schema(value_type = Option<Object>, example = json!({ "from": "web" }))]
    data: Option<JsonObject>,
    /// The caller's own name of the event, under which it is stored once.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$")]
    dedupe_key: Option<DedupeKey>,
}

impl FromMembers for NewActivity {
    fn from_members(members: &mut Members<'_>) -> Result<Self, Refused> {
        let (kind, occurred_at) = (members.required("kind"), members.optional("occurred_at"));
        let (data, dedupe_key) = (members.optional("data"), members.optional("dedupe_key"));
        Ok(Self {
            kind: kind?,
            occurred_at: occurred_at?,
            data: data?,
            dedupe_key: dedupe_key?,
        })
    }
}

impl From<NewActivity> for ActivityDraft {
    fn from(new: NewActivity) -> Self {
        Self {
            kind: new.kind,
            occurred_at: new.occurred_at,
            data: new.data.unwrap_or_else(JsonObject::empty),
            dedupe_key: new.dedupe_key,
        }
    }
}

/// One activity, or an array of 1 to 100.
pub(super) struct NewActivities(Vec<NewActivity>);

impl FromBody for NewActivities {
    fn from_body(body: &RawValue, refusals: &mut Refusals) -> Result<Self, Refused> {
        let Ok(values) = serde_json::from_str::<Vec<&RawValue>>(body.get()) else {
            return Members::read(body, "", refusals).map(|one| Self(vec![one]));
        };
        if !(1..=MOST).contains(&values.len()) {
            let code = if values.is_empty() {
                "too_few"
            } else {
                "too_many"
            };
            let detail = format!("Between 1 and {MOST} activities are needed.");
            return Err(refusals.add(String::new(), Invalid::new(code, detail)));
        }
        let parsed: Vec<Result<NewActivity, Refused>> = values
            .into_iter()
            .enumerate()
            .map(|(index, value)| Members::read(value, &format!("/{index}"), refusals))
            .collect();
        parsed.into_iter().collect::<Result<_, _>>().map(Self)
    }
}

impl PartialSchema for NewActivities {
    fn schema() -> RefOr<Schema> {
        let one = || Ref::from_schema_name(NewActivity::name());
        let many = ArrayBuilder::new()
            .items(one())
            .min_items(Some(1))
            .max_items(Some(MOST));
        OneOfBuilder::new().item(one()).item(many).into()
    }
}

impl ToSchema for NewActivities {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("NewActivities")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        let mut one = NewActivity::schema();
        if let RefOr::T(Schema::Object(object)) = &mut one {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
        schemas.push((NewActivity::name().into_owned(), one));
    }
}

/// Activities that are there now.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct AppendedActivities {
    /// One for each of the request, in its order.
    items: Vec<AppendedActivity>,
}

/// An activity that is there now.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct AppendedActivity {
    /// Its id.
    #[serde(serialize_with = "values::text")]
    #[schema(value_type = String, format = "uuid")]
    id: ActivityId,
    /// False when its dedupe key was there before.
    created: bool,
}

impl From<Appended> for AppendedActivity {
    fn from(appended: Appended) -> Self {
        Self {
            id: appended.id,
            created: appended.created,
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

/// Appends what a user did: one activity or up to 100, all or none. One that is sent again under
/// its dedupe key is passed over.
#[utoipa::path(
    post,
    path = "/v1/users/{id}/activity",
    tag = "feeds",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$", description = "The caller's name of this request, under which it is done once."),
    ),
    request_body(content = NewActivities, content_type = "application/json"),
    security(("token" = ["feeds:write"])),
    responses(
        (status = 201, description = "They are stored.", body = AppendedActivities, headers(
            ("Idempotency-Replayed" = String, description = "`true` when this is the answer of an earlier request with the same Idempotency-Key."),
        )),
        Problems,
    ),
)]
pub(super) async fn append_activity(
    State(services): State<Arc<Services>>,
    caller: Caller,
    ApiPath(user): ApiPath<UserId>,
    ApiQuery(NoParameters): ApiQuery<NoParameters>,
    request: Keyed<ApiJson<NewActivities>>,
) -> Result<Response, Problem> {
    caller.may(Action::WriteFeeds)?;
    let once = request.once(keep);
    let ApiJson(NewActivities(new)) = request.body;
    let drafts = new.into_iter().map(ActivityDraft::from).collect();
    let activity = &services.activity;
    let appended = match once {
        None => activity.append(user, drafts).await?,
        Some(once) => match activity.append_once(user, drafts, once).await? {
            Answered::Now(appended) => appended,
            Answered::Before(kept) => return kept_answer::replayed(&kept),
        },
    };
    let items = appended.into_iter().map(AppendedActivity::from).collect();
    reply::json(StatusCode::CREATED, &AppendedActivities { items })
}

fn keep(_: UserId, outcome: &Outcome) -> Vec<u8> {
    let Outcome::Appended(appended) = outcome else {
        return Vec::new();
    };
    let items = appended.iter().map(|(id, created)| AppendedActivity {
        id: *id,
        created: *created,
    });
    let items = items.collect();
    Answer::of(StatusCode::CREATED, &AppendedActivities { items }).into_octets()
}
