import os

from sqlalchemy import make_url

DATABASE_URL = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg")
REDIS_URL = os.environ["REDIS_URL"]

# For each of the two workers: 30 connections, 60 in all, fit a server that takes 100.
POOL_SIZE = 20
MAX_OVERFLOW = 10

# On demand. The pool fails when it has none left, and 100 are few for a burst.
REDIS_CONNECTIONS = 1000

USER_TTL = 3600
