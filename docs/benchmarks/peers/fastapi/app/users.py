from datetime import UTC, datetime
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app import cursor as cursors
from app.config import USER_TTL
from app.models import User
from app.schemas import UserPage, UserPatch, UserRead, UserSummary


class UserNotFound(Exception):
    pass


class UserService:
    def __init__(self, sessions: async_sessionmaker[AsyncSession], redis: Redis) -> None:
        self.sessions = sessions
        self.redis = redis

    @staticmethod
    def key(user_id: UUID) -> str:
        return f"user:{user_id}"

    async def get(self, user_id: UUID) -> UserRead:
        cached = await self.redis.get(self.key(user_id))
        if cached is not None:
            return UserRead.model_validate_json(cached)
        async with self.sessions() as session:
            statement = select(User).where(User.id == user_id, User.deleted_at.is_(None))
            row = await session.scalar(statement)
        if row is None:
            raise UserNotFound
        user = UserRead.model_validate(row)
        await self.redis.set(self.key(user_id), user.model_dump_json(), ex=USER_TTL)
        return user

    async def update(self, user_id: UUID, patch: UserPatch) -> UserRead:
        changes = patch.model_dump(exclude_unset=True)
        if not changes:
            return await self.get(user_id)
        async with self.sessions() as session:
            statement = (
                update(User)
                .where(User.id == user_id, User.deleted_at.is_(None))
                .values(**changes, version=User.version + 1, updated_at=datetime.now(UTC))
                .returning(User)
            )
            row = await session.scalar(statement)
            if row is None:
                raise UserNotFound
            await session.commit()
        await self.redis.delete(self.key(user_id))
        return UserRead.model_validate(row)

    async def page(self, limit: int, cursor: str | None, offset: int | None) -> UserPage:
        statement = (
            select(User.id, User.name, User.email, User.created_at)
            .where(User.is_active, User.deleted_at.is_(None))
            .order_by(User.created_at.desc(), User.id.desc())
            .limit(limit + 1)
        )
        if cursor is not None:
            place = cursors.decode(cursor)
            statement = statement.where(tuple_(User.created_at, User.id) < place)
        elif offset is not None:
            statement = statement.offset(offset)
        async with self.sessions() as session:
            rows = (await session.execute(statement)).all()
        page = rows[:limit]
        has_more = len(rows) > limit
        return UserPage(
            items=[UserSummary.model_validate(row) for row in page],
            next_cursor=cursors.encode(page[-1].created_at, page[-1].id) if has_more else None,
            has_more=has_more,
        )
