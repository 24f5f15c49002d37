import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

_PUNCTUAL = 0.02  # seconds; a loop that is later than this is busy


async def in_time(work: Awaitable[T], seconds: float) -> T:
    """What `work` gives, or TimeoutError. The time for which a busy event loop kept us from
    looking is not counted: that the other side answered meanwhile is then still to be seen."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    try:
        while True:
            due = loop.time() + seconds
            await asyncio.wait([task], timeout=seconds)
            if task.done():
                return task.result()
            late = loop.time() - due
            if late < _PUNCTUAL:
                raise TimeoutError
            seconds = late
    finally:
        task.cancel()
        await asyncio.wait([task])  # its connection is closed or given back by then
