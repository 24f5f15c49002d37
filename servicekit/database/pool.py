import asyncio
import logging
import math
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import asyncpg

from servicekit.database.connection import BROKEN, REFUSING, UNREACHABLE, ask, connect_options
from servicekit.errors import Unavailable
from servicekit.resilience.circuit_breaker import CircuitBreaker
from servicekit.resilience.retry_budget import RetryBudget
from servicekit.resilience.timeouts import wait_excluding_lag
from servicekit.settings import Settings
from servicekit.telemetry.counters import PoolCounts
from servicekit.telemetry.spans import UNTRACED, Spans

logger = logging.getLogger(__name__)

_ASK_TIMEOUT = 0.5  # seconds
_CLOSE_TIMEOUT = 5.0  # seconds
_SILENCE = 1.0  # seconds without any answer while statements are under way: it is asked apart
_RETRY_AFTER = (0.02, 0.1)  # seconds; by then the pool has noticed what else is broken
_RENEWAL = 0.5  # seconds, at least, between two renewals of the pool
_READS_ALONE = 0.25  # of the connections, at least one of two: no write takes them


class Database:
    """One pool of PostgreSQL connections per worker; no caller waits longer than its bounds.

    A statement whose connection broke is tried once more if that does no harm: it is `repeatable`,
    or was surely not carried out. While the server does not answer, callers are told so at once.
    Some connections are kept for reads, as commits may wait where these need not: for a disk, a
    standby or a lock.
    """

    spans: Spans = UNTRACED

    def __init__(self, settings: Settings, url: str, name: str = "postgresql") -> None:
        self.breaker = CircuitBreaker(name, pause=0.5)
        self.retries = RetryBudget(reserve=settings.db_pool_size)
        self._settings = settings
        self._url = url
        self._opened: asyncpg.Pool | None = None
        self.counts = PoolCounts()
        size = settings.db_pool_size
        self._reads = _Lane(size)
        self._writes = _Lane(max(1, size - math.ceil(size * _READS_ALONE)), self._reads)
        self._heard = 0.0  # when the server last answered, or was first asked since
        self._renewed = 0.0

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        self._opened = await asyncpg.create_pool(
            self._url,
            **connect_options(self._settings),
            min_size=0,  # `_warm` fills it; a worker can start while its database is away
            max_size=self._settings.db_pool_size,
            max_inactive_connection_lifetime=0,  # `_recycle` bounds their life
            command_timeout=self._settings.db_command_timeout,
            connection_class=_Stateless,
        )
        await self._warm()
        tasks = [
            asyncio.create_task(self._recycle()),
            asyncio.create_task(self.breaker.run_probes(self._answers)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            with suppress(TimeoutError):  # what is still in use by then is cut off
                await asyncio.wait_for(self._pool.close(), _CLOSE_TIMEOUT)

    async def fetch(
        self, sql: str, *arguments: object, repeatable: bool = False
    ) -> list[asyncpg.Record]:
        return await self._run("fetch", sql, arguments, repeatable)

    async def fetchrow(
        self, sql: str, *arguments: object, repeatable: bool = False
    ) -> asyncpg.Record | None:
        return await self._run("fetchrow", sql, arguments, repeatable)

    async def fetchval(self, sql: str, *arguments: object, repeatable: bool = False) -> Any:
        return await self._run("fetchval", sql, arguments, repeatable)

    @asynccontextmanager
    async def connection(
        self, *, reads: bool = False
    ) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        """A connection of the pool; `Unavailable` when there is none in time or it breaks. `reads`
        promises that it is for nothing else."""
        if refused := self.refuses(reads=reads):
            raise Unavailable(refused)
        self._notice_silence()
        lane = self._lane(reads)
        lane.under_way += 1
        try:
            connection = await self._acquire(lane)
            begun = time.monotonic()
            try:
                yield connection
            finally:
                self.counts.queries.add(time.monotonic() - begun)
                await self._release(lane, connection)
            self._heard = time.monotonic()
            lane.held += 0.05 * (self._heard - begun - lane.held)
        except UNREACHABLE as error:
            self.breaker.request_probe()
            if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
                await self._renew()
            raise Unavailable("The database did not answer in time.") from error
        finally:
            lane.under_way -= 1

    def refuses(self, *, reads: bool) -> str | None:
        """Why a caller would get no connection, if it is so."""
        if not self.breaker.closed:
            return "The database does not answer."
        # The other half is for those of the other lane.
        if self._lane(reads).wait() > self._settings.db_acquire_timeout / 2:
            return "The database is too busy."
        return None

    def _lane(self, reads: bool) -> "_Lane":
        return self._reads if reads else self._writes

    def _notice_silence(self) -> None:
        if self._reads.under_way + self._writes.under_way == 0:
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > _SILENCE:
            self.breaker.request_probe()

    async def _run(
        self, method: str, sql: str, arguments: tuple[object, ...], repeatable: bool
    ) -> Any:
        self.retries.called()
        try:
            return await self._once(method, sql, arguments)
        except Unavailable as error:
            refused = isinstance(error.__cause__, asyncpg.ReadOnlySQLTransactionError)
            broken = repeatable and isinstance(error.__cause__, BROKEN)
            if not (refused or broken) or not self.retries.take():
                raise
        await asyncio.sleep(random.uniform(*_RETRY_AFTER))
        return await self._once(method, sql, arguments)

    async def _once(self, method: str, sql: str, arguments: tuple[object, ...]) -> Any:
        async with self.connection(reads=sql.startswith("SELECT")) as connection:
            with self.spans.span("query", remote=True, **{"db.query.text": sql}):
                return await getattr(connection, method)(sql, *arguments)

    async def _warm(self) -> None:
        """A burst must not wait for connections to be made."""
        with suppress(Unavailable):
            async with AsyncExitStack() as held:
                for _ in range(self._settings.db_pool_size):
                    await held.enter_async_context(self.connection(reads=True))

    async def _answers(self) -> bool:
        try:
            if not await self._lives() and not await self._lives():
                return False
        except UNREACHABLE:
            return False
        if not self.breaker.closed:
            await self._renew()
        return True

    async def _lives(self) -> bool:
        """False if it broke the connection, which may be the end of what it did to all others."""
        try:
            await wait_excluding_lag(ask(self._settings, self._url), _ASK_TIMEOUT)
        except REFUSING:
            pass  # no new connection is let in, and open ones may still be of use
        except BROKEN:
            return False
        return True

    async def _recycle(self) -> None:
        """Replaces each connection, when it is next free, after about its lifetime: that is how a
        changed address or role of the server is noticed. While new ones are refused, as after a
        change of the password, the old ones are kept."""
        while True:
            await asyncio.sleep(self._settings.db_connection_lifetime * random.uniform(0.8, 1.2))
            try:
                await wait_excluding_lag(ask(self._settings, self._url), _ASK_TIMEOUT)
            except UNREACHABLE as error:
                logger.warning("database connections kept", extra={"error": type(error).__name__})
            else:
                await self._renew()

    async def _renew(self) -> None:
        """The address is looked up and the password read anew for each connection."""
        if time.monotonic() - self._renewed >= _RENEWAL:
            self._renewed = time.monotonic()
            await self._pool.expire_connections()

    async def _acquire(self, lane: "_Lane") -> asyncpg.pool.PoolConnectionProxy:
        begun = time.perf_counter()
        self.counts.waiting += 1
        try:
            async with asyncio.timeout(self._settings.db_acquire_timeout):
                await lane.enter()
                try:
                    return await self._pool.acquire()
                except BaseException:
                    lane.leave()
                    raise
        finally:
            self.counts.waiting -= 1
            waited = time.perf_counter() - begun
            self.counts.acquires.add(waited)
            self.counts.slow += waited > self._settings.db_acquire_timeout / 2

    async def _release(self, lane: "_Lane", connection: asyncpg.pool.PoolConnectionProxy) -> None:
        try:
            await self._pool.release(connection, timeout=self._settings.db_acquire_timeout)
        finally:
            lane.leave()

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


class _Lane:
    """Callers that wait for one another: first come, first served, as the pool itself is not."""

    def __init__(self, width: int, beyond: "_Lane | None" = None) -> None:
        """`width` of them may have a connection at once, and pass through `beyond` to it."""
        self.under_way = 0  # callers that have or await a connection
        self.held = 0.0  # seconds for which one is kept, about
        self._width = width
        self._beyond = beyond
        self._gate = asyncio.Semaphore(width)

    def wait(self) -> float:
        """Seconds until whoever comes now has one, about."""
        return (self.under_way - self._width) * self.held / self._width

    async def enter(self) -> None:
        await self._gate.acquire()
        if self._beyond:
            try:
                await self._beyond.enter()
            except BaseException:
                self._gate.release()
                raise

    def leave(self) -> None:
        self._gate.release()
        if self._beyond:
            self._beyond.leave()


class _Stateless(asyncpg.Connection):
    """Released without the round trip that clears session state, as no statement of ours makes
    any: no SET, LISTEN, temporary table, session lock or open transaction outlives its block."""

    def get_reset_query(self) -> str:
        return ""
