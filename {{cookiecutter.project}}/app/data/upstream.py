import asyncio
import hashlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from servicekit.cache.entries import OriginResponse
from servicekit.cache.two_level import CacheResult, TwoLevelCache
from servicekit.errors import NotFound, Unavailable, UpstreamFailed, UpstreamTimeout
from servicekit.resilience.circuit_breaker import CircuitBreaker
from servicekit.resilience.retry_budget import RetryBudget
from servicekit.telemetry.counters import Timings
from servicekit.telemetry.metrics import UPSTREAM_DURATION, UPSTREAM_REQUESTS, Sample
from servicekit.telemetry.spans import UNTRACED, Spans

from app.settings import Settings

_OUTCOME = {
    NotFound: "missing",
    UpstreamFailed: "failed",
    UpstreamTimeout: "timeout",
    Unavailable: "refused",  # by the breaker, or as too many were asked for
}
_OUTCOMES = ("ok", *_OUTCOME.values(), "cancelled")
_LARGEST_ANSWER = 1_000_000  # bytes


_FAILURES = 5  # in a row: no connection, no answer in time, or a status of 500 and above
_PAUSE = 1.0  # seconds, between calls that try whether it has recovered
_RETRY_AFTER = (0.0, 0.02)  # seconds: not all whose connections broke at once come back at once


class Upstream:
    """The API behind `/data/{id}`: one HTTP client per worker, with a cache before it."""

    spans: Spans = UNTRACED

    def __init__(self, settings: Settings, cache: TwoLevelCache) -> None:
        self.breaker = CircuitBreaker("upstream", failures=_FAILURES, pause=_PAUSE)
        # A restart of the upstream breaks all connections at once.
        self.retries = RetryBudget(reserve=settings.upstream_connections)
        self.cache = cache
        self.private = settings.auth is not None  # and so not for caches that several share
        self._settings = settings
        self._opened: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(settings.upstream_connections)
        self._outcomes: Counter[str] = Counter()
        self._timings = Timings()

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._settings.upstream_connections),
            timeout=aiohttp.ClientTimeout(),  # `_call` has one for all it waits for
            middlewares=[self._within_budget],
        ) as self._opened:
            yield

    async def read(self, data_id: str) -> CacheResult:
        async def load() -> OriginResponse:
            body = await self._counted(data_id)
            # Weak: the answer says where it came from, so equal data may differ in bytes.
            return OriginResponse(body=body, etag=f'W/"{hashlib.sha256(body).hexdigest()[:32]}"')

        return await self.cache.get(data_id, load)

    async def _counted(self, data_id: str) -> bytes:
        begun = time.perf_counter()
        outcome = "cancelled"
        try:
            with self.spans.span("upstream", remote=True):
                body = await self._fetch(data_id)
            outcome = "ok"
        except tuple(_OUTCOME) as error:
            outcome = _OUTCOME[type(error)]
            raise
        finally:
            self._outcomes[outcome] += 1
            self._timings.add(time.perf_counter() - begun)
        return body

    def samples(self) -> Iterator[Sample]:
        for outcome in _OUTCOMES:
            yield UPSTREAM_REQUESTS.sample(self._outcomes[outcome], outcome)
        yield UPSTREAM_DURATION.histogram([self._timings])

    async def _fetch(self, data_id: str) -> bytes:
        """A JSON object, as the upstream sent it."""
        if not self._settings.upstream_url:
            raise Unavailable("The service has no upstream: set UPSTREAM_URL.")
        if not self.breaker.allows_call():
            raise Unavailable("The upstream does not answer.")
        try:
            status, body = await self._call(data_id)
        except (UpstreamTimeout, UpstreamFailed):
            self.breaker.record_failure()
            raise
        if status >= 500:
            self.breaker.record_failure()
        else:
            self.breaker.record_success()
        if status == 404:
            raise NotFound(f"The upstream has no {data_id}.")
        if status != 200 or not _is_json_object(body):
            raise UpstreamFailed("The upstream's answer was not usable.")
        return body

    async def _call(self, data_id: str) -> tuple[int, bytes]:
        url = f"{self._settings.upstream_url.rstrip('/')}/{quote(data_id, safe='')}"
        try:
            async with (
                asyncio.timeout(self._settings.upstream_timeout),
                self._slot(),
                self._session.get(url, headers=self.spans.headers()) as response,
            ):
                return response.status, await _bounded(response)
        except TimeoutError as error:
            raise UpstreamTimeout("The upstream did not answer in time.") from error
        except aiohttp.ClientError as error:
            raise UpstreamFailed("The upstream could not be reached.") from error

    async def _within_budget(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """A connection that was kept may break just as it is used, so a call is made once more.
        aiohttp would do so each time: an upstream that breaks many would be asked twice as much.
        It repeats nothing that ends with an error of ours."""
        self.retries.called()
        try:
            return await send(request)
        except aiohttp.ClientConnectorError:
            raise  # by itself it repeats no call that found no connection
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            if not self.retries.take():
                raise UpstreamFailed("The upstream closed the connection.") from error
        await asyncio.sleep(random.uniform(*_RETRY_AFTER))
        try:
            return await send(request)
        except aiohttp.ClientError as error:
            raise UpstreamFailed("The upstream closed the connection again.") from error

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """One of the calls that the upstream is asked at once. Whoever waits half of his time for
        it is refused: that we ask for much is no failure of the upstream's."""
        try:
            async with asyncio.timeout(self._settings.upstream_timeout / 2):
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable("Too much is asked of the upstream; try again.") from None
        try:
            yield
        finally:
            self._slots.release()

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            raise RuntimeError("The upstream is used outside the application's lifespan.")
        return self._opened


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LARGEST_ANSWER:
            raise UpstreamFailed("The upstream's answer was too large.")
    return bytes(body)


def _is_json_object(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
