"""How requests come to the event loop from the threads of the server."""

import asyncio
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context, ContextVar
from types import CoroutineType
from typing import Any

_PER_TURN = 16  # calls: some 0.3 ms of a turn
_SMOOTHING = 0.1  # what the latest turn counts in an average
_HOLD = 0.001  # seconds; Python's own is 0.005
_STOP_EVERY = 0.005  # seconds
_STOP_FOR = 0.00001  # seconds; Linux makes some 60 µs of it
_MOST_STOPS = 8  # one after the other
_BEYOND = 0.05  # seconds for which to go on when nobody passes by any more

stood_in_line: ContextVar[bool] = ContextVar("stood_in_line", default=False)


class Handover:
    """Keeps the turns of a busy event loop short, and what comes next in sight.

    Granian's thread hands requests over faster than the loop takes them, and what comes in one
    turn is done in the next. So turns grow to thousands of requests, and whoever needs several of
    them (a read of the cache, a call of the upstream) waits for all who came later. Here those
    wait instead, in the order in which they came, and a few are let in each turn.

    Who finds the service full passes by the line: to be told so takes next to no time. But that
    thread needs the interpreter for each, and a busy loop gives it away only when it has held it
    for a while (`sys.setswitchinterval`); those who are to be refused would pile up before the
    door, where nothing sees them. So the loop stops every few milliseconds, for as long as some
    come. (A shorter while instead stops it for each, and 5 to 15 % fewer are served.)
    """

    def __init__(self, full: Callable[[], bool]) -> None:
        """`full` says whether there is room for none but those who are in, or stand in line."""
        self._full = full
        self._waiting: deque[tuple[Callable[..., object], tuple[Any, ...], Context]] = deque()
        self._at_work = False
        self._pace = 0.0  # seconds for each that is let in, about
        self._turned = 0.0  # when the last were
        self._in_turn = 0  # how many then were
        self._passed_by = 0  # since the start
        self._seen = 0  # of these, at the latest stop
        self._seen_at = 0.0
        self._stopping = False
        self._server = self._inside = Context()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def wait(self) -> float:
        """Seconds that it takes whoever comes now to be let in, about."""
        return len(self._waiting) * self._pace

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        self._call_soon, self._call_soon_threadsafe = loop.call_soon, loop.call_soon_threadsafe
        self._call_later = loop.call_later
        vars(loop)["call_soon_threadsafe"] = self.call_soon_threadsafe
        hold = sys.getswitchinterval()
        sys.setswitchinterval(_HOLD)
        yield
        sys.setswitchinterval(hold)
        # The class's own is back, and who waits is still let in. (In a test, two may share a loop.)
        vars(loop).pop("call_soon_threadsafe", None)

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle | None:
        """In place of the loop's own. New requests wait in line, and can't be cancelled: Granian
        hands over a coroutine with a context. All else, as what wakes a request, is called as
        ever."""
        if context is None or not args or type(args[0]) is not CoroutineType:
            return self._call_soon_threadsafe(callback, *args, context=context)
        if self._full():
            self._passed_by += 1
            if not self._stopping:
                self._stopping = True
                self._call_soon_threadsafe(self._stop)
            return self._call_soon_threadsafe(callback, *args, context=context)
        self._waiting.append((callback, args, context))
        if not self._at_work:
            self._at_work = True
            self._call_soon_threadsafe(self._turn)
        return None

    def _turn(self) -> None:
        waiting, now = self._waiting, time.monotonic()
        if self._in_turn:
            self._pace += _SMOOTHING * ((now - self._turned) / self._in_turn - self._pace)
        self._turned, self._in_turn = now, min(len(waiting), _PER_TURN)
        for _ in range(self._in_turn):
            callback, args, context = waiting.popleft()
            if context is not self._server:  # all requests have the same
                self._server, self._inside = context, context.copy()
                self._inside.run(stood_in_line.set, True)
            self._call_soon(callback, *args, context=self._inside)
        if not waiting:
            self._at_work = False
            if not waiting or self._at_work:  # else another thread came in between
                self._in_turn = 0
                return
            self._at_work = True
        self._call_soon(self._turn)

    def _stop(self) -> None:
        """Lets the server's thread hand over all that it has, and does so again in a while."""
        for _ in range(_MOST_STOPS):
            passed_by = self._passed_by
            time.sleep(_STOP_FOR)
            if self._passed_by == passed_by:
                break
        now = time.monotonic()
        if self._passed_by > self._seen:
            self._seen, self._seen_at = self._passed_by, now
        self._stopping = now - self._seen_at < _BEYOND
        if self._stopping:
            self._call_later(_STOP_EVERY, self._stop)
