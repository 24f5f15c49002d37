import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

_PUNCTUAL = 0.02  # seconds; a loop that is later than this is busy


async def in_time(work: Awaitable[T], seconds: float) -> T:
    """What `work` gives, or TimeoutError. The time for which a busy event loop kept us from
    looking is not counted: that the other side answered meanwhile is then still to be seen.

    As `asyncio.timeout`, with no task of its own: a busy loop makes each of its turns a wait."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    cancelled_before, expired = task.cancelling(), False

    def look(due: float) -> None:
        nonlocal timer, expired
        late = loop.time() - due
        if late < _PUNCTUAL:
            expired = True
            task.cancel()
        else:
            timer = loop.call_later(late, look, due + 2 * late)

    due = loop.time() + seconds
    timer = loop.call_at(due, look, due)
    try:
        return await work
    except asyncio.CancelledError:
        if expired and task.cancelling() - 1 <= cancelled_before:
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
        del look  # it knows itself: a cycle for each call, which only the collector would end
        if expired:
            task.uncancel()
