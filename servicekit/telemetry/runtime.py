import asyncio
import gc
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from servicekit.background import background
from servicekit.telemetry import metrics
from servicekit.telemetry.counters import Timings
from servicekit.telemetry.metrics import Sample

_INTERVAL = 0.1  # seconds
_KEPT = 150  # measurements of the lag: a scrape every 15 s sees the largest of them


class Runtime:
    """Metrics of the interpreter: garbage collection, event-loop lag, tasks."""

    def __init__(self, queue_wait: Callable[[], float]) -> None:
        """`queue_wait` gives the seconds that a request waits in the admission queue."""
        self._queue_wait = queue_wait
        self._pauses = Timings()
        self._collections: Counter[int] = Counter()
        self._collecting_since = 0.0
        self._lags: deque[float] = deque([0.0], maxlen=_KEPT)

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        gc.callbacks.append(self._collected)
        try:
            async with background(self._measure_lag()):
                yield
        finally:
            gc.callbacks.remove(self._collected)

    def samples(self) -> Iterator[Sample]:
        yield metrics.GC_PAUSES.histogram([self._pauses])
        for generation in range(3):
            yield metrics.GC_COLLECTIONS.sample(self._collections[generation], str(generation))
        yield metrics.LOOP_LAG.sample(max(self._lags))
        yield metrics.TASKS.sample(len(asyncio.all_tasks()))

    async def _measure_lag(self) -> None:
        while True:
            due = time.perf_counter() + _INTERVAL
            await asyncio.sleep(_INTERVAL)
            self._lags.append(max(0.0, time.perf_counter() - due) + self._queue_wait())

    def _collected(self, phase: str, information: dict[str, int]) -> None:
        if phase == "start":
            self._collecting_since = time.perf_counter()
        else:
            self._pauses.add(time.perf_counter() - self._collecting_since)
            self._collections[information["generation"]] += 1
