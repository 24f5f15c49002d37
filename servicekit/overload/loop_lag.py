import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from servicekit.background import background

_TICK = 0.02  # seconds
_LATE = 0.05  # seconds that a request waits before it runs: reject new ones
_ON_TIME = 0.025  # seconds; rejections can hold the wait just below _LATE, which is not on time


class EventLoopLag:
    """Distinguishes a burst of work from more work than the event loop can do.

    Waiting for a database or an upstream makes no loop late; CPU work does. The loop may be late
    for `burst_tolerance` seconds, since each request is still answered in time. After that it is
    overloaded whenever it is late, until it has been on time for as long. A loop without requests
    counts as on time: what makes it late is other processes, such as many clients that connect.
    """

    def __init__(
        self,
        burst_tolerance: float,
        queue_wait: Callable[[], float],
        has_requests: Callable[[], bool],
    ) -> None:
        """`queue_wait` gives the seconds that a request spends in the admission queue,
        `has_requests` whether there were any since it was last asked."""
        self._burst_tolerance = burst_tolerance
        self._queue_wait = queue_wait
        self._has_requests = has_requests
        self._lag = 0.0  # seconds, of the loop itself
        self._sustained = False
        self._on_time_at = self._late_at = 0.0

    @property
    def overloaded(self) -> bool:
        return self._sustained and self._lag + self._queue_wait() >= _LATE

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        return background(self._watch())

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._on_time_at = loop.time()
        while True:
            due = loop.time() + _TICK
            await asyncio.sleep(_TICK)
            self.observe(loop.time(), loop.time() - due)

    def observe(self, now: float, lag: float) -> None:
        """Record that the loop was `lag` seconds late at `now` (seconds of any steady clock)."""
        self._lag = lag
        if lag + self._queue_wait() < _ON_TIME or not self._has_requests():
            self._on_time_at = now
            self._sustained = self._sustained and now - self._late_at < self._burst_tolerance
        else:
            self._late_at = now
            self._sustained = self._sustained or now - self._on_time_at > self._burst_tolerance
