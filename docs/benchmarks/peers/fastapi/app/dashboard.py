import asyncio
import logging
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.models import Activity, Notification, UserStats
from app.schemas import ActivitySection, Dashboard, NotificationsSection, StatsSection
from app.users import UserService

logger = logging.getLogger(__name__)
T = TypeVar("T")
ITEMS = 10


class DashboardService:
    """A session for each read: one session runs one statement at a time."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], users: UserService) -> None:
        self.sessions = sessions
        self.users = users

    async def get(self, user_id: UUID) -> Dashboard:
        user, stats, notifications, activity = await asyncio.gather(
            self.users.get(user_id),
            self.section(self.stats(user_id), StatsSection(status="failed")),
            self.section(self.notifications(user_id), NotificationsSection(status="failed")),
            self.section(self.activity(user_id), ActivitySection(status="failed")),
        )
        return Dashboard(
            user=user,
            stats=stats,
            notifications=notifications,
            activity=activity,
            degraded="failed" in (stats.status, notifications.status, activity.status),
            generated_at=datetime.now(UTC),
        )

    async def section(self, read: Awaitable[T], failed: T) -> T:
        try:
            return await read
        except Exception:
            logger.exception("a section of the dashboard failed")
            return failed

    async def stats(self, user_id: UUID) -> StatsSection:
        async with self.sessions() as session:
            row = await session.get(UserStats, user_id)
        return StatsSection.model_validate({"status": "ready", "data": row}, from_attributes=True)

    async def notifications(self, user_id: UUID) -> NotificationsSection:
        newest = (
            select(Notification)
            .where(
                Notification.user_id == user_id,
                Notification.read_at.is_(None),
                Notification.archived_at.is_(None),
            )
            .order_by(Notification.created_at.desc(), Notification.id.desc())
            .limit(ITEMS)
        )
        unread = select(UserStats.unread).where(UserStats.user_id == user_id)
        async with self.sessions() as session:
            items = (await session.scalars(newest)).all()
            count = await session.scalar(unread)
        return NotificationsSection.model_validate(
            {"status": "ready", "unread": count, "items": items}, from_attributes=True
        )

    async def activity(self, user_id: UUID) -> ActivitySection:
        newest = (
            select(Activity)
            .where(Activity.user_id == user_id)
            .order_by(Activity.occurred_at.desc(), Activity.id.desc())
            .limit(ITEMS)
        )
        async with self.sessions() as session:
            items = (await session.scalars(newest)).all()
        return ActivitySection.model_validate(
            {"status": "ready", "items": items}, from_attributes=True
        )
