from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from servicekit.overload.deadlines import Deadlines
from servicekit.overload.granian_scheduling import AdmissionQueue, was_queued
from servicekit.overload.loop_lag import EventLoopLag


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
        self.lag = EventLoopLag(timeout / 3, self.queue.wait, self.had_requests)
        self.deadlines = Deadlines(timeout)
        self.in_flight = 0
        self.admitted = self.rejected = 0  # since the start
        self.deadlines_exceeded = 0
        self._max_in_flight = max_in_flight
        self._queueing = queueing
        self._requests = 0  # when `had_requests` was last called

    def at_capacity(self) -> bool:
        return self.in_flight + len(self.queue) >= self._max_in_flight or self.lag.overloaded

    def had_requests(self) -> bool:
        """Whether there are requests, or were any since this was last asked."""
        before, self._requests = self._requests, self.admitted + self.rejected
        return self._requests > before or self.in_flight > 0 or len(self.queue) > 0

    def admit(self) -> None:
        self.admitted += 1
        self.in_flight += 1

    def rejects(self) -> bool:
        """True if the current request has to be rejected."""
        return not was_queued.get() and self.at_capacity()

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        queue = self.queue.lifespan() if self._queueing else nullcontext()
        async with self.lag.lifespan(), self.deadlines.lifespan(), queue:
            yield
