import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from app.cache.memory import Memory
from app.cache.valkey import Valkey
from app.settings import Settings

Source = Literal["memory", "cache", "external"]


class Loaded(msgspec.Struct, frozen=True):
    """What the origin answered: the bytes that go out, and their validator."""

    body: bytes
    etag: str


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A stored answer. `stored` and `expires` are Unix times in seconds."""

    body: bytes
    etag: str
    stored: float
    expires: float


class Found(msgspec.Struct, frozen=True):
    entry: Entry
    source: Source


class Cache:
    """One domain's answers: memory, then Valkey, then the origin.

    The memory of a process is not told of other processes' writes; its short life bounds how old
    an answer from it can be. Reads that miss share one call of the origin per key and process.
    """

    def __init__(self, name: str, ttl: float, settings: Settings, valkey: Valkey) -> None:
        self._name = name
        self._ttl = ttl
        self._valkey = valkey
        memory_ttl = min(settings.memory_cache_ttl, ttl)
        self._memory: Memory[Entry] = Memory(settings.memory_cache_entries, memory_ttl)
        self._loading: dict[str, asyncio.Task[Found]] = {}
        # A load that began before a write must not put its older answer back after it, so a
        # written key stays closed for as long as such a load can last.
        self._closed_for = settings.request_timeout

    async def get(self, key: str, load: Callable[[], Awaitable[Loaded]]) -> Found:
        """The entry of `key`; what `load` raises is raised to all who waited for it."""
        entry = self._memory.get(key)
        if entry is not None:
            return Found(entry, "memory")
        task = self._loading.get(key)
        if task is None:
            task = asyncio.create_task(self._fetch(key, load))
            self._loading[key] = task
            task.add_done_callback(lambda done: self._finished(key, done))
        # Shielded: a client that goes away takes its own wait with it, not the others' load.
        return await asyncio.shield(task)

    async def forget(self, key: str) -> None:
        """Called after a write, before it is acknowledged."""
        self._memory.forget(key)
        self._loading.pop(key, None)
        await self._valkey.put(self._shared(key), b"", self._closed_for)

    async def _fetch(self, key: str, load: Callable[[], Awaitable[Loaded]]) -> Found:
        entry = await self._stored(key)
        if entry is not None:
            self._remember(key, entry)
            return Found(entry, "cache")
        loaded = await load()
        now = time.time()
        entry = Entry(loaded.body, loaded.etag, now, now + self._ttl)
        self._remember(key, entry)
        await self._valkey.put_if_absent(
            self._shared(key), msgspec.msgpack.encode(entry), self._ttl
        )
        return Found(entry, "external")

    async def _stored(self, key: str) -> Entry | None:
        """The shared entry; what can't be read is deleted and counts as absent."""
        stored = await self._valkey.get(self._shared(key))
        if not stored:  # absent, or closed by a `forget`
            return None
        try:
            return msgspec.msgpack.decode(stored, type=Entry)
        except (msgspec.DecodeError, UnicodeDecodeError):
            await self._valkey.delete(self._shared(key))
            return None

    def _remember(self, key: str, entry: Entry) -> None:
        if self._loading.get(key) is asyncio.current_task():  # not after a `forget`
            self._memory.put(key, entry)

    def _finished(self, key: str, task: asyncio.Task[Found]) -> None:
        if self._loading.get(key) is task:
            del self._loading[key]
        if not task.cancelled():
            task.exception()  # all who waited may be gone; the failure was theirs

    def _shared(self, key: str) -> str:
        return f"{self._name}:{key}"
