import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal

import msgspec

from servicekit.cache.entries import CachePolicy, Entry, OriginResponse, decode, encode
from servicekit.cache.leases import Leases, is_lease
from servicekit.cache.memory import MemoryCache, MemoryEntry
from servicekit.cache.valkey import Valkey
from servicekit.errors import DeadlineExceeded, NotFound
from servicekit.settings import Settings
from servicekit.telemetry.spans import UNTRACED, Spans

logger = logging.getLogger(__name__)

Source = Literal["memory", "cache", "external"]
LAYERS = ("memory", "cache", "external", "stale", "missing")
_BEGIN_TIMEOUT = 1.0  # seconds
Load = Callable[[], Awaitable[OriginResponse]]


class CacheResult(msgspec.Struct, frozen=True):
    entry: Entry
    source: Source


class CacheCounts:
    """Reads by `LAYERS`, refreshes by "ok" or "failed", invalidations by "local" or "remote"."""

    __slots__ = ("corrupt", "invalidations", "reads", "refreshes")

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()
        self.refreshes: Counter[str] = Counter()
        self.invalidations: Counter[str] = Counter()
        self.corrupt = 0


class TwoLevelCache:
    """One domain's answers: memory, then Valkey, then the origin.

    Reads that miss share one call of the origin per key and process (with `leases`, in all), which
    goes on when the reader who caused it leaves. An answer past its fresh time is served while one
    newer is fetched, and kept if that fails, until it expires. A write closes its key to loads that
    began before it.
    """

    def __init__(
        self,
        name: str,
        policy: CachePolicy,
        settings: Settings,
        valkey: Valkey,
        leases: Leases | None = None,
        spans: Spans = UNTRACED,
    ) -> None:
        self.spans = spans
        self.name = name
        self.counts = CacheCounts()
        self._policy = policy
        self._valkey = valkey
        self._leases = leases
        self._memory = MemoryCache(
            settings.memory_cache_entries, settings.memory_cache_bytes, settings.memory_cache_ttl
        )
        self._loading: dict[str, asyncio.Task[CacheResult]] = {}
        self._refreshing: dict[str, asyncio.Task[CacheResult]] = {}
        self._tasks: set[asyncio.Task[CacheResult]] = set()  # those that a `drop` cut off, too
        self.on_load: Callable[[str, asyncio.Task[CacheResult]], None] = lambda _key, _load: None
        # Of a load, as of the requests that wait for it; a key is closed for as long, and so to
        # all loads that began before it was.
        self._longest_load = settings.request_timeout

    def memory_entry(self, key: str) -> MemoryEntry | None:
        """What memory holds of `key`."""
        return self._memory.get(key)

    def count_read(self, result: CacheResult, readers: int = 1) -> CacheResult:
        """What was result, counted; NotFound if that is that there is nothing."""
        self.counts.reads[_layer(result)] += readers
        if result.entry.not_found:
            raise NotFound(result.entry.not_found)
        return result

    def in_flight_load(self, key: str) -> asyncio.Task[CacheResult] | None:
        """The load of `key` that is under way, if one is that no write has cut off."""
        return self._loading.get(key)

    async def get(self, key: str, load: Load) -> CacheResult:
        """The answer for `key`; what `load` raises is raised to all who waited for it."""
        kept = self._memory.get(key)
        if kept is not None:
            if kept.fast_until <= time.time() and not kept.entry.not_found:
                kept.fast_until = kept.expires_at
                self._refresh(key, lambda: self._find(key, load, waited_for=False))
            return self.count_read(CacheResult(kept.entry, "memory"))
        # Shielded: a client that goes away takes its own wait with it, not the others' load.
        return self.count_read(await asyncio.shield(self._shared_load(key, load)))

    async def invalidate(self, key: str) -> None:
        """Called after a write, before it is acknowledged."""
        self.evict(key, "local")
        self._valkey.publish_invalidation(self._shared_key(key))
        await self._valkey.tombstone(self._shared_key(key), self._longest_load)

    def on_created(self, key: str) -> None:
        """Called when a key begins to be. That it is missing is known in memories alone, for too
        short a time to tell others of each creation."""
        self.evict(key, "local")

    def evict(self, key: str, origin: Literal["local", "remote"]) -> None:
        """Forgets what this process knows, and what its loads under way will find."""
        self.counts.invalidations[origin] += 1
        self._memory.evict(key)
        self._loading.pop(key, None)
        self._refreshing.pop(key, None)

    def evict_all(self) -> None:
        self._memory.clear()
        self._loading.clear()
        self._refreshing.clear()

    async def close(self) -> None:
        """Ends the loads under way, before what they use is closed."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _shared_load(self, key: str, load: Load) -> asyncio.Task[CacheResult]:
        """The one under way, or a new one."""
        task = self._loading.get(key)
        if task is None:
            task = self._track(self._loading, key, self._bounded_find(key, load))
            self.on_load(key, task)
        return task

    async def _bounded_find(self, key: str, load: Load) -> CacheResult:
        try:
            async with asyncio.timeout(self._longest_load):
                return await self._find(key, load, waited_for=True)
        except TimeoutError as error:
            raise DeadlineExceeded("The request took too long.") from error

    async def _find(self, key: str, load: Load, *, waited_for: bool) -> CacheResult:
        """The shared entry, or the origin's. A stale one will do if someone waits for it."""
        with self.spans.span("cache read", remote=True, cache=self.name):
            stored = await (self._leases or self._valkey).get(self._shared_key(key))
        entry = decode(stored) if stored else None
        if stored and entry is None and not is_lease(stored):
            self.counts.corrupt += 1
            logger.warning("cache entry unreadable", extra={"key": self._shared_key(key)})
        now = time.time()
        if entry is None or (entry.expires_at if waited_for else entry.fresh_until) <= now:
            return await self._load_from_origin(key, load, stored)
        self._keep_in_memory(key, entry)
        if entry.fresh_until <= now:
            self._refresh(key, lambda: self._load_from_origin(key, load, stored))
        return CacheResult(entry, "cache")

    async def _load_from_origin(self, key: str, load: Load, stored: bytes | None) -> CacheResult:
        begun = time.time()
        try:
            with self.spans.span("cache load", cache=self.name):
                entry = self._policy.entry(await load())
        except Exception as error:
            if self._leases:
                await self._leases.release(self._shared_key(key), stored)
            if not isinstance(error, NotFound):
                raise
            negative = self._policy.negative_entry(str(error), begun)
            self._keep_in_memory(key, negative)
            return CacheResult(negative, "external")
        if not entry.kept:
            await self._drop_older(key, stored)
            return CacheResult(entry, "external")
        self._keep_in_memory(key, entry)
        policy = entry.expires_at - entry.stored_at
        shared = self._shared_key(key)
        # An empty value is a closed key, which stays closed.
        known = await self._valkey.put(shared, encode(entry), policy, instead_of=stored or None)
        if self._leases and not known:
            await self._leases.release(shared, stored)
        return CacheResult(entry, "external")

    async def _drop_older(self, key: str, stored: bytes | None) -> None:
        """Ends what was kept of `key` before its origin forbade to keep it."""
        self._memory.evict(key)
        if stored and not is_lease(stored):
            await self.invalidate(key)
        elif self._leases:
            await self._leases.release(self._shared_key(key), stored)

    def _refresh(self, key: str, work: Callable[[], Awaitable[CacheResult]]) -> None:
        if key not in self._refreshing:
            self._track(self._refreshing, key, work())

    def _keep_in_memory(self, key: str, entry: Entry) -> None:
        mine = asyncio.current_task()
        if self._loading.get(key) is mine or self._refreshing.get(key) is mine:  # no `drop` since
            self._memory.put(key, entry)

    def _track(
        self, tasks: dict[str, asyncio.Task[CacheResult]], key: str, work: Awaitable[CacheResult]
    ) -> asyncio.Task[CacheResult]:
        task = asyncio.ensure_future(work)
        tasks[key] = task
        self._tasks.add(task)

        def ended(task: asyncio.Task[CacheResult]) -> None:
            self._tasks.discard(task)
            if tasks.get(key) is task:
                del tasks[key]
            if task.cancelled():
                return
            error = task.exception()
            if tasks is self._refreshing:
                self.counts.refreshes["failed" if error else "ok"] += 1
            if error is not None:
                # whoever waited has been told; a refresh has nobody who waits
                logger.debug("load failed", extra={"cache": self.name, "error": repr(error)})

        task.add_done_callback(ended)
        return task

    def _shared_key(self, key: str) -> str:
        return f"{self.name}:{key}"


@asynccontextmanager
async def listen_for_invalidations(valkey: Valkey, *caches: TwoLevelCache) -> AsyncIterator[None]:
    """Lets `caches` hear of other workers' writes."""
    by_name = {cache.name: cache for cache in caches}
    begun = asyncio.Event()

    def forget(shared: str) -> None:
        name, _, key = shared.partition(":")
        if name in by_name:
            by_name[name].evict(key, "remote")

    def forget_all() -> None:
        begun.set()
        for cache in caches:
            cache.evict_all()

    listener = asyncio.create_task(valkey.listen(forget, forget_all))
    with suppress(TimeoutError):  # without Valkey the service starts, and listens later
        await asyncio.wait_for(begun.wait(), _BEGIN_TIMEOUT)
    yield
    listener.cancel()
    await asyncio.wait([listener])
    for cache in caches:
        await cache.close()


def _layer(result: CacheResult) -> str:
    if result.entry.not_found:
        return "missing"
    return result.source if time.time() < result.entry.fresh_until else "stale"
