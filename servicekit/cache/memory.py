import time
from collections import OrderedDict
from collections.abc import Callable

from servicekit.cache.entries import Clock, Entry

_UNREFRESHED_SHARE = 0.6  # of its life in memory, an entry is served without loading a newer one
_SAME_TIME = 0.01  # seconds by which the times of one entry differ that Valkey gave twice
_OVERHEAD = 1_000  # bytes of an entry beside its body: headers, objects, the key


class MemoryEntry:
    """An entry in this process's memory. Times are of its monotonic clock.

    The first read after `refresh_at` starts a refresh; the others go on until `expires_at`.
    `on_evict` is called when the entry leaves the memory.
    """

    __slots__ = ("entry", "expires_at", "on_evict", "refresh_at")

    def __init__(self, entry: Entry, now: float, ttl: float) -> None:
        self.entry = entry
        self.on_evict: Callable[[], object] | None = None
        self.renew(now, ttl)

    def renew(self, now: float, ttl: float) -> None:
        self.expires_at = min(now + ttl, self.entry.expires_at)
        self.refresh_at = min(now + ttl * _UNREFRESHED_SHARE, self.entry.fresh_until)

    def refresh_is_due(self, now: float) -> bool:
        """True for one caller, which has to start the refresh."""
        if now < self.refresh_at or self.entry.not_found:
            return False
        self.refresh_at = self.expires_at
        return True


class MemoryCache:
    """The most recently used entries of this process, bounded in number, bytes and time."""

    def __init__(
        self, max_entries: int, max_bytes: int, ttl: float, clock: Clock = time.monotonic
    ) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._ttl = ttl
        self._clock = clock
        self._entries: OrderedDict[str, MemoryEntry] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> MemoryEntry | None:
        kept = self._entries.get(key)
        if kept is None:
            return None
        if kept.expires_at <= self._clock():
            self.evict(key)
            return None
        self._entries.move_to_end(key)
        return kept

    def put(self, key: str, entry: Entry) -> None:
        kept = self._entries.get(key)
        if kept is not None and _is_same(kept.entry, entry):
            self._entries.move_to_end(key)
            return kept.renew(self._clock(), self._ttl)  # what was made of it is still right
        self.evict(key)
        self._entries[key] = MemoryEntry(entry, self._clock(), self._ttl)
        self._bytes += _size(entry)
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            self.evict(next(iter(self._entries)))

    def evict(self, key: str) -> None:
        kept = self._entries.pop(key, None)
        if kept is not None:
            self._bytes -= _size(kept.entry)
            if kept.on_evict:
                kept.on_evict()

    def clear(self) -> None:
        for key in list(self._entries):
            self.evict(key)


def _is_same(one: Entry, other: Entry) -> bool:
    near = abs(one.stored_at - other.stored_at) < _SAME_TIME
    return near and (one.etag, one.body) == (other.etag, other.body) and not other.not_found


def _size(entry: Entry) -> int:
    return len(entry.body) + _OVERHEAD
