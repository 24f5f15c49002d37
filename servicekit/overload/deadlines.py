import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from litestar.types import HTTPScope

from servicekit.background import background
from servicekit.http.responses import response_started
from servicekit.http.streaming import is_streaming

_TICKS = 50  # of a timeout: a request ends at most a fiftieth of it late


class Deadline(msgspec.Struct, eq=False):
    task: asyncio.Task[Any]
    scope: HTTPScope
    ends_at: float
    cancelling: int  # how often the task was to be cancelled before
    expired: bool = False

    def caused_cancellation(self) -> bool:
        """Called once, on CancelledError: False if the task was cancelled by something else."""
        return self.expired and self.task.uncancel() <= self.cancelling


class Deadlines:
    """Cancels requests that take longer than `timeout` seconds, by one timer for all of them.

    Their timeout is the same, so they end in the order in which they began. `asyncio.timeout` keeps
    a timer for each, which costs 5 µs of CPU a request.
    """

    def __init__(self, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout = timeout
        self._clock = clock
        self._open: dict[Deadline, None] = {}  # in the order of their ends

    def open(self, scope: HTTPScope) -> Deadline:
        """A deadline of the current task, which runs the request."""
        task = asyncio.current_task()
        assert task is not None  # the server runs each request in one
        deadline = Deadline(task, scope, self._clock() + self._timeout, task.cancelling())
        self._open[deadline] = None
        return deadline

    def close(self, deadline: Deadline) -> None:
        self._open.pop(deadline, None)

    def expire(self) -> None:
        """Cancel the tasks whose deadline is over. A stream that has begun goes on."""
        now = self._clock()
        over: list[Deadline] = []
        for deadline in self._open:
            if deadline.ends_at > now:
                break
            over.append(deadline)
        for deadline in over:
            del self._open[deadline]
            if is_streaming(deadline.scope) and response_started(deadline.scope):
                continue
            deadline.expired = True
            deadline.task.cancel()

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        async with background(self._run()):
            yield

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._timeout / _TICKS)
            self.expire()
