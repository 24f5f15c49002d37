import asyncio
import secrets
from typing import NamedTuple

from servicekit.cache.valkey import Valkey

_MARK = b"\0lease:"  # begins no entry, nor by chance any other value
_PAUSE = 0.01  # seconds between two looks for what is awaited
_PAUSE_PER_KEY = 50e-6  # seconds: a look takes a twentieth of that for each key


class _Waiter(NamedTuple):
    key: str
    lease: bytes
    until: float  # the loop's time
    entered: asyncio.Future[bytes | None]


class Leases:
    """Lets one of all workers load a key that Valkey does not hold; the others wait for its entry.

    The lease is the key's first value. It ends after `seconds` whatever becomes of its holder, so
    that nobody waits longer; without Valkey, everybody holds one.
    """

    def __init__(self, valkey: Valkey, seconds: float) -> None:
        self._valkey = valkey
        self._seconds = seconds
        self._mine = _MARK + secrets.token_bytes(8)
        self._awaited: list[_Waiter] = []
        self._watching: asyncio.Task[None] | None = None

    async def get(self, key: str) -> bytes | None:
        """What the key holds: an entry; the lease that this worker has taken, and so is to load
        it; or None, to load it all the same, as the holder of its lease brought nothing."""
        stored = await self._valkey.claim(key, self._mine, self._seconds)
        if stored is None:
            return self._mine
        if not is_lease(stored):
            return stored
        loop = asyncio.get_running_loop()
        entered = loop.create_future()
        self._awaited.append(_Waiter(key, stored, loop.time() + self._seconds, entered))
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        return await entered

    async def release(self, key: str, stored: bytes | None) -> None:
        """Called by who has loaded nothing, or could not store it."""
        if stored == self._mine:
            await self._valkey.withdraw(key, self._mine)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while self._awaited:
            await asyncio.sleep(_PAUSE + _PAUSE_PER_KEY * len(self._awaited))
            awaited, self._awaited = self._awaited, []
            values = await self._valkey.get_all([one.key for one in awaited])
            for one in awaited:
                value = values.get(one.key)
                if one.entered.done():  # who waited has left
                    continue
                if value == one.lease and loop.time() < one.until:
                    self._awaited.append(one)
                else:
                    one.entered.set_result(None if is_lease(value) else value)
        self._watching = None


def is_lease(stored: bytes | None) -> bool:
    return stored is not None and stored.startswith(_MARK)
