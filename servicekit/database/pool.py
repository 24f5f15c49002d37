import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar

import asyncpg

from servicekit.cache.batches import Batcher
from servicekit.database.connection import ANY_ERROR, CONNECTION_LOST, ROLLED_BACK, UNREACHABLE
from servicekit.database.connections import Connection, PooledConnections
from servicekit.database.lanes import ConnectionLane
from servicekit.database.monitor import ServerMonitor
from servicekit.errors import Unavailable
from servicekit.resilience.retry_budget import RetryBudget
from servicekit.settings import Settings
from servicekit.telemetry.counters import PoolCounts
from servicekit.telemetry.spans import UNTRACED, Spans

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_RETRY_DELAY = (0.02, 0.1)  # seconds; by then the pool has noticed its other broken connections
_READ_RESERVE = 0.25  # share of the connections that writes never take; one at least
_SHARED = 2  # statements of one kind under way that callers share
_TOO_BUSY = "The database is too busy."
_Values = tuple[object, ...]  # of a statement's parameters


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
        self,
        settings: Settings,
        url: str,
        name: str = "postgresql",
        spans: Spans = UNTRACED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spans = spans
        self.counts = PoolCounts()
        self._connections = PooledConnections(settings, url, self.counts, clock)
        self.connections = self._connections.sizes
        self._monitor = ServerMonitor(settings, url, name, self._connections.expire)
        self.breaker = self._monitor.breaker
        self.retries = RetryBudget(reserve=settings.db_pool_size)
        self._settings = settings
        self._clock = clock
        size = settings.db_pool_size
        self._read_lane = ConnectionLane(size)
        reserved = math.ceil(size * _READ_RESERVE)
        self._write_lane = ConnectionLane(max(1, size - reserved), self._read_lane)
        self._batchers: dict[bool, list[Batcher[Any, Any]]] = {True: [], False: []}  # by `reads`

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        async with self._connections.lifespan():
            await self._warm()
            async with self._monitor.running():
                yield

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

    def batcher(
        self, fetch: Callable[[list[K]], Awaitable[Mapping[K, V]]], max_size: int, *, reads: bool
    ) -> Batcher[K, V]:
        """For callers that share a statement: it begins within DB_ACQUIRE_TIMEOUT, too."""
        wait, clock = self._settings.db_acquire_timeout, self._clock
        made = Batcher(fetch, max_size=max_size, concurrency=_SHARED, max_wait=wait, clock=clock)
        self._batchers[reads].append(made)
        return made

    def rejection(self, *, reads: bool) -> str | None:
        """Why a read, or a write, would get no connection; None if it would get one."""
        for batcher in self._batchers[reads]:  # a loop: any() of a generator takes twice as long
            if batcher.too_busy():
                return _TOO_BUSY
        return self._lane_rejection(self._read_lane if reads else self._write_lane)

    def _lane_rejection(self, lane: ConnectionLane) -> str | None:
        if not self.breaker.closed:
            return "The database does not answer."
        # The other half is for callers that wait in the parent lane, too.
        if lane.expected_wait() > self._settings.db_acquire_timeout / 2:
            return _TOO_BUSY
        return None

    @asynccontextmanager
    async def _connection(self, lane: ConnectionLane) -> AsyncIterator[Connection]:
        if rejection := self._lane_rejection(lane):
            raise Unavailable(rejection)
        lane.callers += 1
        sent = False
        try:
            connection = await self._connections.acquire(lane)
            sent = True
            begun = self._monitor.statement_begins()
            try:
                yield connection
            except BaseException:
                self._connections.start_release(lane, connection)
                raise
            finally:
                self._monitor.statement_ends()
                self.counts.queries.add(time.monotonic() - begun)
            await self._connections.release(lane, connection)
            lane.record_hold(self._monitor.answered() - begun)
        except ANY_ERROR as error:
            if sent and not isinstance(error, UNREACHABLE):
                raise
            raise await self._unavailable(error, sent) from error
        finally:
            lane.callers -= 1

    async def _unavailable(self, error: Exception, sent: bool) -> Unavailable:
        self.breaker.request_probe()
        demoted = isinstance(error, asyncpg.ReadOnlySQLTransactionError)
        if demoted:
            await self._monitor.renew()
        unavailable = Unavailable("The database did not answer in time.")
        known = demoted or isinstance(error, ROLLED_BACK)
        unavailable.outcome_unknown = sent and not known
        return unavailable

    async def _run(
        self, method: str, sql: str, values: _Values, lane: ConnectionLane, repeatable: bool
    ) -> Any:
        self.retries.called()
        timeout = self._settings.db_command_timeout
        deadline = self._clock() + self._settings.db_acquire_timeout + timeout
        try:
            return await self._run_once(method, sql, values, lane, timeout)
        except Unavailable as error:
            demoted = isinstance(error.__cause__, asyncpg.ReadOnlySQLTransactionError)
            lost = repeatable and isinstance(error.__cause__, CONNECTION_LOST)
            if not (demoted or lost) or not self.retries.take():
                raise
            outcome_unknown = error.outcome_unknown
        await asyncio.sleep(random.uniform(*_RETRY_DELAY))
        timeout = max(0.1, min(timeout, deadline - self._clock()))
        try:
            return await self._run_once(method, sql, values, lane, timeout)
        except Unavailable as error:
            error.outcome_unknown |= outcome_unknown
            raise

    async def _run_once(
        self,
        method: str,
        sql: str,
        values: _Values,
        lane: ConnectionLane,
        timeout: float,  # noqa: ASYNC109 (asyncpg cancels the statement on the server, too)
    ) -> Any:
        async with self._connection(lane) as connection:
            with self.spans.span("query", remote=True, **{"db.query.text": sql}):
                return await getattr(connection, method)(sql, *values, timeout=timeout)

    async def _warm(self) -> None:
        """Opens all connections, so that a burst does not wait for them."""
        with suppress(Unavailable):
            async with AsyncExitStack() as opened:
                for _ in range(self._settings.db_pool_size):
                    await opened.enter_async_context(self._connection(self._read_lane))
