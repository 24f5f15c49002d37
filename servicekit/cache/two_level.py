import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Literal

import msgspec

from servicekit.cache.entries import CachePolicy, Clock, Entry, EntryCodec, OriginResponse
from servicekit.cache.leases import Leases, is_lease
from servicekit.cache.memory import MemoryCache, MemoryEntry
from servicekit.cache.valkey import Valkey, is_tombstone, may_replace
from servicekit.errors import DeadlineExceeded, NotFound, Unavailable
from servicekit.settings import Settings
from servicekit.telemetry.spans import UNTRACED, Spans

logger = logging.getLogger(__name__)

Source = Literal["memory", "cache", "external"]
LAYERS = ("memory", "cache", "external", "stale", "missing")
_LISTEN_TIMEOUT = 1.0  # seconds
_UNKNOWN_OUTCOME = 60.0  # seconds for which a write may still be carried out after its failure
_STORED = "; stored"
Load = Callable[[], Awaitable[OriginResponse]]


class CacheResult(msgspec.Struct, frozen=True):
    """An entry, the layer that had it, and the value of Cache-Status (RFC 9211) for the read."""

    entry: Entry
    source: Source
    status: str

    @classmethod
    def from_memory(cls, entry: Entry) -> "CacheResult":
        return cls(entry, "memory", "memory; hit")


class CacheCounts:
    """Reads by `LAYERS`, refreshes by "ok" or "failed", invalidations by "local" or "remote"."""

    __slots__ = ("corrupt", "invalidations", "reads", "refreshes")

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()
        self.refreshes: Counter[str] = Counter()
        self.invalidations: Counter[str] = Counter()
        self.corrupt = 0


class TwoLevelCache:
    """A cache of one domain's responses: memory, then Valkey, then the origin.

    - Reads that miss share one load per key and process; with `leases`, per key and fleet. The
      load goes on when the reader that started it leaves.
    - An entry past its `ttl` is served while a newer one is loaded. If that fails, it is kept
      until its `stale_ttl` ends.
    - A write invalidates its key. A load that began before is not kept.
    - An entry carries the version of the type that it `represents`: see `EntryCodec`.
    """

    def __init__(
        self,
        name: str,
        policy: CachePolicy,
        settings: Settings,
        valkey: Valkey,
        leases: Leases | None = None,
        spans: Spans = UNTRACED,
        *,
        represents: Any = Any,
        clock: Clock = time.monotonic,
    ) -> None:
        self.spans = spans
        self.name = name
        self.counts = CacheCounts()
        self._policy = policy
        self._settings = settings
        self._valkey = valkey
        self._leases = leases
        self._clock = clock
        self._codec = EntryCodec(represents, clock)
        self._memory = MemoryCache(
            settings.memory_cache_entries,
            settings.memory_cache_bytes,
            settings.memory_cache_ttl,
            clock,
        )
        self._loading: dict[str, asyncio.Task[CacheResult]] = {}
        self._refreshing: dict[str, asyncio.Task[CacheResult]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()  # loads, also of keys that were evicted
        self._invalidations: set[asyncio.Task[Any]] = set()
        self.on_load: Callable[[str, asyncio.Task[CacheResult]], None] = lambda _key, _load: None
        # A bit more than a request has: a request that waits for a load ends by its own deadline.
        # A tombstone lives as long: all loads that began before it end by then.
        self._load_timeout = settings.request_timeout * 1.1

    def memory_entry(self, key: str) -> MemoryEntry | None:
        return self._memory.get(key)

    def count_read(self, result: CacheResult, readers: int = 1) -> CacheResult:
        """Counts the read and returns `result`; raises NotFound if it is a negative entry."""
        self.counts.reads[self._layer(result)] += readers
        if result.entry.not_found:
            raise NotFound(result.entry.not_found)
        return result

    def in_flight_load(self, key: str) -> asyncio.Task[CacheResult] | None:
        """The load of `key` that no write has invalidated, if there is one."""
        return self._loading.get(key)

    async def get(self, key: str, load: Load) -> CacheResult:
        """The entry of `key`. What `load` raises is raised to all readers that share it."""
        kept = self._memory.get(key)
        if kept is not None:
            if kept.fast_until <= self._clock() and not kept.entry.not_found:
                kept.fast_until = kept.expires_at
                self._refresh(key, lambda: self._find(key, load, stale_allowed=False))
            return self.count_read(CacheResult.from_memory(kept.entry))
        # Shielded: a client that leaves cancels its own wait, and not the load of the others.
        return self.count_read(await asyncio.shield(self._shared_load(key, load)))

    async def reload(self, key: str, load: Load) -> CacheResult:
        """A new entry from the origin, whatever is cached. It replaces what is cached."""
        return self.count_read(await asyncio.shield(self._start_load(key, self._reload(key, load))))

    async def invalidate(self, key: str) -> None:
        """Call after a write, before it is acknowledged."""
        # Shielded: a caller that is cancelled has written all the same.
        await asyncio.shield(self._start_invalidation(key, final=False))

    @contextmanager
    def writing(self, key: str) -> Iterator[None]:
        """Put a write of `key` and its `invalidate` into this block.

        If the block fails after its statement was sent, the write may be carried out all the same,
        even later: a timeout, a lost connection, a deadline, a cancellation. The key is then
        invalidated, and Valkey keeps no entry of it for a minute.
        """
        try:
            yield
        except BaseException as error:
            if not isinstance(error, Unavailable) or error.outcome_unknown:
                self._start_invalidation(key, final=True)
            raise

    async def invalidate_unless(self, key: str, etag: str | None) -> None:
        """Invalidates `key` if an entry of it has another validator than the origin's `etag`
        (None: the origin has nothing). For a write that was rejected because of the state of the
        origin: a client which trusts a wrong entry would be rejected again and again."""
        kept = self._memory.get(key)
        entries = [kept.entry] if kept else []
        stored = await self._valkey.get(self._shared_key(key))
        shared = self._codec.decode(stored) if stored is not None else None
        entries += [shared] if shared else []
        if any(entry.etag != (etag or "") for entry in entries):
            await self.invalidate(key)

    def on_created(self, key: str) -> None:
        """Call when a key was created. Only memories hold negative entries, and too briefly to
        tell other workers of each creation."""
        self.evict(key, "local")

    def evict(self, key: str, origin: Literal["local", "remote"]) -> None:
        """Removes the key from memory. Loads under way will not be kept."""
        self.counts.invalidations[origin] += 1
        self._evict(key)

    def _evict(self, key: str) -> None:
        self._memory.evict(key)
        self._loading.pop(key, None)
        self._refreshing.pop(key, None)

    def evict_all(self) -> None:
        self._memory.clear()
        self._loading.clear()
        self._refreshing.clear()

    async def close(self) -> None:
        """Cancels the loads under way and finishes invalidations, before Valkey is closed."""
        for task in self._tasks:
            task.cancel()
        if ending := self._tasks | self._invalidations:
            await asyncio.wait(ending)

    def _start_invalidation(self, key: str, *, final: bool) -> asyncio.Task[None]:
        self.evict(key, "local")
        task = asyncio.create_task(self._invalidate(key, final))
        self._invalidations.add(task)
        task.add_done_callback(self._invalidations.discard)
        return task

    async def _invalidate(self, key: str, final: bool) -> None:
        shared_key = self._shared_key(key)
        if final:
            await self._valkey.final_tombstone(shared_key, _UNKNOWN_OUTCOME)
        else:
            await self._valkey.tombstone(shared_key, self._load_timeout)
        # Until then, loads of this worker and of others may have found the old entry in Valkey.
        self._evict(key)
        self._valkey.publish_invalidation(shared_key)

    def _shared_load(self, key: str, load: Load) -> asyncio.Task[CacheResult]:
        return self._loading.get(key) or self._start_load(
            key, self._find(key, load, stale_allowed=True)
        )

    def _start_load(self, key: str, work: Awaitable[CacheResult]) -> asyncio.Task[CacheResult]:
        task = self._track(self._loading, key, self._bounded(work))
        self.on_load(key, task)
        return task

    async def _bounded(self, work: Awaitable[CacheResult]) -> CacheResult:
        try:
            async with asyncio.timeout(self._load_timeout):
                return await work
        except TimeoutError as error:
            raise DeadlineExceeded("The request took too long.") from error

    async def _find(self, key: str, load: Load, *, stale_allowed: bool) -> CacheResult:
        """The entry in Valkey, or one from the origin."""
        with self.spans.span("cache read", remote=True, cache=self.name):
            stored = await (self._leases or self._valkey).get(self._shared_key(key))
        entry = self._decode(key, stored)
        now = self._clock()
        if entry is None or (entry.expires_at if stale_allowed else entry.fresh_until) <= now:
            return await self._load_from_origin(key, load, stored)
        kept = self._keep_in_memory(key, entry)
        if entry.fresh_until <= now:
            self._refresh(key, lambda: self._load_from_origin(key, load, stored))
        return CacheResult(entry, "cache", f"valkey; hit, {self._memory_status(kept)}")

    def _decode(self, key: str, stored: bytes | None) -> Entry | None:
        if stored is None or is_lease(stored) or is_tombstone(stored):
            return None
        entry = self._codec.decode(stored)
        if entry is None and not self._codec.is_of_another_version(stored):
            self.counts.corrupt += 1
            logger.warning("cache entry unreadable", extra={"key": self._shared_key(key)})
        return entry

    async def _reload(self, key: str, load: Load) -> CacheResult:
        return await self._load_from_origin(
            key, load, await self._valkey.get(self._shared_key(key)), because="request"
        )

    async def _load_from_origin(
        self,
        key: str,
        load: Load,
        stored: bytes | None,
        because: Literal["miss", "request"] = "miss",
    ) -> CacheResult:
        """A new entry, which replaces the value `stored` in Valkey."""
        begun = self._clock()
        try:
            with self.spans.span("cache load", cache=self.name):
                entry = self._policy.entry(await load(), self._clock())
        except Exception as error:
            if not isinstance(error, NotFound):
                if self._leases:
                    await self._leases.release(self._shared_key(key), stored)
                raise
            await self._drop_older(key, stored)
            negative = self._policy.negative_entry(str(error), begun)
            kept = self._keep_in_memory(key, negative)
            return CacheResult(negative, "external", self._status(because, shared=False, kept=kept))
        if not entry.kept:
            self._memory.evict(key)
            await self._drop_older(key, stored)
            return CacheResult(entry, "external", self._status(because, shared=False, kept=False))
        kept = self._keep_in_memory(key, entry)
        shared = await self._share(self._shared_key(key), entry, stored)
        return CacheResult(entry, "external", self._status(because, shared=shared, kept=kept))

    def _status(self, because: str, *, shared: bool, kept: bool) -> str:
        """Cache-Status of a load from the origin: the layer next to the origin first."""
        if not self._settings.shared_cache:
            valkey = "valkey; fwd=bypass"
        elif not self._valkey.breaker.closed:
            valkey = f"valkey; fwd={because}; detail=unavailable"
        else:
            valkey = f"valkey; fwd={because}{_STORED * shared}"
        return f"{valkey}, {self._memory_status(kept, because)}"

    def _memory_status(self, kept: bool, because: str = "miss") -> str:
        if self._settings.memory_cache_entries == 0:
            return "memory; fwd=bypass"
        return f"memory; fwd={because}{_STORED * kept}"

    async def _share(self, shared_key: str, entry: Entry, stored: bytes | None) -> bool:
        """Stores the entry in Valkey in place of `stored`; false if that was not possible."""
        if not may_replace(stored):
            return False
        lifetime = entry.expires_at - entry.stored_at
        value = self._codec.encode(entry)
        shared = await self._valkey.put(shared_key, value, lifetime, instead_of=stored)
        if self._leases and not shared:
            await self._leases.release(shared_key, stored)
        return shared

    async def _drop_older(self, key: str, stored: bytes | None) -> None:
        """Removes from Valkey what the origin no longer has, or forbids to keep."""
        if stored and not is_lease(stored) and not is_tombstone(stored):
            await self.invalidate(key)
        elif self._leases:
            await self._leases.release(self._shared_key(key), stored)

    def _refresh(self, key: str, work: Callable[[], Awaitable[CacheResult]]) -> None:
        if key not in self._refreshing:
            self._track(self._refreshing, key, work())

    def _keep_in_memory(self, key: str, entry: Entry) -> bool:
        """Unless the key was evicted since this load began, or the memory has no room for it."""
        this = asyncio.current_task()
        if self._loading.get(key) is not this and self._refreshing.get(key) is not this:
            return False
        self._memory.put(key, entry)
        return self._memory.get(key) is not None

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
                # Readers of a load get the error; a refresh has no readers.
                logger.debug("load failed", extra={"cache": self.name, "error": repr(error)})

        task.add_done_callback(ended)
        return task

    def _shared_key(self, key: str) -> str:
        return f"{self.name}:{key}"

    def _layer(self, result: CacheResult) -> str:
        if result.entry.not_found:
            return "missing"
        return result.source if self._clock() < result.entry.fresh_until else "stale"


@asynccontextmanager
async def listen_for_invalidations(valkey: Valkey, *caches: TwoLevelCache) -> AsyncIterator[None]:
    """Evicts from `caches` what other workers invalidate."""
    by_name = {cache.name: cache for cache in caches}
    begun = asyncio.Event()

    def evict(shared: str) -> None:
        name, _, key = shared.partition(":")
        if name in by_name:
            by_name[name].evict(key, "remote")

    def evict_all() -> None:
        begun.set()
        for cache in caches:
            cache.evict_all()

    listener = asyncio.create_task(valkey.listen(evict, evict_all))
    with suppress(TimeoutError):  # without Valkey the service starts, and listens later
        await asyncio.wait_for(begun.wait(), _LISTEN_TIMEOUT)
    yield
    listener.cancel()
    await asyncio.wait([listener])
    for cache in caches:
        await cache.close()
