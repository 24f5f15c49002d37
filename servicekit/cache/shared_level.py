import logging
from collections.abc import Sequence
from typing import Any

from servicekit.cache.entries import Clock, Entry, EntryCodec
from servicekit.cache.leases import Leases, is_lease
from servicekit.cache.results import CacheCounts
from servicekit.cache.tombstones import is_tombstone, may_replace
from servicekit.cache.valkey import Valkey

logger = logging.getLogger(__name__)

_UNKNOWN_OUTCOME = 60.0  # seconds for which a write may still be carried out after its failure


class SharedLevel:
    """One cache's entries in Valkey, under keys that begin with its name.

    `stored` is the value that a read found: an entry, a lease, a tombstone or None. A load passes
    it back, so that it replaces nothing newer.
    """

    def __init__(
        self,
        name: str,
        valkey: Valkey,
        leases: Leases | None,
        counts: CacheCounts,
        represents: Any,
        clock: Clock,
    ) -> None:
        self._name = name
        self._valkey = valkey
        self._leases = leases
        self._counts = counts
        self._codec = EntryCodec(represents, clock)

    async def claim(self, key: str) -> bytes | None:
        """Reads a value for a caller that loads the key if it is no entry: takes a lease, or waits
        for the holder of the lease, if this cache has leases."""
        return await (self._leases or self._valkey).get(self._key(key))

    async def get(self, key: str) -> bytes | None:
        return await self._valkey.get(self._key(key))

    def decode(self, key: str, stored: bytes | None) -> Entry | None:
        """The entry; None, counted and logged, if it is corrupt."""
        if stored is None or is_lease(stored) or is_tombstone(stored):
            return None
        entry = self._codec.decode(stored)
        if entry is None and not self._codec.is_of_another_version(stored):
            self._counts.corrupt += 1
            logger.warning("cache entry unreadable", extra={"key": self._key(key)})
        return entry

    async def entry(self, key: str) -> Entry | None:
        stored = await self.get(key)
        return self._codec.decode(stored) if stored is not None else None

    async def put(self, key: str, entry: Entry, stored: bytes | None) -> bool:
        """Stores the entry in place of `stored`; false if that was not possible."""
        if not may_replace(stored):
            return False
        lifetime = entry.expires_at - entry.stored_at
        value = self._codec.encode(entry)
        shared = await self._valkey.put(self._key(key), value, lifetime, instead_of=stored)
        if not shared:
            await self.release(key, stored)
        return shared

    async def release(self, key: str, stored: bytes | None) -> None:
        """Ends this worker's lease, if `stored` is one: the load brought no entry."""
        if self._leases:
            await self._leases.release(self._key(key), stored)

    async def tombstones(self, keys: Sequence[str], seconds: float) -> None:
        """Removes the entries. Loads that began at most `seconds` ago can't store theirs."""
        await self._valkey.tombstones([self._key(key) for key in keys], seconds)

    async def final_tombstones(self, keys: Sequence[str]) -> None:
        """Removes the entries, and keeps the keys empty while a failed write may be carried out."""
        await self._valkey.final_tombstones([self._key(key) for key in keys], _UNKNOWN_OUTCOME)

    def publish_invalidations(self, keys: Sequence[str]) -> None:
        self._valkey.publish_invalidations(map(self._key, keys))

    def _key(self, key: str) -> str:
        return f"{self._name}:{key}"


def is_entry(stored: bytes | None) -> bool:
    return bool(stored) and not is_lease(stored) and not is_tombstone(stored)
