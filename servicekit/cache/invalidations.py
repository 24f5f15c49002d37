import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from servicekit.background import background
from servicekit.cache.two_level import TwoLevelCache
from servicekit.cache.valkey import Valkey

_LISTEN_TIMEOUT = 1.0  # seconds


@asynccontextmanager
async def listen_for_invalidations(valkey: Valkey, *caches: TwoLevelCache) -> AsyncIterator[None]:
    """Evicts from `caches` the keys that other workers invalidate."""
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

    try:
        async with background(valkey.listen(evict, evict_all)):
            with suppress(TimeoutError):  # without Valkey the service starts, and listens later
                await asyncio.wait_for(begun.wait(), _LISTEN_TIMEOUT)
            yield
    finally:
        for cache in caches:
            await cache.close()
