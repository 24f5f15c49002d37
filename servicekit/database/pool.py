import asyncio
import logging
import math
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import asyncpg

from servicekit.database.connection import (
    CONNECTION_LOST,
    CONNECTION_REFUSED,
    UNREACHABLE,
    connect_options,
    probe,
)
from servicekit.database.lanes import ConnectionLane
from servicekit.errors import Unavailable
from servicekit.resilience.circuit_breaker import CircuitBreaker
from servicekit.resilience.retry_budget import RetryBudget
from servicekit.resilience.timeouts import wait_excluding_lag
from servicekit.settings import Settings
from servicekit.telemetry.counters import PoolCounts
from servicekit.telemetry.spans import UNTRACED, Spans

logger = logging.getLogger(__name__)

_PROBE_TIMEOUT = 0.5  # seconds
_CLOSE_TIMEOUT = 5.0  # seconds
_SILENCE = 1.0  # seconds without any answer while statements are under way; then a probe is sent
_RETRY_DELAY = (0.02, 0.1)  # seconds; by then the pool has noticed its other broken connections
_MIN_RENEWAL_INTERVAL = 0.5  # seconds
_READ_RESERVE = 0.25  # share of the connections that writes never take; one at least

Connection = asyncpg.pool.PoolConnectionProxy


class Database:
    """One pool of PostgreSQL connections per worker. No caller waits longer than its timeouts.

    | method | connections | after a broken connection |
    |---|---|---|
    | `read`, `read_row`, `read_value` | all | retried once |
    | `write`, `write_row`, `write_value` | all but those reserved for reads | retried once if `repeatable` |
    | `transaction()` | as `write`; as `read` if `read_only` | never retried |

    A commit may wait for a disk, a standby or a lock where a read does not, so some connections
    are reserved for reads. All methods raise `Unavailable` when there is no connection or no
    answer in time, and at once while the circuit breaker is open.
    """  # noqa: E501 (a table)

    def __init__(
        self, settings: Settings, url: str, name: str = "postgresql", spans: Spans = UNTRACED
    ) -> None:
        self.spans = spans
        self.breaker = CircuitBreaker(name, pause=0.5)
        self.retries = RetryBudget(reserve=settings.db_pool_size)
        self.counts = PoolCounts()
        self._settings = settings
        self._url = url
        self._opened: asyncpg.Pool | None = None
        size = settings.db_pool_size
        self._read_lane = ConnectionLane(size)
        reserved = math.ceil(size * _READ_RESERVE)
        self._write_lane = ConnectionLane(max(1, size - reserved), self._read_lane)
        self._last_answer = 0.0  # monotonic; or when the first statement under way was sent
        self._renewed = 0.0  # monotonic

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
        tasks = [
            asyncio.create_task(self._recycle()),
            asyncio.create_task(self.breaker.run_probes(self._is_available)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
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
        self._notice_silence()
        lane.callers += 1
        try:
            connection = await self._acquire(lane)
            begun = time.monotonic()
            try:
                yield connection
            finally:
                self.counts.queries.add(time.monotonic() - begun)
                await self._release(lane, connection)
            self._last_answer = time.monotonic()
            lane.record_hold(self._last_answer - begun)
        except UNREACHABLE as error:
            self.breaker.request_probe()
            if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
                await self._renew()
            raise Unavailable("The database did not answer in time.") from error
        finally:
            lane.callers -= 1

    def _notice_silence(self) -> None:
        if self._read_lane.callers + self._write_lane.callers == 0:
            self._last_answer = time.monotonic()
        elif time.monotonic() - self._last_answer > _SILENCE:
            self.breaker.request_probe()

    async def _run(
        self,
        method: str,
        sql: str,
        arguments: tuple[object, ...],
        lane: ConnectionLane,
        repeatable: bool,
    ) -> Any:
        self.retries.called()
        try:
            return await self._run_once(method, sql, arguments, lane)
        except Unavailable as error:
            refused = isinstance(error.__cause__, asyncpg.ReadOnlySQLTransactionError)
            lost = repeatable and isinstance(error.__cause__, CONNECTION_LOST)
            if not (refused or lost) or not self.retries.take():
                raise
        await asyncio.sleep(random.uniform(*_RETRY_DELAY))
        return await self._run_once(method, sql, arguments, lane)

    async def _run_once(
        self, method: str, sql: str, arguments: tuple[object, ...], lane: ConnectionLane
    ) -> Any:
        async with self._connection(lane) as connection:
            with self.spans.span("query", remote=True, **{"db.query.text": sql}):
                return await getattr(connection, method)(sql, *arguments)

    async def _warm(self) -> None:
        """Opens all connections, so that a burst does not wait for them."""
        with suppress(Unavailable):
            async with AsyncExitStack() as opened:
                for _ in range(self._settings.db_pool_size):
                    await opened.enter_async_context(self._connection(self._read_lane))

    async def _is_available(self) -> bool:
        try:
            if not await self._is_alive() and not await self._is_alive():
                return False
        except UNREACHABLE:
            return False
        if not self.breaker.closed:
            await self._renew()
        return True

    async def _is_alive(self) -> bool:
        """False if the probe's connection broke. That may be the last sign of an event which broke
        all connections, so one more probe decides."""
        try:
            await wait_excluding_lag(probe(self._settings, self._url), _PROBE_TIMEOUT)
        except CONNECTION_REFUSED:
            pass  # new connections are refused, but open ones may still work
        except CONNECTION_LOST:
            return False
        return True

    async def _recycle(self) -> None:
        """Replaces each connection, when it is next free, after about its lifetime: so a changed
        address or role of the server is noticed. Keeps the old ones while new ones are refused,
        for example after a change of the password."""
        while True:
            await asyncio.sleep(self._settings.db_connection_lifetime * random.uniform(0.8, 1.2))
            try:
                await wait_excluding_lag(probe(self._settings, self._url), _PROBE_TIMEOUT)
            except UNREACHABLE as error:
                logger.warning("database connections kept", extra={"error": type(error).__name__})
            else:
                await self._renew()

    async def _renew(self) -> None:
        """Each new connection looks up the address and reads the password again."""
        if time.monotonic() - self._renewed >= _MIN_RENEWAL_INTERVAL:
            self._renewed = time.monotonic()
            await self._pool.expire_connections()

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

    async def _release(self, lane: ConnectionLane, connection: Connection) -> None:
        try:
            await self._pool.release(connection, timeout=self._settings.db_acquire_timeout)
        finally:
            lane.release()

    def connections(self) -> tuple[int, int]:
        """How many are idle, and how many are in use."""
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
