"""Waits for a state instead of for a time, so that tests hold on a machine of any speed."""

import asyncio
from collections.abc import Awaitable, Callable

HANG = 60.0  # seconds; the one bound of what would otherwise wait for ever
_POLL = 0.01  # seconds


async def until(condition: Callable[[], object]) -> None:
    """Returns when `condition`, a function or a coroutine function, is true."""
    async with asyncio.timeout(HANG):
        while True:
            found = condition()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return
            await asyncio.sleep(_POLL)
