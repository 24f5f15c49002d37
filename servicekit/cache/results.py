"""The result of a read of a cache, its counts, and the header that describes it."""

from collections import Counter
from typing import Literal

import msgspec

from servicekit.cache.entries import Entry
from servicekit.resilience.circuit_breaker import CircuitBreaker
from servicekit.settings import Settings

Source = Literal["memory", "cache", "external"]
LAYERS = ("memory", "cache", "external", "stale", "missing")
_STORED = "; stored"


class CacheResult(msgspec.Struct, frozen=True):
    """An entry, the layer that had it, and the value of Cache-Status (RFC 9211) for the read."""

    entry: Entry
    source: Source
    status: str

    @classmethod
    def from_memory(cls, entry: Entry) -> "CacheResult":
        return cls(entry, "memory", "memory; hit")

    def layer(self, now: float) -> str:
        """One of `LAYERS`."""
        if self.entry.not_found:
            return "missing"
        return self.source if now < self.entry.fresh_until else "stale"


class CacheCounts:
    """Reads by `LAYERS`, refreshes by "ok" or "failed", invalidations by "local" or "remote"."""

    __slots__ = ("corrupt", "invalidations", "reads", "refreshes")

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()
        self.refreshes: Counter[str] = Counter()
        self.invalidations: Counter[str] = Counter()
        self.corrupt = 0


class CacheStatus:
    """Values of Cache-Status, with the layer next to the origin first."""

    def __init__(self, settings: Settings, breaker: CircuitBreaker) -> None:
        self._settings = settings
        self._breaker = breaker

    def found_in_valkey(self, *, kept: bool) -> str:
        """`kept`: memory has the entry now."""
        return f"valkey; hit, {self._memory('miss', kept)}"

    def loaded(self, because: Literal["miss", "request"], *, shared: bool, kept: bool) -> str:
        """Of an entry from the origin. `shared`: Valkey has it now; `kept`: memory has it."""
        if not self._settings.shared_cache:
            valkey = "valkey; fwd=bypass"
        elif not self._breaker.closed:
            valkey = f"valkey; fwd={because}; detail=unavailable"
        else:
            valkey = f"valkey; fwd={because}{_STORED * shared}"
        return f"{valkey}, {self._memory(because, kept)}"

    def _memory(self, because: str, kept: bool) -> str:
        if self._settings.memory_cache_entries == 0:
            return "memory; fwd=bypass"
        return f"memory; fwd={because}{_STORED * kept}"
