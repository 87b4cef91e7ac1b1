from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from uuid import UUID

import orjson


class InvalidCursor(Exception):
    pass


def encode(created_at: datetime, user_id: UUID) -> str:
    # The driver's ids are of a subclass, which orjson does not take.
    octets = orjson.dumps({"created_at": created_at, "id": str(user_id)})
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def decode(cursor: str) -> tuple[datetime, UUID]:
    try:
        place = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        created_at, user_id = datetime.fromisoformat(place["created_at"]), UUID(place["id"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidCursor from error
    if created_at.tzinfo is None:
        raise InvalidCursor
    return created_at, user_id
