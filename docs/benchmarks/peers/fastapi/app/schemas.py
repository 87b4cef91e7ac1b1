from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

# Always six digits of the second, as the API documents it; the default drops a fraction of zero.
Moment = Annotated[
    datetime,
    PlainSerializer(lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), return_type=str),
]

# Kept as text in the database and as an object in the cache.
JsonObject = Annotated[
    dict[str, Any],
    BeforeValidator(lambda value: orjson.loads(value) if isinstance(value, str) else value),
]


class FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True, validate_by_name=True, validate_by_alias=True)


class UserRead(FromRow):
    id: UUID
    email: str
    name: str
    is_active: bool
    locale: str | None
    avatar_url: str | None
    metadata: JsonObject = Field(validation_alias="extra")
    version: int
    created_at: Moment
    updated_at: Moment


class UserPatch(BaseModel):
    """A merge patch: what is left out stays, null removes where that is allowed."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)] = ""
    locale: Annotated[str | None, Field(max_length=35)] = None
    avatar_url: Annotated[str | None, Field(max_length=2048)] = None


class UserSummary(FromRow):
    id: UUID
    name: str
    email: str


class UserPage(BaseModel):
    items: list[UserSummary]
    next_cursor: str | None = None
    has_more: bool


class StatsRead(FromRow):
    notifications: int
    unread_notifications: int = Field(validation_alias="unread")
    activities: int
    last_activity_at: Moment | None


class NotificationRead(FromRow):
    id: UUID
    kind: str
    title: str
    body: str | None
    data: JsonObject
    created_at: Moment
    read_at: Moment | None
    archived_at: Moment | None


class ActivityRead(FromRow):
    id: UUID
    kind: str
    occurred_at: Moment
    data: JsonObject


Status = Literal["ready", "failed"]


class StatsSection(BaseModel):
    status: Status
    data: StatsRead | None = None


class NotificationsSection(BaseModel):
    status: Status
    unread: int | None = None
    items: list[NotificationRead] | None = None


class ActivitySection(BaseModel):
    status: Status
    items: list[ActivityRead] | None = None


class Dashboard(BaseModel):
    user: UserRead
    stats: StatsSection
    notifications: NotificationsSection
    activity: ActivitySection
    degraded: bool
    generated_at: Moment
