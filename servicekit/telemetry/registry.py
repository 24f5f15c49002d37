import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

from servicekit.settings import Settings
from servicekit.telemetry.access_log import AccessLog
from servicekit.telemetry.metrics import Sample
from servicekit.telemetry.requests import FastPathRecorder, RequestCounters, RequestRecorder
from servicekit.telemetry.runtime import Runtime
from servicekit.telemetry.worker_reporter import WorkerReporter


class MetricsRegistry:
    """The metrics of a worker, and their way to the supervisor, which adds the workers up."""

    def __init__(self, settings: Settings, line: Callable[[], float]) -> None:
        self._socket = settings.admin_socket
        self._runtime = Runtime(line)
        # None: requests are not counted, as nobody could ask.
        self.request_counters = RequestCounters() if settings.admin_port else None
        self._collectors: list[Callable[[], Iterable[Sample]]] = [self._runtime.samples]
        if self.request_counters:
            self._collectors.append(self.request_counters.samples)
        self.access_log = AccessLog(settings)
        self.requests = RequestRecorder(self.request_counters, self.access_log)

    def fast_path_recorder(self, route: str) -> FastPathRecorder:
        return FastPathRecorder(route, self.request_counters, self.access_log)

    def register(self, read: Callable[..., Iterable[Sample]], *components: object) -> None:
        """Adds the samples that `read` takes of `components`."""
        self._collectors.append(functools.partial(read, *components))

    def samples(self) -> Iterator[Sample]:
        for read in self._collectors:
            yield from read()

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        async with AsyncExitStack() as running:
            if self.request_counters:
                await running.enter_async_context(self._runtime.lifespan())
            if self._socket:
                await running.enter_async_context(
                    WorkerReporter(self._socket, self.samples).lifespan()
                )
            yield
