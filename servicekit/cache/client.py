import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer
from redis.exceptions import BusyLoadingError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from servicekit.resilience.circuit_breaker import CircuitBreaker
from servicekit.resilience.timeouts import wait_excluding_lag
from servicekit.settings import Settings

Command = tuple[str | bytes | int | float, ...]
_CLIENT_TIMEOUT = 30.0  # seconds
_MAX_VALUE = 16_000_000  # bytes; larger values are foreign, and take longer to read than a timeout
_PROBE = """
redis.call('SET', KEYS[1], '', 'PX', 1000)
for n = 2, #KEYS do
    local is_string = redis.call('TYPE', KEYS[n]).ok == 'string'
    if is_string and redis.call('STRLEN', KEYS[n]) > tonumber(ARGV[1]) then
        redis.call('UNLINK', KEYS[n])
    end
end
return 1
"""
_FAILURES = (RedisError, TimeoutError)


class ValkeyClient:
    """Commands for one Valkey, bounded in time and behind a circuit breaker.

    A failed command opens the breaker. A probe that can write closes it, and removes values that
    were too large to be read in time. A server that answers and can't do its work, such as a
    demoted primary, loses all connections: new ones look up the address again.
    """

    def __init__(self, settings: Settings) -> None:
        self.breaker = CircuitBreaker("valkey")
        self._probe_key = f"{settings.cache_prefix}probe:{secrets.token_hex(4)}"
        self._unanswered: list[str] = []  # keys of the last batch that failed
        self._timeout = settings.redis_timeout
        # `wait_excluding_lag` bounds commands: redis-py's timeouts take a busy event loop for a
        # slow server, and on Python 3.11 its `wait_for` can lose a cancellation.
        self._redis = _redis(settings, _CLIENT_TIMEOUT)
        self._subscriber = _redis(settings, settings.redis_timeout)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        async with self._redis, self._subscriber:
            yield

    async def get_all(self, keys: list[str]) -> list[Any] | None:
        """The value of each key, None for one that holds no string; None without an answer."""
        replies = await self._replies([("MGET", *keys)], of=keys)
        if replies and isinstance(replies[0], RedisError):
            await self._fail(replies[0])
            return None
        return replies and replies[0]

    async def send(self, commands: Sequence[Command]) -> list[Any] | None:
        """The reply to each command, or None without an answer. A reply is an error where one key
        holds a value of another type."""
        keys = [str(key) for name, key, *_ in commands if name == "SET"]
        replies = await self._replies(commands, of=keys)
        for reply in replies or ():
            if isinstance(reply, RedisError) and not _concerns_one_key(reply):
                await self._fail(reply)
                return None
        return replies

    async def _replies(self, commands: Sequence[Command], of: list[str]) -> list[Any] | None:
        """None without an answer, maybe because the values `of` these keys are too large."""
        try:
            return await wait_excluding_lag(self._exchange(commands), self._timeout)
        except _FAILURES as error:
            self._unanswered = of
            await self._fail(error)
            return None

    async def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        """As redis-py's `execute_command` and pipelines, which take 20 to 45 µs more."""
        pool = self._redis.connection_pool
        connection = await pool.get_connection()
        try:
            await connection.send_packed_command(connection.pack_commands(commands))
            return [await _reply(connection) for _ in commands]
        finally:
            await pool.release(connection)

    async def can_write(self) -> bool:
        """Whether the server carries out a write: a replica answers pings, but rejects writes."""
        keys = [self._probe_key, *self._unanswered]
        work = self._redis.execute_command("EVAL", _PROBE, len(keys), *keys, _MAX_VALUE)
        try:
            await wait_excluding_lag(work, self._timeout)
        except _FAILURES as error:
            await self._drop_connections_after(error)
            return False
        self._unanswered = []
        return True

    def pubsub(self) -> PubSub:
        return self._subscriber.pubsub(ignore_subscribe_messages=True)

    async def _fail(self, error: Exception) -> None:
        self.breaker.record_failure()
        await self._drop_connections_after(error)

    async def _drop_connections_after(self, error: Exception) -> None:
        """Only after an error that the server itself sent: other failures end connections."""
        if isinstance(error, RedisError) and not _concerns_connection(error):
            for redis in (self._redis, self._subscriber):
                await redis.connection_pool.disconnect()


async def _reply(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


def _concerns_connection(error: RedisError) -> bool:
    # "LOADING" is a ConnectionError to redis-py, and an answer of the server.
    return isinstance(error, RedisConnectionError | RedisTimeoutError) and not isinstance(
        error, BusyLoadingError
    )


def _concerns_one_key(error: RedisError) -> bool:
    """WRONGTYPE, and errors without a code, such as that of a script on a value. Other codes that
    redis-py has no class for, such as BUSY and MISCONF, concern the server."""
    code = str(error).partition(" ")[0]
    return type(error) is ResponseError and (code == "WRONGTYPE" or not code.isupper())


def _redis(settings: Settings, timeout: float) -> Redis:
    password = {} if settings.redis_password is None else {"password": settings.redis_password}
    pool = BlockingConnectionPool.from_url(
        settings.redis_url,
        **password,
        max_connections=settings.redis_pool_size,
        timeout=timeout,
        socket_timeout=None,
        socket_connect_timeout=timeout,
        socket_keepalive=True,  # a subscription to a host that vanished would wait for ever
        # redis-py's default retries hold a request for seconds when the server is dead.
        retry=Retry(NoBackoff(), 0),
    )
    pool.connection_class = type("_Connection", (_PacksInC, pool.connection_class), {})
    return Redis.from_pool(pool)


class _PacksInC:
    """redis-py packs commands of its asyncio connections in Python, which takes 10 µs for each."""

    def pack_command(self, *command: Any) -> list[bytes]:
        return HiredisRespSerializer().pack(*command)
