import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_TICK = 0.02  # seconds
_LATE = 0.05  # seconds behind a tick: what each request then waits before it is looked at


class Lag:
    """How far the event loop is behind, and whether that is a burst or more than it can do.

    Waiting for a database or an upstream makes no loop late; work does. A burst may keep it late
    for `patience` seconds, as then each request is still answered in time. After that new ones are
    to be refused whenever it is late, until it has been punctual for as long.
    """

    def __init__(self, patience: float) -> None:
        self.seconds = 0.0
        self.excessive = False
        self._patience = patience
        self._lasting = False
        self._punctual_at = self._late_at = 0.0

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        watching = asyncio.create_task(self._watch())
        yield
        watching.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._punctual_at = loop.time()
        while True:
            due = loop.time() + _TICK
            await asyncio.sleep(_TICK)
            self.observe(loop.time(), loop.time() - due)

    def observe(self, now: float, late: float) -> None:
        self.seconds = late
        if late < _LATE:
            self._punctual_at = now
            self._lasting = self._lasting and now - self._late_at < self._patience
        else:
            self._late_at = now
            self._lasting = self._lasting or now - self._punctual_at > self._patience
        self.excessive = self._lasting and late >= _LATE
