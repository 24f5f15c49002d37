"""Many clients that wait for one load: the answer is made once, for all of them."""

import asyncio
from typing import NamedTuple

from servicekit.cache.representation import Rendered, Representation
from servicekit.cache.two_level import Cache, Found
from servicekit.errors import NotFound
from servicekit.telemetry.requests import FastPathRecorder


class Awaited(NamedTuple):
    """What a load came to. Without an answer and an error it was cancelled."""

    rendered: Rendered | None = None
    stored: float = 0.0  # Unix seconds
    error: Exception | None = None


class Crowd:
    """Each who waits costs a future, where the long way takes a timer and eight nested calls:
    with thousands of them, this decides how long all of them wait."""

    def __init__(
        self,
        cache: Cache,
        key: str,
        load: asyncio.Task[Found],
        representation: Representation,
        hot: FastPathRecorder,
    ) -> None:
        self._cache = cache
        self._key = key
        self._load = load
        self._representation = representation
        self.hot = hot
        self._waiting: list[asyncio.Future[Awaited]] = []
        load.add_done_callback(self._loaded)

    @property
    def open(self) -> bool:
        """False once a write has cut the load off: who comes later has to see what it wrote."""
        return self._cache.loading(self._key) is self._load

    def join(self) -> asyncio.Future[Awaited]:
        answer = self._load.get_loop().create_future()
        self._waiting.append(answer)
        return answer

    def _loaded(self, load: asyncio.Task[Found]) -> None:
        if self._waiting:
            outcome = self._outcome(load)
            for answer in self._waiting:
                if not answer.done():
                    answer.set_result(outcome)

    def _outcome(self, load: asyncio.Task[Found]) -> Awaited:
        if load.cancelled():
            return Awaited()
        if isinstance(error := load.exception(), Exception):
            return Awaited(error=error)
        try:
            found = self._cache.present(load.result(), len(self._waiting))
        except NotFound as error:
            return Awaited(error=error)
        return Awaited(self._representation.render(found.entry, found.source), found.entry.stored)


class Crowds:
    """The loads under way, by the path that asks for what they bring."""

    def __init__(self) -> None:
        self._crowds: dict[str, Crowd] = {}

    def gather(
        self, parent: str, cache: Cache, representation: Representation, hot: FastPathRecorder
    ) -> None:
        """Lets clients of `parent`/key join each load of `cache` from now on."""

        def begun(key: str, load: asyncio.Task[Found]) -> None:
            path = f"{parent}/{key}"
            self._crowds[path] = Crowd(cache, key, load, representation, hot)
            load.add_done_callback(lambda _: self._crowds.pop(path, None))

        cache.on_load = begun

    def of(self, path: str) -> Crowd | None:
        """None where there is nothing to wait for."""
        crowd = self._crowds.get(path)
        return crowd if crowd is not None and crowd.open else None
