import asyncio
import time
from collections.abc import Callable

from servicekit.testing.waiting import HANG

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
