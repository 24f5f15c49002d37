import asyncio


class ConnectionLane:
    """Callers of one kind that wait for a pooled connection, in the order in which they came.

    asyncpg's own pool does not keep that order.
    """

    def __init__(self, max_connections: int, parent: "ConnectionLane | None" = None) -> None:
        """At most `max_connections` callers hold a connection. Each also holds one of `parent`."""
        self.callers = 0  # they hold a connection, or wait for one
        self.mean_hold_time = 0.0  # seconds, exponentially smoothed
        self._max_connections = max_connections
        self._parent = parent
        self._slots = asyncio.Semaphore(max_connections)

    def expected_wait(self) -> float:
        """Estimated seconds until a new caller gets a connection; negative if some are free."""
        return (self.callers - self._max_connections) * self.mean_hold_time / self._max_connections

    def record_hold(self, seconds: float) -> None:
        self.mean_hold_time += 0.05 * (seconds - self.mean_hold_time)

    async def acquire(self) -> None:
        await self._slots.acquire()
        if self._parent:
            try:
                await self._parent.acquire()
            except BaseException:
                self._slots.release()
                raise

    def release(self) -> None:
        self._slots.release()
        if self._parent:
            self._parent.release()
