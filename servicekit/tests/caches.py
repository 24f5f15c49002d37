"""Opened caches that listen for invalidations, and an origin that counts its calls."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from app.settings import Settings
from servicekit.cache.entries import CachePolicy, OriginResponse
from servicekit.cache.invalidations import listen_for_invalidations
from servicekit.cache.leases import Leases
from servicekit.cache.two_level import TwoLevelCache
from servicekit.cache.valkey import Valkey

CacheOf = Callable[..., Awaitable[TwoLevelCache]]


class Origin:
    """Answers with the number of times it was called, or fails."""

    def __init__(self) -> None:
        self.calls = 0
        self.failing = False
        self.released = asyncio.Event()  # a call does not end before
        self.released.set()

    async def __call__(self) -> OriginResponse:
        self.calls += 1
        answer = OriginResponse(b"%d" % self.calls, f'"{self.calls}"')
        await self.released.wait()
        if self.failing:
            raise ConnectionError("origin")
        return answer


@asynccontextmanager
async def opening() -> AsyncIterator[CacheOf]:
    """Makes caches of given settings, and closes them in the end."""
    async with AsyncExitStack() as opened:

        async def open_cache(
            settings: Settings,
            fresh: float = 60.0,
            stale: float = 0.0,
            missing: float = 0.1,
            lease: float | None = None,
            clock: Callable[[], float] = time.monotonic,
        ) -> TwoLevelCache:
            shared = Valkey(settings)
            await opened.enter_async_context(shared.lifespan())
            leases = Leases(shared, lease) if lease else None
            policy = CachePolicy(fresh, stale, missing)
            cache = TwoLevelCache("t", policy, settings, shared, leases, clock=clock)
            await opened.enter_async_context(listen_for_invalidations(shared, cache))
            return cache

        yield open_cache
