import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from servicekit.background import background
from servicekit.database.connection import ANY_ERROR, CONNECTION_LOST, CONNECTION_REFUSED, probe
from servicekit.resilience.circuit_breaker import CircuitBreaker
from servicekit.resilience.timeouts import wait_excluding_lag
from servicekit.settings import Settings

logger = logging.getLogger(__name__)

_PROBE_TIMEOUT = 0.5  # seconds
_MAX_SILENCE = 1.0  # seconds without any answer while statements are under way; then it is probed
_SILENCE_CHECK = 0.25  # seconds between two checks
_MIN_RENEWAL_INTERVAL = 0.5  # seconds


class ServerMonitor:
    """Whether one PostgreSQL server answers. It is probed on connections of their own, apart from
    requests: after a failed statement, after a silence, and then until it answers."""

    def __init__(
        self, settings: Settings, url: str, name: str, renew: Callable[[], Awaitable[None]]
    ) -> None:
        """`renew` lets all pooled connections be replaced when they are next free."""
        self.breaker = CircuitBreaker(name, pause=0.5)
        self._settings = settings
        self._url = url
        self._renew = renew
        self._statements = 0  # under way
        self._last_answer = 0.0  # monotonic; or when the first statement under way was sent
        self._renewed = 0.0  # monotonic

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        probes = self.breaker.run_probes(self._is_available)
        async with background(probes, self._watch_silence(), self._recycle()):
            yield

    def statement_begins(self) -> float:
        now = time.monotonic()
        if self._statements == 0:
            self._last_answer = now
        self._statements += 1
        return now

    def statement_ends(self) -> None:
        self._statements -= 1

    def answered(self) -> float:
        self._last_answer = time.monotonic()
        return self._last_answer

    async def renew(self) -> None:
        """Each new connection looks up the address and reads the password again."""
        if time.monotonic() - self._renewed >= _MIN_RENEWAL_INTERVAL:
            self._renewed = time.monotonic()
            await self._renew()

    async def _watch_silence(self) -> None:
        while True:
            await asyncio.sleep(_SILENCE_CHECK)
            if self._statements and time.monotonic() - self._last_answer > _MAX_SILENCE:
                self.breaker.request_probe()

    async def _is_available(self) -> bool:
        try:
            if not await self._is_alive() and not await self._is_alive():
                return False
        except ANY_ERROR:
            return False
        if not self.breaker.closed:
            await self.renew()
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
            except ANY_ERROR as error:
                logger.warning("database connections kept", extra={"error": type(error).__name__})
            else:
                await self.renew()
