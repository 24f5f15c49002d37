"""Single flight: all clients that wait for the same load get one response."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from servicekit.cache.representation import FastResponse, Representation
from servicekit.cache.results import CacheResult
from servicekit.cache.two_level import TwoLevelCache
from servicekit.telemetry.requests import FastPathRecorder


class LoadResult(NamedTuple):
    """The outcome of a load. With neither a response nor an error, it was cancelled."""

    response: FastResponse | None = None
    error: Exception | None = None


class InFlightLoad:
    """A load and the requests that wait for it.

    A subscriber costs one call, where the slow path takes a task, a timer and eight nested calls.
    With thousands of subscribers, this cost is most of their wait.
    """

    def __init__(
        self,
        cache: TwoLevelCache,
        key: str,
        load: asyncio.Task[CacheResult],
        representation: Representation,
        recorder: FastPathRecorder,
    ) -> None:
        self._cache = cache
        self._key = key
        self._load = load
        self._representation = representation
        self.recorder = recorder
        self._waiting: list[Callable[[LoadResult], object]] = []
        load.add_done_callback(self._loaded)

    @property
    def is_current(self) -> bool:
        """False once a write has invalidated the key: later requests must see that write."""
        return self._cache.in_flight_load(self._key) is self._load

    def subscribe(self, ended: Callable[[LoadResult], object]) -> None:
        """Calls `ended`, which may not raise, at the end of the load."""
        self._waiting.append(ended)

    def _loaded(self, load: asyncio.Task[CacheResult]) -> None:
        if self._waiting:
            outcome = self._outcome(load)
            for ended in self._waiting:
                ended(outcome)

    def _outcome(self, load: asyncio.Task[CacheResult]) -> LoadResult:
        if load.cancelled():
            return LoadResult()
        if isinstance(error := load.exception(), Exception):
            return LoadResult(error=error)
        try:
            result = self._cache.count_read(load.result(), len(self._waiting))
            joined = CacheResult(result.entry, result.source, f"{result.status}; collapsed")
            rendered = self._representation.render(joined)
        except Exception as error:  # NotFound, or any of the domain's representation
            return LoadResult(error=error)
        return LoadResult(rendered.for_fast_path(result.entry.stored_at, self.recorder))


class InFlightLoads:
    """The loads under way, by the path of their requests."""

    def __init__(self) -> None:
        self._loads: dict[str, InFlightLoad] = {}

    def register(
        self,
        parent: str,
        cache: TwoLevelCache,
        representation: Representation,
        recorder: FastPathRecorder,
    ) -> None:
        """Lets requests for `parent`/key subscribe to each load of `cache` from now on."""

        def begun(key: str, load: asyncio.Task[CacheResult]) -> None:
            path = f"{parent}/{key}"
            self._loads[path] = InFlightLoad(cache, key, load, representation, recorder)
            load.add_done_callback(lambda _: self._loads.pop(path, None))

        cache.on_load = begun

    def get(self, path: str) -> InFlightLoad | None:
        """The current load of the path, if there is one."""
        load = self._loads.get(path)
        return load if load is not None and load.is_current else None
