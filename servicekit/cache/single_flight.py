"""Single flight: all clients that wait for the same load get one response."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from servicekit.cache.cached_routes import FastRoute
from servicekit.cache.representation import FastResponse
from servicekit.cache.results import CacheResult

_PER_TURN = 64  # requests


class LoadResult(NamedTuple):
    """The outcome of a load. With neither a response nor an error, it was cancelled."""

    response: FastResponse | None = None
    error: Exception | None = None


Waiter = Callable[[LoadResult], object]


class OldestFirst:
    """Calls back the requests whose loads have ended, the oldest first, some in each turn.

    Loads that end together have requests of all ages. Load by load, an old request would wait for
    most of the new ones: 0.4 s of the p99 of a cold thundering herd with 50,000 clients.
    """

    def __init__(self) -> None:
        self.number = count().__next__
        self._due: list[tuple[int, Waiter, LoadResult]] = []

    def call(self, number: int, waiter: Waiter, result: LoadResult) -> None:
        """`number`: of the request, as `number()` gave it when it came."""
        if not self._due:
            asyncio.get_running_loop().call_soon(self._turn)
        heapq.heappush(self._due, (number, waiter, result))

    def _turn(self) -> None:
        try:
            for _ in range(min(len(self._due), _PER_TURN)):
                _, waiter, result = heapq.heappop(self._due)
                waiter(result)
        finally:  # an error of one holds up no other
            if self._due:
                asyncio.get_running_loop().call_soon(self._turn)


class InFlightLoad:
    """A load and the requests that wait for it; the one that began it may be among them.

    A waiting request costs one call, where the slow path takes a task, a timer and eight nested
    calls. With thousands of them, this cost is most of their wait.
    """

    def __init__(
        self, fast: FastRoute, key: str, load: asyncio.Task[CacheResult], answers: OldestFirst
    ) -> None:
        self.recorder = fast.recorder
        self._fast = fast
        self._key = key
        self._load = load
        self._answers = answers
        self._first: list[tuple[int, Waiter]] = []
        self._joined: list[tuple[int, Waiter]] = []
        load.add_done_callback(self._loaded)

    @property
    def is_current(self) -> bool:
        """False once a write has invalidated the key: later requests must see that write."""
        return self._fast.route.cache.in_flight_load(self._key) is self._load

    def subscribe(self, waiter: Waiter, *, began: bool = False) -> None:
        """Calls `waiter` after the end of the load. `began`: its request did not join the load."""
        (self._first if began else self._joined).append((self._answers.number(), waiter))

    def _loaded(self, load: asyncio.Task[CacheResult]) -> None:
        for waiting, note in (self._first, ""), (self._joined, "; collapsed"):
            if waiting:
                result = self._result(load, len(waiting), note)
                for number, waiter in waiting:
                    self._answers.call(number, waiter, result)

    def _result(self, load: asyncio.Task[CacheResult], readers: int, note: str) -> LoadResult:
        if load.cancelled():
            return LoadResult()
        if isinstance(error := load.exception(), Exception):
            return LoadResult(error=error)
        route = self._fast.route
        try:
            read = route.cache.count_read(load.result(), readers)
            shared = CacheResult(read.entry, read.source, read.status + note)
            rendered = route.representation.render(shared)
        except Exception as error:  # NotFound, or any of the domain's representation
            return LoadResult(error=error)
        return LoadResult(rendered.for_fast_path(read.entry.stored_at, self.recorder))


class InFlightLoads:
    """The loads under way, by the path of their requests."""

    def __init__(self) -> None:
        self._loads: dict[str, InFlightLoad] = {}
        self._answers = OldestFirst()

    def register(self, parent: str, fast: FastRoute) -> None:
        """Lets requests for `parent`/key wait for each load of the route's cache from now on."""

        def begun(key: str, load: asyncio.Task[CacheResult]) -> None:
            path = f"{parent}/{key}"
            self._loads[path] = in_flight = InFlightLoad(fast, key, load, self._answers)
            load.add_done_callback(lambda _: self._ended(path, in_flight))

        fast.route.cache.on_load = begun

    def _ended(self, path: str, load: InFlightLoad) -> None:
        if self._loads.get(path) is load:  # else a write has made room for a newer one
            del self._loads[path]

    def get(self, path: str) -> InFlightLoad | None:
        """The current load of the path, if there is one."""
        load = self._loads.get(path)
        return load if load is not None and load.is_current else None
