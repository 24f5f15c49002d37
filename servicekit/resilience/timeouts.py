import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")

_PUNCTUAL = 0.02  # seconds; a loop that is later than this is busy


async def wait_excluding_lag(work: Awaitable[T], seconds: float) -> T:
    """What `work` gives, or TimeoutError. The time for which a busy event loop kept us from
    looking is not counted: that the other side answered meanwhile is then still to be seen.

    As `asyncio.timeout`, with no task of its own: a busy loop makes each of its turns a wait."""
    task = asyncio.current_task()
    assert task is not None
    cancelled_before = task.cancelling()
    bound = _LagAwareTimer(task, seconds)
    try:
        return await work
    except asyncio.CancelledError:
        if bound.expired and task.cancelling() - 1 <= cancelled_before:
            raise TimeoutError from None
        raise
    finally:
        bound.end()


class _LagAwareTimer:
    """Cancels the task when its time is over. (Not a function within the other, as one that calls
    itself later is a cycle, which only the garbage collector would end.)"""

    def __init__(self, task: asyncio.Task[Any], seconds: float) -> None:
        self.expired = False
        self._task = task
        self._loop = task.get_loop()
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        late = self._loop.time() - self._due
        if late < _PUNCTUAL:
            self.expired = True
            self._task.cancel()
        else:
            self._due += 2 * late
            self._timer = self._loop.call_at(self._due, self._look)

    def end(self) -> None:
        self._timer.cancel()
        if self.expired:
            self._task.uncancel()
