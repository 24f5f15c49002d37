import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import copy_context

_TICK = 0.02  # seconds
_LATE = 0.05  # seconds behind a tick: what each request then waits before it is looked at


class Lag:
    """How long a request waits to be let in, and whether that is a burst or more than can be done.

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
            await let_in()
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


async def let_in() -> None:
    """Waits as long as a request does that is handed over now."""
    loop = asyncio.get_running_loop()
    turn = loop.create_future()
    loop.call_soon_threadsafe(lambda: turn.done() or turn.set_result(None), context=copy_context())
    await turn
