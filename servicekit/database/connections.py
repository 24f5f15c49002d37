import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg

from servicekit.database.connection import UNREACHABLE, connect_options
from servicekit.database.lanes import ConnectionLane
from servicekit.settings import Settings
from servicekit.telemetry.counters import PoolCounts

_CLOSE_TIMEOUT = 5.0  # seconds

Connection = asyncpg.pool.PoolConnectionProxy


class PooledConnections:
    """The connections of one pool, which callers acquire through a lane and release."""

    def __init__(
        self, settings: Settings, url: str, counts: PoolCounts, clock: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._url = url
        self._counts = counts
        self._clock = clock
        self._opened: asyncpg.Pool | None = None
        self._releasing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """The pool is empty at first: a worker can start while its database is away."""
        self._opened = await asyncpg.create_pool(
            self._url,
            **connect_options(self._settings),
            min_size=0,
            max_size=self._settings.db_pool_size,
            max_inactive_connection_lifetime=0,  # `ServerMonitor` bounds their life
            command_timeout=self._settings.db_command_timeout,
            connection_class=_StatelessConnection,
        )
        try:
            yield
        finally:
            with suppress(TimeoutError):  # statements that still run are cut off
                await asyncio.wait_for(self._pool.close(), _CLOSE_TIMEOUT)

    async def acquire(self, lane: ConnectionLane) -> Connection:
        begun = self._clock()
        self._counts.waiting += 1
        try:
            async with asyncio.timeout(self._settings.db_acquire_timeout):
                await lane.acquire()
                try:
                    return await self._pool.acquire()
                except BaseException:
                    lane.release()
                    raise
        finally:
            self._counts.waiting -= 1
            waited = self._clock() - begun
            self._counts.acquires.add(waited)
            self._counts.slow += waited > self._settings.db_acquire_timeout / 2

    async def release(self, lane: ConnectionLane, connection: Connection) -> None:
        try:
            await self._pool.release(connection, timeout=self._settings.db_acquire_timeout)
        finally:
            lane.release()

    def start_release(self, lane: ConnectionLane, connection: Connection) -> None:
        """For a caller that does not wait: asyncpg first cancels the connection's statement, which
        takes time while the server does not answer."""

        async def release() -> None:
            with suppress(*UNREACHABLE):
                await self.release(lane, connection)

        task = asyncio.create_task(release())
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def expire(self) -> None:
        """Replaces each connection when it is next free."""
        await self._pool.expire_connections()

    def sizes(self) -> tuple[int, int]:
        """The numbers of idle connections and of connections in use."""
        if self._opened is None:
            return 0, 0
        idle = self._opened.get_idle_size()
        return idle, self._opened.get_size() - idle

    @property
    def _pool(self) -> asyncpg.Pool:
        if self._opened is None:
            raise RuntimeError("The database is used outside the application's lifespan.")
        return self._opened


class _StatelessConnection(asyncpg.Connection):
    """Released without the round trip that clears session state. Statements must leave none: no
    SET, LISTEN, temporary table or session lock."""

    def get_reset_query(self) -> str:
        return ""
