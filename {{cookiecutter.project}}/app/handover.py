"""How requests come to the event loop from the threads of the server."""

import asyncio
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context, ContextVar
from typing import Any

_PER_TURN = 16  # calls: some 0.3 ms of a turn
_SMOOTHING = 0.1  # what the latest turn, or beat, counts in an average
_BEAT = 0.05  # seconds
_HOLD = 0.001  # seconds; Python's own is 0.005
_HOLD_IF_FULL = (0.0001, 0.0003)
_HOLD_FOR_AS_MANY = 0.0006  # where one passes by the line for each that is let in

stood_in_line: ContextVar[bool] = ContextVar("stood_in_line", default=False)


class Handover:
    """Keeps the turns of a busy event loop short, and what comes next in sight.

    Granian's thread hands requests over faster than the loop takes them, and what comes in one
    turn is done in the next. So turns grow to thousands of requests, and whoever needs several of
    them (a read of the cache, a call of the upstream) waits for all who came later. Here those
    wait instead, in the order in which they came, and a few are let in each turn.

    Who finds the service full passes by the line: to be told so takes next to no time. But that
    thread needs the interpreter for each, which a busy loop gives away only when it has held it
    for a while (`sys.setswitchinterval`); those who are to be refused would pile up before the
    door, where nothing sees them. So that while is the shorter, the more pass by the line. It
    isn't always short, as each change of hands costs those who are served.
    """

    def __init__(self, full: Callable[[], bool]) -> None:
        """`full` says whether there is room for none but those who are in, or stand in line."""
        self._full = full
        self._waiting: deque[tuple[Callable[..., object], tuple[Any, ...], Context]] = deque()
        self._at_work = False
        self._pace = 0.0  # seconds for each that is let in, about
        self._turned = 0.0  # when the last were
        self._in_turn = 0  # how many then were
        self._let_in = 0  # since the start
        self._passed_by = 0

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
        vars(loop)["call_soon_threadsafe"] = self.call_soon_threadsafe
        hold = sys.getswitchinterval()
        holding = asyncio.create_task(self._hold())
        yield
        holding.cancel()
        sys.setswitchinterval(hold)
        # The class's own is back, and who waits is still let in. (In a test, two may share a loop.)
        vars(loop).pop("call_soon_threadsafe", None)

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle | None:
        """In place of the loop's own. Calls with a context wait in line, and can't be cancelled:
        Granian's have one. All others are made as ever."""
        if context is None:
            return self._call_soon_threadsafe(callback, *args)
        if self._full():
            self._passed_by += 1
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
        self._let_in += self._in_turn
        for _ in range(self._in_turn):
            callback, args, context = waiting.popleft()
            self._call_soon(_let_in, callback, args, context=context)
        if not waiting:
            self._at_work = False
            if not waiting or self._at_work:  # else another thread came in between
                self._in_turn = 0
                return
            self._at_work = True
        self._call_soon(self._turn)

    async def _hold(self) -> None:
        """Sets how long a thread holds the interpreter while another waits for it."""
        shortest, longest = _HOLD_IF_FULL
        passing = letting = 0.0  # in one beat
        while True:
            passed_by, let_in = self._passed_by, self._let_in
            await asyncio.sleep(_BEAT)
            passing += _SMOOTHING * (self._passed_by - passed_by - passing)
            letting += _SMOOTHING * (self._let_in - let_in - letting)
            hold = _HOLD
            if self._passed_by > passed_by:
                hold = min(longest, max(shortest, _HOLD_FOR_AS_MANY * letting / passing))
            sys.setswitchinterval(hold)


def _let_in(callback: Callable[..., object], args: tuple[Any, ...]) -> None:
    # In the context that came with it, as that of a request whose body has come is its own.
    outside = stood_in_line.set(True)
    try:
        callback(*args)
    finally:
        stood_in_line.reset(outside)
