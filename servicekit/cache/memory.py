import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from servicekit.cache.entries import Entry

_HOT = 0.6  # of its life, an entry in memory is given out without fetching a newer one
_OVERHEAD = 1_000  # bytes of an entry beside its body: headers, objects, the key


class Held:
    """An entry in memory until `until` (Unix seconds).

    Until `hot_until` it can be given out with no further thought, in its rendered form. The
    first who comes later has a newer one fetched, and makes it hot again for the others.
    `on_drop` is called when memory holds it no longer.
    """

    __slots__ = ("entry", "hot", "hot_until", "on_drop", "rendered", "until")

    def __init__(self, entry: Entry, ttl: float) -> None:
        now = time.time()
        self.entry = entry
        self.until = min(now + ttl, entry.expires)
        self.hot_until = 0.0 if entry.missing else min(now + ttl * _HOT, entry.fresh)
        self.rendered: Any = None
        self.hot: Any = None
        self.on_drop: Callable[[], object] | None = None


class Memory:
    """The most recently used entries of this process, bounded in number, bytes and life."""

    def __init__(self, max_entries: int, max_bytes: int, ttl: float) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._ttl = ttl
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> Held | None:
        held = self._held.get(key)
        if held is None:
            return None
        if held.until <= time.time():
            self.forget(key)
            return None
        self._held.move_to_end(key)
        return held

    def put(self, key: str, entry: Entry) -> None:
        self.forget(key)
        self._held[key] = Held(entry, self._ttl)
        self._bytes += _size(entry)
        while len(self._held) > self._max_entries or self._bytes > self._max_bytes:
            self.forget(next(iter(self._held)))

    def forget(self, key: str) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._bytes -= _size(held.entry)
            if held.on_drop:
                held.on_drop()

    def clear(self) -> None:
        for key in list(self._held):
            self.forget(key)


def _size(entry: Entry) -> int:
    return len(entry.body) + _OVERHEAD
