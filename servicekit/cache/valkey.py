import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import unquote

from redis.exceptions import RedisError

from servicekit.background import background
from servicekit.cache.batches import Batcher
from servicekit.cache.client import Command, ValkeyClient
from servicekit.cache.tombstones import TOMBSTONE, PendingTombstones, final_tombstone
from servicekit.settings import Settings

_RECONNECT_AFTER = 0.5  # seconds
_BATCH = 256  # keys, at most
_CONCURRENCY = 2  # batches under way, of reads and of writes
_PUBLISH_DELAY = 0.02  # seconds: one message for all writes of that time, as each costs all workers
_NIL = object()  # the server's reply, where None is that there was no reply
# One command for all keys: a command for each would cost 20 µs more.
_SET_ALL = """
for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end
return #KEYS
"""
# All values of ours are strings, so any other type is foreign.
_REPLACE_OTHER_TYPE = """
if redis.call('TYPE', KEYS[1]).ok == 'string' then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


class Valkey:
    """The cache that all workers share. Losing it costs latency, never an answer.

    While the breaker is open, every read is a miss. Tombstones that could not be written are
    written before it closes.
    """

    def __init__(self, settings: Settings) -> None:
        self._client = ValkeyClient(settings)
        self.breaker = self._client.breaker
        self._prefix = settings.cache_prefix
        self._enabled = settings.shared_cache
        self._worker = secrets.token_hex(4).encode()
        self._tombstones = 0  # written by this worker
        self._channel = f"{settings.cache_prefix}forget"
        self._pending = PendingTombstones()
        self._unpublished: list[bytes] = []
        self._publishing: set[asyncio.Task[None]] = set()
        self._reads = Batcher(self._read_all, max_size=_BATCH, concurrency=_CONCURRENCY)
        self._writes = Batcher(self._write_all, max_size=_BATCH, concurrency=_CONCURRENCY)

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        async with self._client.lifespan():
            # Opens connections before the first burst. The service starts without Valkey, too.
            probes = (self._client.can_write() for _ in range(2 * _CONCURRENCY))
            if not all(await asyncio.gather(*probes)):
                self.breaker.record_failure()
            try:
                async with background(self.breaker.run_probes(self._recover)):
                    yield
            finally:
                await asyncio.gather(*self._publishing)
                await self._reads.finish()
                await self._writes.finish()

    async def get(self, key: str) -> bytes | None:
        """The key's value; None if it has none or Valkey does not answer."""
        if not (self._enabled and self.breaker.closed):
            return None
        return await self._reads.get(self._prefix + key)

    async def get_all(self, keys: list[str]) -> Mapping[str, bytes]:
        """The values of those keys that have one."""
        found: dict[str, bytes] = {}
        for first in range(0, len(keys), _BATCH):
            some = keys[first : first + _BATCH]
            values = await self._read_all([self._prefix + key for key in some])
            found |= {key.removeprefix(self._prefix): value for key, value in values.items()}
        return found

    async def put(self, key: str, value: bytes, ttl: float, *, instead_of: bytes | None) -> bool:
        """Stores `value` for `ttl` seconds if the key still holds `instead_of` (None: nothing), so
        that a tombstone written meanwhile stays. A value of another type is replaced."""
        condition = ("NX", "GET") if instead_of is None else ("IFEQ", instead_of)
        full_key, px = self._prefix + key, _ms(ttl)
        reply = await self._write("SET", full_key, value, "PX", px, *condition)
        if isinstance(reply, RedisError):
            return await self._write("EVAL", _REPLACE_OTHER_TYPE, 1, full_key, value, px) == 1
        return reply is _NIL if instead_of is None else reply not in (None, _NIL)

    async def claim(self, key: str, value: bytes, seconds: float) -> bytes | None:
        """Stores `value` if the key is empty and returns None, or returns the key's value."""
        if not (self._enabled and self.breaker.closed):
            return None
        command = ("SET", self._prefix + key, value, "PX", _ms(seconds), "NX", "GET")
        reply = await self._writes.get(command)
        return reply if isinstance(reply, bytes) else None

    async def withdraw(self, key: str, value: bytes) -> None:
        """Removes `value` if the key holds it; later, if that can't be done now."""
        await self._write("SET", self._prefix + key, TOMBSTONE, "PX", 1, "IFEQ", value)

    async def tombstones(self, keys: Sequence[str], seconds: float) -> None:
        """Empties the keys, so that no `put` which began before fills them. A later one does."""
        self._tombstones += 1  # each is unlike all others, so a later `put` can tell them apart
        await self._empty(keys, TOMBSTONE + self._worker + b":%d" % self._tombstones, seconds)

    async def final_tombstones(self, keys: Sequence[str], seconds: float) -> None:
        """Empties the keys, and keeps them empty for `seconds`: see `may_replace`."""
        await self._empty(keys, final_tombstone(seconds), seconds)

    async def _empty(self, keys: Sequence[str], tombstone: bytes, seconds: float) -> None:
        if not (self._enabled and keys):
            return
        px, full_keys = _ms(seconds), [self._prefix + key for key in keys]
        command = ("EVAL", _SET_ALL, len(full_keys), *full_keys, tombstone, px)
        reply = await self._writes.get(command) if self.breaker.closed else None
        if reply != len(full_keys):
            self._pending.defer([("SET", key, tombstone, "PX", px) for key in full_keys])
            self.breaker.request_probe()  # which writes them, even if the breaker is closed

    def publish_invalidations(self, keys: Iterable[str]) -> None:
        """Lets all other workers evict the keys, a few milliseconds from now."""
        if not self._enabled:
            return
        # A space ends a key, and `unquote` reads the two again.
        escaped = [key.replace("%", "%25").replace(" ", "%20").encode() for key in keys]
        if escaped and not self._unpublished:
            task = asyncio.create_task(self._publish())
            self._publishing.add(task)
            task.add_done_callback(self._publishing.discard)
        self._unpublished += escaped

    async def listen(self, evict: Callable[[str], None], evict_all: Callable[[], None]) -> None:
        """Calls `evict` for each key that another worker invalidates, for ever; calls `evict_all`
        whenever invalidations may have been missed."""
        while True:
            with suppress(RedisError):
                async with self._client.pubsub() as subscription:
                    await subscription.subscribe(self._channel)
                    evict_all()
                    async for message in subscription.listen():
                        worker, *keys = message["data"].split(b" ")
                        for key in keys if worker != self._worker else ():
                            # anyone may publish anything
                            evict(unquote(key.decode(errors="replace")))
            evict_all()
            await asyncio.sleep(_RECONNECT_AFTER)

    async def run(self, script: str, key: str, *arguments: float) -> int | None:
        """The number that the script returns for the key, in one atomic step; None without Valkey.
        A value that the script can't read is removed."""
        if not self.breaker.closed:
            return None
        full_key = self._prefix + key
        replies = await self._client.send([("EVAL", script, 1, full_key, *arguments)])
        if replies is None:
            return None
        if isinstance(replies[0], RedisError):
            await self._client.send([("DEL", full_key)])
            return None
        return replies[0]

    async def is_available(self) -> bool:
        return self.breaker.closed and await self._client.can_write()

    async def _publish(self) -> None:
        await asyncio.sleep(_PUBLISH_DELAY)
        message, self._unpublished = b" ".join([self._worker, *self._unpublished]), []
        await self._write("PUBLISH", self._channel, message)

    async def _write(self, *command: str | bytes | int) -> Any:
        """The reply; None if the command was not carried out."""
        if not self._enabled:
            return None
        if self.breaker.closed:
            return await self._writes.get(command)
        self._pending.defer([command])
        return None

    async def _read_all(self, keys: list[str]) -> Mapping[str, bytes]:
        if not self.breaker.closed:  # since they began to wait
            return {}
        values = await self._client.get_all(keys) or []
        return {key: value for key, value in zip(keys, values, strict=False) if value is not None}

    async def _write_all(self, commands: list[Command]) -> Mapping[Command, Any]:
        replies = await self._client.send(commands) if self.breaker.closed else None
        if replies is None:
            self._pending.defer(commands)
            return {}
        present = (_NIL if reply is None else reply for reply in replies)
        return dict(zip(commands, present, strict=True))

    async def _recover(self) -> bool:
        """Whether the server can write again, and all pending tombstones are written."""
        available = await self._client.can_write()
        while available and (sending := self._pending.first(_BATCH)):
            available = await self._client.send(sending) is not None
            if available:
                written = self._pending.written(sending)
                self.publish_invalidations([key.removeprefix(self._prefix) for key in written])
        return available


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))
