import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

import msgspec

from servicekit.cache.entries import CachePolicy, Clock, Entry, OriginResponse
from servicekit.cache.keyed_tasks import KeyedTasks
from servicekit.cache.leases import Leases
from servicekit.cache.memory import MemoryCache, MemoryEntry
from servicekit.cache.results import CacheCounts, CacheResult, CacheStatus
from servicekit.cache.shared_level import SharedLevel, is_entry
from servicekit.cache.valkey import Valkey
from servicekit.errors import DeadlineExceeded, NotFound, Unavailable
from servicekit.settings import Settings
from servicekit.telemetry.spans import UNTRACED, Spans

logger = logging.getLogger(__name__)

Load = Callable[[], Awaitable[OriginResponse]]
CacheRead = Coroutine[Any, Any, CacheResult]


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
        self._clock = clock
        self._shared = SharedLevel(name, valkey, leases, self.counts, represents, clock)
        self._status = CacheStatus(settings, valkey.breaker)
        self._memory = MemoryCache(
            settings.memory_cache_entries,
            settings.memory_cache_bytes,
            settings.memory_cache_ttl,
            clock,
        )
        self._loading = KeyedTasks[CacheResult](self._load_ended)
        self._refreshing = KeyedTasks[CacheResult](self._refresh_ended)
        self._invalidations: set[asyncio.Task[Any]] = set()
        # A fast path has itself told of each load, and of each entry that memory keeps.
        self.on_load: Callable[[str, asyncio.Task[CacheResult]], None] = lambda _key, _load: None
        self.on_keep: Callable[[str, MemoryEntry], None] = lambda _key, _kept: None
        # A bit more than a request has: a request that waits for a load ends by its own deadline.
        # A tombstone lasts as long: all loads that began before it end by then.
        self._load_timeout = settings.request_timeout * 1.1

    def memory_entry(self, key: str) -> MemoryEntry | None:
        return self._memory.get(key)

    def count_read(self, result: CacheResult, readers: int = 1) -> CacheResult:
        """Counts the read and returns `result`; raises NotFound if it is a negative entry."""
        self.counts.reads[result.layer(self._clock())] += readers
        if result.entry.not_found:
            raise NotFound(result.entry.not_found)
        return result

    def in_flight_load(self, key: str) -> asyncio.Task[CacheResult] | None:
        """The load of `key` that no write has invalidated, if there is one."""
        return self._loading.get(key)

    async def get(self, key: str, load: Load) -> CacheResult:
        """The entry of `key`. An error of `load` is raised to all readers that share it."""
        kept = self._memory.get(key)
        if kept is not None:
            if kept.refresh_is_due(self._clock()):
                self.refresh(key, load)
            return self.count_read(CacheResult.from_memory(kept.entry))
        # Shielded: a client that leaves cancels its own wait, and not the load of the others.
        return self.count_read(await asyncio.shield(self.load(key, load)))

    def load(self, key: str, load: Load) -> asyncio.Task[CacheResult]:
        """The load of a key that is not in memory: the one under way, or a new one."""
        return self._loading.get(key) or self._start_load(
            key, self._find(key, load, stale_allowed=True)
        )

    def refresh(self, key: str, load: Load) -> None:
        """Looks for a newer entry, unless that is under way."""
        self._refresh(key, lambda: self._find(key, load, stale_allowed=False))

    async def reload(self, key: str, load: Load) -> CacheResult:
        """A new entry from the origin, whatever is cached. It replaces what is cached."""
        return self.count_read(await asyncio.shield(self._start_load(key, self._reload(key, load))))

    async def invalidate(self, *keys: str) -> None:
        """Call after a write, before it is acknowledged."""
        # Shielded: a caller that is cancelled has written all the same.
        await asyncio.shield(self._start_invalidation(keys, final=False))

    def writing(self, key: str) -> AbstractContextManager[None]:
        """Put a write of `key` and its `invalidate` into this block.

        If the block fails after its statement was sent, the write may be carried out all the same,
        even later: a timeout, a lost connection, a deadline, a cancellation. The key is then
        invalidated, and Valkey keeps no entry of it for a minute.
        """
        return _Writing(self, key)

    async def invalidate_unless(self, key: str, etag: str | None) -> None:
        """Invalidates `key` if an entry of it has another validator than the origin's `etag`
        (None: the origin has nothing). For a write that was rejected because of the state of the
        origin: a client which trusts a wrong entry would be rejected again and again."""
        kept = self._memory.get(key)
        entries = [kept.entry] if kept else []
        shared = await self._shared.entry(key)
        entries += [shared] if shared else []
        if any(entry.etag != (etag or "") for entry in entries):
            await self.invalidate(key)

    def on_created(self, key: str) -> None:
        """Call when a key was created. Negative entries are in memory alone, and too
        short-lived to be worth a message to other workers for each creation."""
        self.evict(key, "local")

    def evict(self, key: str, origin: Literal["local", "remote"]) -> None:
        """Removes the key from memory. Loads under way will not be kept."""
        self.counts.invalidations[origin] += 1
        self._evict(key)

    def _evict(self, key: str) -> None:
        self._memory.evict(key)
        self._loading.evict(key)
        self._refreshing.evict(key)

    def evict_all(self) -> None:
        self._memory.clear()
        self._loading.evict_all()
        self._refreshing.evict_all()

    async def close(self) -> None:
        """Cancels the loads under way and finishes invalidations, before Valkey is closed."""
        loads = self._loading.cancel() | self._refreshing.cancel()
        if ending := loads | self._invalidations:
            await asyncio.wait(ending)

    def _start_invalidation(self, keys: Sequence[str], *, final: bool) -> asyncio.Task[None]:
        for key in keys:
            self.evict(key, "local")
        task = asyncio.create_task(self._invalidate(keys, final))
        self._invalidations.add(task)
        task.add_done_callback(self._invalidations.discard)
        return task

    async def _invalidate(self, keys: Sequence[str], final: bool) -> None:
        if final:
            await self._shared.final_tombstones(keys)
        else:
            await self._shared.tombstones(keys, self._load_timeout)
        # Until then, loads of this worker and of others may have found the old entry in Valkey.
        for key in keys:
            self._evict(key)
        self._shared.publish_invalidations(keys)

    def _start_load(self, key: str, work: CacheRead) -> asyncio.Task[CacheResult]:
        task = self._loading.start(key, self._bounded(work))
        self.on_load(key, task)
        return task

    async def _bounded(self, work: CacheRead) -> CacheResult:
        try:
            async with asyncio.timeout(self._load_timeout):
                return await work
        except TimeoutError as error:
            raise DeadlineExceeded("The request took too long.") from error

    async def _find(self, key: str, load: Load, *, stale_allowed: bool) -> CacheResult:
        """The entry in Valkey, or one from the origin."""
        with self.spans.span("cache read", remote=True, cache=self.name):
            stored = await self._shared.claim(key)
        entry = self._shared.decode(key, stored)
        now = self._clock()
        if entry is None or (entry.expires_at if stale_allowed else entry.fresh_until) <= now:
            return await self._load_from_origin(key, load, stored)
        kept = self._keep_in_memory(key, entry)
        if entry.fresh_until <= now:
            self._refresh(key, lambda: self._load_from_origin(key, load, stored))
        return CacheResult(entry, "cache", self._status.found_in_valkey(kept=kept))

    async def _reload(self, key: str, load: Load) -> CacheResult:
        stored = await self._shared.get(key)
        return await self._load_from_origin(key, load, stored, because="request")

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
        except NotFound as error:
            entry = self._policy.negative_entry(str(error), begun)
        except Exception:  # any: all readers of the load get it
            await self._shared.release(key, stored)
            raise
        kept = shared = False
        if entry.not_found:
            await self._drop_older(key, stored)
            kept = self._keep_in_memory(key, entry)
        elif entry.kept:
            kept = self._keep_in_memory(key, entry)
            shared = await self._shared.put(key, entry, stored)
        else:
            self._memory.evict(key)
            await self._drop_older(key, stored)
        status = self._status.loaded(because, shared=shared, kept=kept)
        return CacheResult(entry, "external", status)

    async def _drop_older(self, key: str, stored: bytes | None) -> None:
        """Removes an entry that the origin no longer has or that must not be kept."""
        if is_entry(stored):
            await self.invalidate(key)
        else:
            await self._shared.release(key, stored)

    def _refresh(self, key: str, work: Callable[[], CacheRead]) -> None:
        if not self._refreshing.get(key):
            self._refreshing.start(key, work())

    def _keep_in_memory(self, key: str, entry: Entry) -> bool:
        """Stores the entry in memory; false if the key was evicted since this load began, or if the
        memory has no room for it."""
        this = asyncio.current_task()
        if self._loading.get(key) is not this and self._refreshing.get(key) is not this:
            return False
        self._memory.put(key, entry)
        kept = self._memory.get(key)
        if kept is not None and kept.on_evict is None and not entry.not_found:
            self.on_keep(key, kept)
        return kept is not None

    def _refresh_ended(self, error: BaseException | None) -> None:
        self.counts.refreshes["failed" if error else "ok"] += 1
        self._load_ended(error)

    def _load_ended(self, error: BaseException | None) -> None:
        if error is not None:
            # Readers of a load get the error; a refresh has no readers.
            logger.debug("load failed", extra={"cache": self.name, "error": repr(error)})


class _Writing(msgspec.Struct, frozen=True):
    """A context manager of `contextlib` would take 1 µs more for each write."""

    cache: TwoLevelCache
    key: str

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None and (not isinstance(error, Unavailable) or error.outcome_unknown):
            self.cache._start_invalidation([self.key], final=True)
