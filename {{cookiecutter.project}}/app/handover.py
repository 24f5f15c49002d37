"""How requests come to the event loop from the threads of the server: a few in each turn."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any

_PER_TURN = 16  # calls: some 0.3 ms of a turn


class Handover:
    """Keeps the turns of a busy event loop short.

    Granian's thread hands requests over faster than the loop takes them, and what comes in one
    turn is done in the next. So turns grow to thousands of requests, and whoever needs several of
    them (a read of the cache, a call of the upstream) waits for all who came later. Here those
    wait instead, in the order in which they came.

    While requests are refused, nobody waits in line: to be told so takes next to no time.
    """

    def __init__(self, refused: Callable[[], int]) -> None:
        """`refused` counts those that were, since the start."""
        self._refused = refused
        self._refused_before = 0
        self._waiting: deque[tuple[Callable[..., object], tuple[Any, ...], Context]] = deque()
        self._at_work = False

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        self._call_soon, self._call_soon_threadsafe = loop.call_soon, loop.call_soon_threadsafe
        vars(loop)["call_soon_threadsafe"] = self.call_soon_threadsafe
        yield
        # The class's own is back, and who waits is still let in. (In a test, two may share a loop.)
        vars(loop).pop("call_soon_threadsafe", None)

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle | None:
        """In place of the loop's own. Calls with a context wait in line, and can't be cancelled:
        Granian's have one. All others are made as ever."""
        if context is None:
            return self._call_soon_threadsafe(callback, *args)
        self._waiting.append((callback, args, context))
        if not self._at_work:
            self._at_work = True
            self._call_soon_threadsafe(self._turn)
        return None

    def _turn(self) -> None:
        waiting = self._waiting
        refused, count = self._refused(), len(waiting)
        if refused == self._refused_before:
            count = min(count, _PER_TURN)
        self._refused_before = refused
        for _ in range(count):
            callback, args, context = waiting.popleft()
            self._call_soon(callback, *args, context=context)
        if not waiting:
            self._at_work = False
            if not waiting or self._at_work:  # else another thread came in between
                return
            self._at_work = True
        self._call_soon(self._turn)
