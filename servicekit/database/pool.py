import asyncio
import math
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import asyncpg

from servicekit.database.connection import CONNECTION_LOST, UNREACHABLE, connect_options
from servicekit.database.lanes import ConnectionLane
from servicekit.database.monitor import ServerMonitor
from servicekit.errors import Unavailable
from servicekit.resilience.retry_budget import RetryBudget
from servicekit.settings import Settings
from servicekit.telemetry.counters import PoolCounts
from servicekit.telemetry.spans import UNTRACED, Spans

_CLOSE_TIMEOUT = 5.0  # seconds
_RETRY_DELAY = (0.02, 0.1)  # seconds; by then the pool has noticed its other broken connections
_READ_RESERVE = 0.25  # share of the connections that writes never take; one at least

Connection = asyncpg.pool.PoolConnectionProxy


class DatabasePool:
    """One pool of PostgreSQL connections per worker. No caller waits longer than its timeouts.

    | method | connections | after a broken connection |
    |---|---|---|
    | `read`, `read_row`, `read_value` | all | retried once |
    | `write`, `write_row`, `write_value` | all but those reserved for reads | retried once if `repeatable` |
    | `transaction()` | as `write`; as `read` if `read_only` | never retried |

    A commit may wait for a disk, a standby or a lock where a read does not, so some connections
    are reserved for reads. All methods raise `Unavailable` when there is no connection within
    DB_ACQUIRE_TIMEOUT or no answer within DB_COMMAND_TIMEOUT, and at once while the circuit breaker
    is open. A retry ends with the time of both. `Unavailable.outcome_unknown` is true if a
    statement was sent, and may have been carried out.
    """  # noqa: E501 (a table)

    def __init__(
        self, settings: Settings, url: str, name: str = "postgresql", spans: Spans = UNTRACED
    ) -> None:
        self.spans = spans
        self._monitor = ServerMonitor(settings, url, name, self._expire_connections)
        self.breaker = self._monitor.breaker
        self.retries = RetryBudget(reserve=settings.db_pool_size)
        self.counts = PoolCounts()
        self._settings = settings
        self._url = url
        self._opened: asyncpg.Pool | None = None
        size = settings.db_pool_size
        self._read_lane = ConnectionLane(size)
        reserved = math.ceil(size * _READ_RESERVE)
        self._write_lane = ConnectionLane(max(1, size - reserved), self._read_lane)
        self._releasing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        self._opened = await asyncpg.create_pool(
            self._url,
            **connect_options(self._settings),
            min_size=0,  # `_warm` fills it; a worker can start while its database is away
            max_size=self._settings.db_pool_size,
            max_inactive_connection_lifetime=0,  # `_recycle` bounds their life
            command_timeout=self._settings.db_command_timeout,
            connection_class=_StatelessConnection,
        )
        await self._warm()
        try:
            async with self._monitor.running():
                yield
        finally:
            with suppress(TimeoutError):  # statements that still run are cut off
                await asyncio.wait_for(self._pool.close(), _CLOSE_TIMEOUT)

    async def read(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        return await self._run("fetch", sql, arguments, self._read_lane, repeatable=True)

    async def read_row(self, sql: str, *arguments: object) -> asyncpg.Record | None:
        return await self._run("fetchrow", sql, arguments, self._read_lane, repeatable=True)

    async def read_value(self, sql: str, *arguments: object) -> Any:
        return await self._run("fetchval", sql, arguments, self._read_lane, repeatable=True)

    async def write(
        self, sql: str, *arguments: object, repeatable: bool = False
    ) -> list[asyncpg.Record]:
        """`repeatable`: carrying it out twice leaves what carrying it out once leaves."""
        return await self._run("fetch", sql, arguments, self._write_lane, repeatable)

    async def write_row(
        self, sql: str, *arguments: object, repeatable: bool = False
    ) -> asyncpg.Record | None:
        return await self._run("fetchrow", sql, arguments, self._write_lane, repeatable)

    async def write_value(self, sql: str, *arguments: object, repeatable: bool = False) -> Any:
        return await self._run("fetchval", sql, arguments, self._write_lane, repeatable)

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Connection]:
        """A connection in a transaction: commits at the end of the block, rolls back on an
        exception. It holds a connection meanwhile, so do no other I/O in the block."""
        lane = self._read_lane if read_only else self._write_lane
        async with self._connection(lane) as connection:
            try:
                async with connection.transaction(readonly=read_only):
                    yield connection
            except asyncpg.ReadOnlySQLTransactionError as error:
                if read_only:  # a defect of the caller, where it else means a demoted primary
                    raise RuntimeError("A statement writes in a read-only transaction.") from error
                raise

    @property
    def max_wait(self) -> float:
        """Seconds after which each statement has its result or has failed, retries included."""
        return self._settings.db_acquire_timeout + self._settings.db_command_timeout

    def rejection(self, *, reads: bool) -> str | None:
        """Why a read, or a write, would get no connection; None if it would get one."""
        return self._lane_rejection(self._read_lane if reads else self._write_lane)

    def _lane_rejection(self, lane: ConnectionLane) -> str | None:
        if not self.breaker.closed:
            return "The database does not answer."
        # The other half is for callers that wait in the parent lane, too.
        if lane.expected_wait() > self._settings.db_acquire_timeout / 2:
            return "The database is too busy."
        return None

    @asynccontextmanager
    async def _connection(self, lane: ConnectionLane) -> AsyncIterator[Connection]:
        if rejection := self._lane_rejection(lane):
            raise Unavailable(rejection)
        lane.callers += 1
        sent = False
        try:
            connection = await self._acquire(lane)
            sent = True
            begun = self._monitor.statement_begins()
            try:
                yield connection
            except BaseException:
                # The caller does not wait for the connection: asyncpg first has to cancel its
                # statement, which takes time while the server does not answer.
                self._start_release(lane, connection)
                raise
            finally:
                self._monitor.statement_ends()
                self.counts.queries.add(time.monotonic() - begun)
            await self._release(lane, connection)
            lane.record_hold(self._monitor.answered() - begun)
        except UNREACHABLE as error:
            self.breaker.request_probe()
            demoted = isinstance(error, asyncpg.ReadOnlySQLTransactionError)
            if demoted:
                await self._monitor.renew()
            unavailable = Unavailable("The database did not answer in time.")
            unavailable.outcome_unknown = sent and not demoted
            raise unavailable from error
        finally:
            lane.callers -= 1

    async def _run(
        self,
        method: str,
        sql: str,
        arguments: tuple[object, ...],
        lane: ConnectionLane,
        repeatable: bool,
    ) -> Any:
        self.retries.called()
        timeout = self._settings.db_command_timeout
        deadline = time.monotonic() + self.max_wait
        try:
            return await self._run_once(method, sql, arguments, lane, timeout)
        except Unavailable as error:
            demoted = isinstance(error.__cause__, asyncpg.ReadOnlySQLTransactionError)
            lost = repeatable and isinstance(error.__cause__, CONNECTION_LOST)
            if not (demoted or lost) or not self.retries.take():
                raise
            outcome_unknown = error.outcome_unknown
        await asyncio.sleep(random.uniform(*_RETRY_DELAY))
        timeout = max(0.1, min(timeout, deadline - time.monotonic()))
        try:
            return await self._run_once(method, sql, arguments, lane, timeout)
        except Unavailable as error:
            error.outcome_unknown |= outcome_unknown
            raise

    async def _run_once(
        self,
        method: str,
        sql: str,
        arguments: tuple[object, ...],
        lane: ConnectionLane,
        timeout: float,  # noqa: ASYNC109 (asyncpg cancels the statement on the server, too)
    ) -> Any:
        async with self._connection(lane) as connection:
            with self.spans.span("query", remote=True, **{"db.query.text": sql}):
                return await getattr(connection, method)(sql, *arguments, timeout=timeout)

    async def _warm(self) -> None:
        """Opens all connections, so that a burst does not wait for them."""
        with suppress(Unavailable):
            async with AsyncExitStack() as opened:
                for _ in range(self._settings.db_pool_size):
                    await opened.enter_async_context(self._connection(self._read_lane))

    async def _acquire(self, lane: ConnectionLane) -> Connection:
        begun = time.perf_counter()
        self.counts.waiting += 1
        try:
            async with asyncio.timeout(self._settings.db_acquire_timeout):
                await lane.acquire()
                try:
                    return await self._pool.acquire()
                except BaseException:
                    lane.release()
                    raise
        finally:
            self.counts.waiting -= 1
            waited = time.perf_counter() - begun
            self.counts.acquires.add(waited)
            self.counts.slow += waited > self._settings.db_acquire_timeout / 2

    def _start_release(self, lane: ConnectionLane, connection: Connection) -> None:
        async def release() -> None:
            with suppress(*UNREACHABLE):
                await self._release(lane, connection)

        task = asyncio.create_task(release())
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _release(self, lane: ConnectionLane, connection: Connection) -> None:
        try:
            await self._pool.release(connection, timeout=self._settings.db_acquire_timeout)
        finally:
            lane.release()

    async def _expire_connections(self) -> None:
        await self._pool.expire_connections()

    def connections(self) -> tuple[int, int]:
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
