import asyncio
import gc
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from servicekit.telemetry import metrics
from servicekit.telemetry.counters import Timings
from servicekit.telemetry.metrics import Sample

_BEAT = 0.1  # seconds
_REMEMBERED = 150  # beats, so that whoever reads the lag every 15 s sees each lateness


class Runtime:
    """What Python itself does with a worker's time and memory."""

    def __init__(self, line: Callable[[], float]) -> None:
        """`line` says how many seconds a request waits to be let in."""
        self._line = line
        self._pauses = Timings()
        self._collections: Counter[int] = Counter()
        self._collecting_since = 0.0
        self._lags: deque[float] = deque([0.0], maxlen=_REMEMBERED)

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        gc.callbacks.append(self._collected)
        beating = asyncio.create_task(self._beat())
        yield
        beating.cancel()
        gc.callbacks.remove(self._collected)

    def samples(self) -> Iterator[Sample]:
        yield metrics.GC_PAUSES.histogram([self._pauses])
        for generation in range(3):
            yield metrics.GC_COLLECTIONS.sample(self._collections[generation], str(generation))
        yield metrics.LOOP_LAG.sample(max(self._lags))
        yield metrics.TASKS.sample(len(asyncio.all_tasks()))

    async def _beat(self) -> None:
        while True:
            due = time.perf_counter() + _BEAT
            await asyncio.sleep(_BEAT)
            self._lags.append(max(0.0, time.perf_counter() - due) + self._line())

    def _collected(self, phase: str, information: dict[str, int]) -> None:
        if phase == "start":
            self._collecting_since = time.perf_counter()
        else:
            self._pauses.add(time.perf_counter() - self._collecting_since)
            self._collections[information["generation"]] += 1
