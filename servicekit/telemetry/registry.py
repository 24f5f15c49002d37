import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

from servicekit.settings import Settings
from servicekit.telemetry.access_log import AccessLog
from servicekit.telemetry.metrics import Row
from servicekit.telemetry.requests import HotRoute, Tallies
from servicekit.telemetry.runtime import Runtime
from servicekit.telemetry.sampling import Sampler
from servicekit.telemetry.worker_reporter import Link


class Meter:
    """All that a worker counts, and its way to whoever adds the workers up."""

    def __init__(self, settings: Settings, line: Callable[[], float]) -> None:
        self._socket = settings.admin_socket
        self._runtime = Runtime(line)
        # None: requests are not counted, as nobody could ask.
        self.tallies = Tallies() if settings.admin_port else None
        self._readings: list[Callable[[], Iterable[Row]]] = [self._runtime.rows]
        if self.tallies:
            self._readings.append(self.tallies.rows)
        self.access = AccessLog(settings)
        self.sampler = Sampler()

    def hot_route(self, route: str) -> HotRoute:
        return HotRoute(route, self.tallies, self.access)

    def watch(self, read: Callable[..., Iterable[Row]], *parts: object) -> None:
        """Counts what `read` finds in `parts`, too."""
        self._readings.append(functools.partial(read, *parts))

    def rows(self) -> Iterator[Row]:
        for read in self._readings:
            yield from read()

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        async with AsyncExitStack() as running:
            if self.tallies:
                await running.enter_async_context(self._runtime.lifespan())
            if self._socket:
                await running.enter_async_context(
                    Link(self._socket, self.rows, self.sampler).lifespan()
                )
            yield
