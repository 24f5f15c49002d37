import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_TICK = 0.02  # seconds
_LATE = 0.05  # seconds that a request waits before it is looked at: no more are let in
_PUNCTUAL = 0.025  # seconds; where refusals keep it just below the former, it is not


class Lag:
    """How long a request waits before it is looked at, and whether that is a burst or more than
    can be done.

    Waiting for a database or an upstream makes no loop late; work does. A burst may keep it late
    for `patience` seconds, as then each request is still answered in time. After that new ones are
    to be refused whenever it is late, until it has been punctual for as long.
    """

    def __init__(self, patience: float, line: Callable[[], float]) -> None:
        """`line` says how many seconds it takes to be let in."""
        self._patience = patience
        self._line = line
        self._behind = 0.0  # the loop itself
        self._lasting = False
        self._punctual_at = self._late_at = 0.0

    @property
    def excessive(self) -> bool:
        return self._lasting and self._behind + self._line() >= _LATE

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

    def observe(self, now: float, behind: float) -> None:
        self._behind = behind
        if behind + self._line() < _PUNCTUAL:
            self._punctual_at = now
            self._lasting = self._lasting and now - self._late_at < self._patience
        else:
            self._late_at = now
            self._lasting = self._lasting or now - self._punctual_at > self._patience
