"""Waits for a state instead of for a time, so that tests hold on a machine of any speed."""

import asyncio
import time
from collections.abc import Awaitable, Callable

HANG = 60.0  # seconds; the one bound of what would otherwise wait for ever
_POLL = 0.01  # seconds


def wait_until(condition: Callable[[], object]) -> None:
    """Returns when `condition` is true, from a test that is not asynchronous."""
    deadline = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < deadline, "the condition was never true"
        time.sleep(_POLL)


async def turns(count: int) -> None:
    """Lets the event loop run `count` times."""
    for _ in range(count):
        await asyncio.sleep(0)


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
