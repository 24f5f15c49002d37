import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from app.data.call_counts import CallCounts
from app.settings import Settings
from servicekit.cache.entries import OriginResponse
from servicekit.cache.results import CacheResult
from servicekit.cache.two_level import TwoLevelCache
from servicekit.errors import (
    NotFound,
    Unavailable,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamTimeout,
)
from servicekit.http.client import client_session, read_bounded, url_below
from servicekit.http.upstream_headers import freshness, retry_after
from servicekit.resilience.circuit_breaker import CircuitBreaker
from servicekit.resilience.retry_budget import RetryBudget
from servicekit.telemetry.collectors import breaker_samples
from servicekit.telemetry.metrics import Sample
from servicekit.telemetry.spans import UNTRACED, Spans

_MAX_BYTES = 1_000_000  # of a response
_FAILURES = 5  # in a row open the breaker
_PAUSE = 1.0  # seconds, between calls that try whether the upstream has recovered
_RETRY_DELAY = (0.0, 0.02)  # seconds, random: many connections may break at once


class Upstream:
    """The API behind `/data/{id}`: one HTTP client per worker, with a cache before it.

    | response | `/data/{id}` answers | counts as |
    |---|---|---|
    | 200 with a JSON object | 200 | success |
    | 404, 410 | 404 | success |
    | 429, 503 | 503 with the upstream's `Retry-After` | failure |
    | other 4xx | 502 | success: the request may be at fault |
    | all else: redirects, 5xx, a body that is no JSON object | 502 | failure |
    | no response, a broken connection | 504, 502 | failure |

    Five failures in a row open the breaker. A stale entry of the cache is served instead of 502,
    503 and 504.
    """

    def __init__(self, settings: Settings, cache: TwoLevelCache, spans: Spans = UNTRACED) -> None:
        self.spans = spans
        self.breaker = CircuitBreaker("upstream", failures=_FAILURES, pause=_PAUSE)
        # A restart of the upstream breaks all connections at once.
        self.retries = RetryBudget(reserve=settings.upstream_connections)
        self.cache = cache
        # Not for shared caches: our callers show tokens, or our calls carry credentials.
        self.private = settings.auth is not None or "@" in urlsplit(settings.upstream_url).netloc
        self._settings = settings
        self._opened: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(settings.upstream_connections)
        self._calls = CallCounts()

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        connections = self._settings.upstream_connections
        async with client_session(connections, [self._retry_once]) as self._opened:
            yield

    async def read(self, data_id: str) -> CacheResult:
        return await self.cache.get(data_id, lambda: self.load(data_id))

    async def load(self, data_id: str) -> OriginResponse:
        with self._calls.counted(), self.spans.span("upstream", remote=True):
            return await self._fetch(data_id)

    def samples(self) -> Iterator[Sample]:
        yield from self._calls.samples()
        yield from breaker_samples(self.breaker)

    async def _fetch(self, data_id: str) -> OriginResponse:
        """Calls the upstream unless the breaker is open, and tells the breaker what came."""
        if not self._settings.upstream_url:
            raise Unavailable("The service has no upstream: set UPSTREAM_URL.")
        if not self.breaker.allows_call():
            raise Unavailable("The upstream does not answer.")
        try:
            response, body = await self._call(data_id)
            _check_usable(response, body)
        except (UpstreamTimeout, UpstreamFailed, UpstreamOverloaded):
            self.breaker.record_failure()
            raise
        self.breaker.record_success()
        if response.status in (404, 410):
            raise NotFound(f"The upstream has no {data_id}.")
        if response.status != 200:
            raise UpstreamFailed("The upstream rejected the request.")
        kept = freshness(response.headers)
        # Weak: the answer names the layer that it came from, so equal data may differ in bytes.
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
        return OriginResponse(body, etag, kept.ttl, kept.may_be_stale)

    async def _call(self, data_id: str) -> tuple[aiohttp.ClientResponse, bytes]:
        url = url_below(self._settings.upstream_url, data_id)
        headers = self.spans.headers()
        try:
            async with (
                asyncio.timeout(self._settings.upstream_timeout),
                self._slot(),
                self._session.get(url, headers=headers, allow_redirects=False) as response,
            ):
                return response, await read_bounded(response, _MAX_BYTES)
        except TimeoutError as error:
            raise UpstreamTimeout("The upstream did not answer in time.") from error
        except aiohttp.ClientError as error:
            raise UpstreamFailed("The upstream could not be reached.") from error

    async def _retry_once(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Repeats a call once if its connection broke, within the retry budget: a connection that
        was kept open may break just as it is used. aiohttp by itself would repeat every such call,
        and so double the load of an upstream that breaks many. It does not repeat our errors."""
        self.retries.called()
        try:
            return await send(request)
        except aiohttp.ClientConnectorError:
            raise  # there was no connection; aiohttp does not repeat these either
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            if not self.retries.take():
                raise UpstreamFailed("The upstream closed the connection.") from error
        await asyncio.sleep(random.uniform(*_RETRY_DELAY))
        try:
            return await send(request)
        except aiohttp.ClientError as error:
            raise UpstreamFailed("The upstream closed the connection again.") from error

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """One of UPSTREAM_CONNECTIONS. A call that waited half its timeout for a free one gets 503.
        The breaker does not count it: the upstream did not fail."""
        try:
            async with asyncio.timeout(self._settings.upstream_timeout / 2):
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable("Too many calls of the upstream are in flight.") from None
        try:
            yield
        finally:
            self._slots.release()

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            raise RuntimeError("The upstream is used outside the application's lifespan.")
        return self._opened


def _check_usable(response: aiohttp.ClientResponse, body: bytes) -> None:
    """Raises for what counts as a failure of the upstream."""
    if response.status in (429, 503):
        wait = retry_after(response.headers)
        raise UpstreamOverloaded("The upstream is overloaded; try again later.", wait)
    if response.status == 200 and _is_json_object(body):
        return
    if not 400 <= response.status < 500:
        raise UpstreamFailed("The upstream's response is not usable.")


def _is_json_object(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
