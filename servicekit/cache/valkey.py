import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from servicekit.cache.batches import Batcher
from servicekit.resilience.circuit_breaker import CircuitBreaker
from servicekit.resilience.timeouts import wait_excluding_lag
from servicekit.settings import Settings

_Command = tuple[str | bytes | int, ...]
_RECONNECT_AFTER = 0.5  # seconds
_CLIENT_TIMEOUT = 30.0  # seconds
_BATCH = 256  # keys, at most
_CONCURRENCY = 2  # batches under way, of reads and of writes
_FAILURES = (RedisError, TimeoutError)
_PUBLISH_DELAY = 0.02  # seconds: one message for all writes of that time, as each costs all workers
_TOMBSTONE = b""
_MAX_PENDING = 100_000  # tombstones: 50 a second for half an hour


class Valkey:
    """The cache that all workers share. Losing it costs latency, never an answer.

    The first command that fails opens the breaker; until the server answers a ping again, every
    read is a miss at once. What should have been closed meanwhile is closed before it is read.
    """

    def __init__(self, settings: Settings) -> None:
        self.breaker = CircuitBreaker("valkey")
        self._prefix = settings.cache_prefix
        self._enabled = settings.shared_cache
        self._worker = secrets.token_hex(4).encode()
        self._channel = f"{settings.cache_prefix}forget"
        self._timeout = settings.redis_timeout
        # `wait_excluding_lag` bounds commands: redis-py's timeouts take a busy event loop for a
        # slow server.
        self._client = _client(settings, _CLIENT_TIMEOUT)
        self._subscriber = _client(settings, settings.redis_timeout)
        self._pending_tombstones: dict[_Command, None] = {}
        self._unpublished: list[bytes] = []
        self._publishing: set[asyncio.Task[None]] = set()
        self._reads = Batcher(self._read_all, max_size=_BATCH, concurrency=_CONCURRENCY)
        self._writes = Batcher(self._write_all, max_size=_BATCH, concurrency=_CONCURRENCY)

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        async with self._client, self._subscriber:
            # Connections are there before the first burst; a dead Valkey stops nothing.
            if not all(await asyncio.gather(*(self.ping() for _ in range(2 * _CONCURRENCY)))):
                self.breaker.record_failure()
            watch = asyncio.create_task(self.breaker.run_probes(self._recovered))
            yield
            watch.cancel()
            await asyncio.gather(*self._publishing)
            await self._reads.finish()
            await self._writes.finish()

    async def get(self, key: str) -> bytes | None:
        if not (self._enabled and self.breaker.closed):
            return None
        return await self._reads.get(self._prefix + key)

    async def get_all(self, keys: list[str]) -> Mapping[str, bytes]:
        """Those that there are."""
        found: dict[str, bytes] = {}
        for first in range(0, len(keys), _BATCH):
            some = keys[first : first + _BATCH]
            values = await self._read_all([self._prefix + key for key in some])
            found |= {key.removeprefix(self._prefix): value for key, value in values.items()}
        return found

    async def put(self, key: str, value: bytes, ttl: float, *, instead_of: bytes | None) -> bool:
        """Stores `value` for `ttl` seconds, unless the key holds something else than `instead_of`
        (None: anything). So a write that came between keeps its word."""
        condition = ("NX",) if instead_of is None else ("IFEQ", instead_of)
        return await self._write("SET", self._prefix + key, value, "PX", _ms(ttl), *condition)

    async def claim(self, key: str, value: bytes, seconds: float) -> bytes | None:
        """Stores `value` where there is nothing, or says what there is."""
        if not (self._enabled and self.breaker.closed):
            return None
        command = ("SET", self._prefix + key, value, "PX", _ms(seconds), "NX", "GET")
        return await self._writes.get(command)

    async def withdraw(self, key: str, value: bytes) -> None:
        """Leaves nothing where there is `value`; later, if that can't be done now."""
        await self._write("SET", self._prefix + key, _TOMBSTONE, "PX", 1, "IFEQ", value)

    async def tombstone(self, key: str, seconds: float) -> None:
        """Empties the key, and lets no `put` fill it for so long."""
        await self._write("SET", self._prefix + key, _TOMBSTONE, "PX", _ms(seconds))

    def publish_invalidation(self, key: str) -> None:
        """Lets all other workers evict the key, a few milliseconds from now."""
        if not self._enabled:
            return
        self._unpublished.append(key.encode())
        if len(self._unpublished) == 1:
            task = asyncio.create_task(self._publish())
            self._publishing.add(task)
            task.add_done_callback(self._publishing.discard)

    async def _publish(self) -> None:
        await asyncio.sleep(_PUBLISH_DELAY)
        message, self._unpublished = b" ".join([self._worker, *self._unpublished]), []
        await self._write("PUBLISH", self._channel, message)

    async def listen(self, evict: Callable[[str], None], evict_all: Callable[[], None]) -> None:
        """Calls `evict` for each key that another worker closes, for ever; `evict_all` whenever
        tombstones may have been missed."""
        while True:
            with suppress(RedisError):
                async with self._subscriber.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(self._channel)
                    evict_all()
                    async for message in subscription.listen():
                        worker, *keys = message["data"].split(b" ")
                        for key in keys if worker != self._worker else ():
                            evict(key.decode())
            evict_all()
            await asyncio.sleep(_RECONNECT_AFTER)

    async def run(self, script: str, key: str, *arguments: float) -> int | None:
        """What the script says of the key in one atomic step; None without Valkey."""
        if not self.breaker.closed:
            return None
        work = self._client.execute_command("EVAL", script, 1, self._prefix + key, *arguments)
        try:
            return await wait_excluding_lag(work, self._timeout)
        except _FAILURES:
            self.breaker.record_failure()
            return None

    async def ping(self) -> bool:
        try:
            return bool(
                await wait_excluding_lag(self._client.execute_command("PING"), self._timeout)
            )
        except _FAILURES:
            return False

    async def _write(self, *command: str | bytes | int) -> bool:
        """Whether it was carried out."""
        if not self._enabled:
            return False
        if self.breaker.closed:
            return bool(await self._writes.get(command))
        self._defer_tombstones([command])
        return False

    async def _read_all(self, keys: list[str]) -> Mapping[str, bytes]:
        if not self.breaker.closed:  # since they began to wait
            return {}
        try:
            values = await wait_excluding_lag(self._client.mget(keys), self._timeout)
        except _FAILURES:
            self.breaker.record_failure()
            return {}
        return {
            key: value for key, value in zip(keys, values, strict=True) if isinstance(value, bytes)
        }

    async def _write_all(self, commands: list[_Command]) -> Mapping[_Command, Any]:
        answers = await self._sent(commands) if self.breaker.closed else None
        if answers is None:
            self._defer_tombstones(commands)
            return {}
        return dict(zip(commands, answers, strict=True))

    async def _sent(self, commands: list[_Command]) -> list[Any] | None:
        """The answers, if there are any."""
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command, get=command[-1] == "GET")
        try:
            return await wait_excluding_lag(pipeline.execute(), self._timeout)
        except _FAILURES:
            self.breaker.record_failure()
            return None

    def _defer_tombstones(self, commands: list[_Command]) -> None:
        tombstones = [command for command in commands if command[2] == _TOMBSTONE]
        room = _MAX_PENDING - len(self._pending_tombstones)
        self._pending_tombstones.update(dict.fromkeys(tombstones[:room]))

    async def _recovered(self) -> bool:
        """Whether the server is there again, with no entry that a write has passed by."""
        answers = await self.ping()
        while answers and self._pending_tombstones:
            paying = list(self._pending_tombstones)[:256]
            answers = await self._sent(paying) is not None
            if answers:
                for command in paying:
                    del self._pending_tombstones[command]
        return answers


def _client(settings: Settings, timeout: float) -> Redis:
    password = {} if settings.redis_password is None else {"password": settings.redis_password}
    pool = BlockingConnectionPool.from_url(
        settings.redis_url,
        **password,
        max_connections=settings.redis_pool_size,
        timeout=timeout,
        socket_connect_timeout=timeout,
        socket_keepalive=True,  # a subscription to a host that vanished would wait for ever
        # redis-py's default retries hold a request for seconds when the server is dead.
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))
