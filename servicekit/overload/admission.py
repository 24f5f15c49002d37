from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, nullcontext
from typing import TypeVar

from servicekit.overload.deadlines import Deadlines
from servicekit.overload.granian_scheduling import AdmissionQueue, was_queued
from servicekit.overload.loop_lag import EventLoopLag

T = TypeVar("T")


class Admission:
    """Says whether a worker can take one more request, and counts those that it took.

    A worker is at capacity when requests in flight plus requests in the queue have reached
    `max_in_flight`, or when its event loop is overloaded. A request that was queued is admitted:
    it was counted when it arrived.
    """

    def __init__(self, max_in_flight: int, timeout: float, *, queueing: bool) -> None:
        """`timeout`: seconds that a request may take; the loop may be late for a third of it.
        Without `queueing`, requests enter the loop as Granian hands them over."""
        self.queue = AdmissionQueue(self.at_capacity)
        self.lag = EventLoopLag(timeout / 3, self.queue.wait)
        self.deadlines = Deadlines(timeout)
        self.in_flight = 0
        self.rejected = 0  # since the start
        self.deadlines_exceeded = 0
        self._max_in_flight = max_in_flight
        self._queueing = queueing

    def at_capacity(self) -> bool:
        return self.in_flight + len(self.queue) >= self._max_in_flight or self.lag.overloaded

    def rejects(self) -> bool:
        """True if the current request has to be rejected."""
        return not was_queued.get() and self.at_capacity()

    async def counted(self, response: Awaitable[T]) -> T:
        """Await `response` as a request in flight. It needs a deadline of its own."""
        self.in_flight += 1
        try:
            return await response
        finally:
            self.in_flight -= 1

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        queue = self.queue.lifespan() if self._queueing else nullcontext()
        async with self.lag.lifespan(), self.deadlines.lifespan(), queue:
            yield
