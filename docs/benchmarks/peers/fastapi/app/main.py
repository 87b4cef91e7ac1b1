from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Query, Request
from redis.asyncio import Redis
from sqlalchemy import text
from starlette.responses import JSONResponse

from app.config import REDIS_CONNECTIONS, REDIS_URL
from app.cursor import InvalidCursor
from app.dashboard import DashboardService
from app.database import SessionLocal, engine
from app.schemas import Dashboard, UserPage, UserPatch, UserRead
from app.users import UserNotFound, UserService


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    redis = Redis.from_url(REDIS_URL, max_connections=REDIS_CONNECTIONS)
    app.state.redis = redis
    app.state.users = UserService(SessionLocal, redis)
    app.state.dashboards = DashboardService(SessionLocal, app.state.users)
    yield
    await redis.aclose()
    await engine.dispose()


app = FastAPI(title="users", lifespan=lifespan, docs_url=None, redoc_url=None)


async def user_service(request: Request) -> UserService:
    return request.app.state.users


async def dashboard_service(request: Request) -> DashboardService:
    return request.app.state.dashboards


Users = Annotated[UserService, Depends(user_service)]
Dashboards = Annotated[DashboardService, Depends(dashboard_service)]


@app.exception_handler(UserNotFound)
async def user_not_found(request: Request, error: UserNotFound) -> JSONResponse:
    return JSONResponse({"detail": "There is no such user."}, status_code=404)


@app.exception_handler(InvalidCursor)
async def invalid_cursor(request: Request, error: InvalidCursor) -> JSONResponse:
    return JSONResponse({"detail": "The cursor cannot be read."}, status_code=400)


@app.get("/healthz")
async def healthz(request: Request) -> dict[str, str]:
    await request.app.state.redis.ping()
    async with SessionLocal() as session:
        await session.execute(text("SELECT 1"))
    return {"status": "ready"}


@app.get("/v1/users", response_model_exclude_none=True)
async def list_users(
    users: Users,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
    offset: Annotated[int | None, Query(ge=0)] = None,
) -> UserPage:
    return await users.page(limit, cursor, offset)


@app.get("/v1/users/{user_id}")
async def get_user(user_id: UUID, users: Users) -> UserRead:
    return await users.get(user_id)


@app.patch("/v1/users/{user_id}")
async def update_user(user_id: UUID, patch: UserPatch, users: Users) -> UserRead:
    return await users.update(user_id, patch)


@app.get("/v1/users/{user_id}/dashboard")
async def get_dashboard(user_id: UUID, dashboards: Dashboards) -> Dashboard:
    return await dashboards.get(user_id)
