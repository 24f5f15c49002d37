import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.settings import Settings

logger = logging.getLogger(__name__)


class Valkey:
    """The cache that all workers share. Losing it costs latency, never an answer."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.cache_prefix
        password = {} if settings.redis_password is None else {"password": settings.redis_password}
        pool = BlockingConnectionPool.from_url(
            settings.redis_url,
            **password,
            max_connections=settings.redis_pool_size,
            timeout=settings.redis_timeout,
            socket_timeout=settings.redis_timeout,
            socket_connect_timeout=settings.redis_timeout,
            # redis-py's default retries hold a request for seconds when the server is dead.
            retry=Retry(NoBackoff(), 0),
        )
        self._client = Redis.from_pool(pool)

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        async with self._client:
            yield

    async def get(self, key: str) -> bytes | None:
        try:
            value = await self._client.get(self._prefix + key)
        except RedisError as error:
            self._missed(error)
            return None
        return value if isinstance(value, bytes) else None

    async def put_if_absent(self, key: str, value: bytes, ttl: float) -> None:
        await self._set(key, value, ttl, if_absent=True)

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        await self._set(key, value, ttl, if_absent=False)

    async def delete(self, key: str) -> None:
        try:
            await self._client.delete(self._prefix + key)
        except RedisError as error:
            self._missed(error)

    async def ping(self) -> bool:
        try:
            return bool(await self._client.ping())
        except RedisError:
            return False

    async def _set(self, key: str, value: bytes, ttl: float, *, if_absent: bool) -> None:
        try:
            await self._client.set(self._prefix + key, value, px=int(ttl * 1000), nx=if_absent)
        except RedisError as error:
            self._missed(error)

    def _missed(self, error: RedisError) -> None:
        logger.warning("cache unavailable", extra={"error": type(error).__name__})
