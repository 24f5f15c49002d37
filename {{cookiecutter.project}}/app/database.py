import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from app.errors import Unavailable
from app.settings import Settings
from app.telemetry.counts import PoolCounts
from app.telemetry.spans import UNTRACED, Spans

# The server is gone, going, or has no room; anything else is a defect and must show as one.
_UNREACHABLE = (
    OSError,  # includes TimeoutError: no connection or no answer in time
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
# What a wrong URL or password looks like, beside a server that is not there.
_REFUSED = (
    *_UNREACHABLE,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)

_CONNECT_TIMEOUT = 5  # seconds


class Database:
    """One pool of PostgreSQL connections per worker; no caller waits longer than its bounds."""

    spans: Spans = UNTRACED

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self._url = url
        self._opened: asyncpg.Pool | None = None
        self.counts = PoolCounts()

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        settings = self._settings
        pool = asyncpg.create_pool(
            self._url,
            **_connect_options(settings),
            min_size=settings.db_pool_size,  # a burst must not wait for connections to be made
            max_size=settings.db_pool_size,
            command_timeout=settings.db_command_timeout,
            connection_class=_Stateless,
        )
        async with pool as self._opened:
            recycling = asyncio.create_task(self._recycle())
            yield
            recycling.cancel()

    async def _recycle(self) -> None:
        """Replaces each connection, when it is next free, after about its lifetime: that is how a
        changed address, password or role of the server is noticed."""
        while True:
            await asyncio.sleep(self._settings.db_connection_lifetime * random.uniform(0.8, 1.2))
            await self._pool.expire_connections()

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        async with self.connection() as connection:
            return await connection.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: object) -> asyncpg.Record | None:
        async with self.connection() as connection:
            return await connection.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: object) -> Any:
        async with self.connection() as connection:
            return await connection.fetchval(sql, *arguments)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        """A connection of the pool; `Unavailable` when there is none in time or it breaks."""
        try:
            async with self._acquired() as connection:
                begun = time.perf_counter()
                try:
                    yield connection
                finally:
                    self.counts.queries.add(time.perf_counter() - begun)
        except _UNREACHABLE as error:
            raise Unavailable("The database did not answer in time.") from error

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        begun = time.perf_counter()
        self.counts.waiting += 1
        try:
            connection = await self._pool.acquire(timeout=self._settings.db_acquire_timeout)
        finally:
            self.counts.waiting -= 1
            self.counts.acquires.add(time.perf_counter() - begun)
        try:
            with self.spans.span("query", remote=True):
                yield connection
        finally:
            await self._pool.release(connection)

    def connections(self) -> tuple[int, int]:
        """How many are idle, and how many in use."""
        if self._opened is None:
            return 0, 0
        idle = self._opened.get_idle_size()
        return idle, self._opened.get_size() - idle

    @property
    def _pool(self) -> asyncpg.Pool:
        if self._opened is None:
            raise RuntimeError("The database is used outside the application's lifespan.")
        return self._opened


class _Stateless(asyncpg.Connection):
    """Released without the round trip that clears session state, as no statement of ours makes
    any: no SET, LISTEN, temporary table, session lock or open transaction outlives its block."""

    def get_reset_query(self) -> str:
        return ""


async def connect(settings: Settings) -> asyncpg.Connection:
    """A connection beside the pool; `Unavailable` says in one sentence why there is none."""
    try:
        return await asyncpg.connect(
            settings.database_url, **_connect_options(settings), timeout=_CONNECT_TIMEOUT
        )
    except _REFUSED as error:
        why = str(error) or type(error).__name__
        raise Unavailable(f"The database could not be reached: {why}") from error


def _connect_options(settings: Settings) -> dict[str, Any]:
    # asyncpg takes a password from the URL only if none is given here.
    password = (
        {} if settings.database_password is None else {"password": settings.database_password}
    )
    return {
        **password,
        # JSON snapshots of rows carry the session's time zone.
        "server_settings": {"application_name": "app", "timezone": "UTC"},
    }
