import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")

_ON_TIME = 0.02  # seconds; a timer that runs later than this was delayed by a busy event loop


async def wait_excluding_lag(work: Awaitable[T], seconds: float) -> T:
    """The result of `work`, or TimeoutError after `seconds` without the event loop's lag.

    A busy event loop runs the timer late. The answer may have arrived in that time and wait to be
    read, so the timer starts again for twice the delay. Like `asyncio.timeout`, and unlike
    `asyncio.wait_for` before Python 3.12, this needs no task of its own.
    """
    task = asyncio.current_task()
    assert task is not None
    cancelled_before = task.cancelling()
    timer = _LagAwareTimer(task, seconds)
    try:
        return await work
    except asyncio.CancelledError:
        if timer.expired and task.cancelling() - 1 <= cancelled_before:
            raise TimeoutError from None
        raise
    finally:
        timer.stop()


class _LagAwareTimer:
    """Cancels the task when its time is over.

    A class, because a nested function that schedules itself is a reference cycle, which only the
    garbage collector would free.
    """

    def __init__(self, task: asyncio.Task[Any], seconds: float) -> None:
        self.expired = False
        self._task = task
        self._loop = task.get_loop()
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_at(self._due, self._expire)

    def _expire(self) -> None:
        late = self._loop.time() - self._due
        if late < _ON_TIME:
            self.expired = True
            self._task.cancel()
        else:
            self._due += 2 * late
            self._timer = self._loop.call_at(self._due, self._expire)

    def stop(self) -> None:
        self._timer.cancel()
        if self.expired:
            self._task.uncancel()
