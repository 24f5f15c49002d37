import asyncio
import secrets
from typing import NamedTuple

from servicekit.cache.valkey import Valkey

_MARK = b"\0lease:"  # no entry begins so
_POLL_INTERVAL = 0.01  # seconds
_POLL_INTERVAL_PER_KEY = 50e-6  # seconds: a poll takes a twentieth of that for each key


class _Waiter(NamedTuple):
    key: str
    lease: bytes
    deadline: float  # the loop's time
    value: asyncio.Future[bytes | None]


class Leases:
    """Lets one of all workers load a key that Valkey does not hold; the others wait for its entry.

    The lease is the key's first value. It expires after `seconds`, even if its holder is killed,
    and no worker waits longer than that. Without Valkey, every worker loads.
    """

    def __init__(self, valkey: Valkey, seconds: float) -> None:
        self._valkey = valkey
        self._seconds = seconds
        self._mine = _MARK + secrets.token_bytes(8)
        self._waiters: list[_Waiter] = []
        self._watching: asyncio.Task[None] | None = None

    async def get(self, key: str) -> bytes | None:
        """The key's value. If that is no entry, the caller has to load one: it has taken the
        lease, or the holder of the lease stored nothing in time."""
        stored = await self._valkey.claim(key, self._mine, self._seconds)
        if stored is None:
            return self._mine
        if not is_lease(stored):
            return stored
        loop = asyncio.get_running_loop()
        value = loop.create_future()
        self._waiters.append(_Waiter(key, stored, loop.time() + self._seconds, value))
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        return await value

    async def release(self, key: str, stored: bytes | None) -> None:
        """Call when the load failed, or its entry could not be stored."""
        if stored == self._mine:
            await self._valkey.withdraw(key, self._mine)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiters:
            await asyncio.sleep(_POLL_INTERVAL + _POLL_INTERVAL_PER_KEY * len(self._waiters))
            waiters, self._waiters = self._waiters, []
            values = await self._valkey.get_all([waiter.key for waiter in waiters])
            for waiter in waiters:
                value = values.get(waiter.key)
                if waiter.value.done():  # its caller was cancelled
                    continue
                if value == waiter.lease and loop.time() < waiter.deadline:
                    self._waiters.append(waiter)
                else:
                    waiter.value.set_result(value)
        self._watching = None


def is_lease(stored: bytes | None) -> bool:
    return stored is not None and stored.startswith(_MARK)
