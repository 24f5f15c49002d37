import asyncio
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from servicekit.telemetry import metrics
from servicekit.telemetry.counters import BOUNDS
from servicekit.telemetry.messages import ProfileRequest, ProfileResult, Snapshot, packed, received
from servicekit.telemetry.metrics import METRICS, MetricDefinition, Sample

_Key = tuple[str, tuple[str, ...]]
_Values = dict[_Key, list[float]]
_PAGE = os.sysconf("SC_PAGE_SIZE")


class WorkerEnded(Exception):
    pass


class WorkerConnection:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.pid: int | None = None
        self.samples: list[Sample] = []
        self._writer = writer
        self._sample: asyncio.Future[bytes] | None = None

    async def profile(self, sample: ProfileRequest) -> bytes:
        """A profile of the worker; raises `WorkerEnded` if it ends meanwhile."""
        self._sample = asyncio.get_running_loop().create_future()
        self._writer.write(packed(sample))
        return await self._sample

    async def receive(self, reader: asyncio.StreamReader) -> None:
        while (message := await received(reader)) is not None:
            if isinstance(message, Snapshot):
                self.pid, self.samples = message.pid, message.samples
            elif isinstance(message, ProfileResult) and self._sample:
                self._sample.set_result(message.profile)
        if self._sample and not self._sample.done():
            self._sample.set_exception(WorkerEnded)
        self._writer.close()


class Workers(Collector):
    """The samples of all workers, added up. Counters of workers that have ended stay."""

    def __init__(self) -> None:
        self._workers: set[WorkerConnection] = set()
        self._starts = 0
        self.profiles_refused = 0
        self._ended: _Values = {}

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Receives from one worker until its connection ends."""
        worker = WorkerConnection(writer)
        self._workers.add(worker)
        self._starts += 1
        await worker.receive(reader)
        self._workers.remove(worker)
        _merge(
            self._ended, (sample for sample in worker.samples if METRICS[sample[0]].kind != "gauge")
        )

    def any(self) -> WorkerConnection | None:
        return next(iter(self._workers), None)

    def collect(self) -> Iterator[Family]:
        values: _Values = {key: list(numbers) for key, numbers in self._ended.items()}
        _merge(values, [metrics.WORKERS.sample(len(self._workers))])
        _merge(values, [metrics.WORKER_STARTS.sample(self._starts)])
        _merge(values, [metrics.PROFILE_REFUSED.sample(self.profiles_refused)])
        for worker in self._workers:
            _merge(values, worker.samples)
            with suppress(OSError):  # it ended since, or the system has no /proc
                _merge(values, list(_process_samples(worker.pid)))
        for metric in METRICS.values():
            samples = {key[1]: value for key, value in values.items() if key[0] == metric.name}
            if samples:
                yield _family(metric, samples)


def _merge(values: _Values, samples: Iterable[Sample]) -> None:
    for name, labels, numbers in samples:
        key = (name, labels)
        before = values.get(key)
        if before is None:
            values[key] = list(numbers)
        elif METRICS[name].across == "max":
            before[0] = max(before[0], numbers[0])
        else:
            before[:] = [one + other for one, other in zip(before, numbers, strict=True)]


def _process_samples(pid: int | None) -> Iterator[Sample]:
    """Read by the supervisor, as counting open files would delay a busy worker."""
    process = Path(f"/proc/{pid}")
    yield metrics.RESIDENT.sample(int((process / "statm").read_text().split()[1]) * _PAGE)
    yield metrics.OPEN_FILES.sample(len(os.listdir(process / "fd")))
    yield metrics.THREADS.sample(len(os.listdir(process / "task")))


def _family(metric: MetricDefinition, samples: dict[tuple[str, ...], list[float]]) -> Family:
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, (*buckets, seconds) in samples.items():
            histogram.add_metric(labels, _cumulated(buckets), seconds)
        return histogram
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for labels, (value,) in samples.items():
        family.add_metric(labels, value)
    return family


def _cumulated(buckets: list[float]) -> list[tuple[str, float]]:
    bounds = [str(bound) for bound in BOUNDS] + ["+Inf"]
    return [(bound, sum(buckets[: place + 1])) for place, bound in enumerate(bounds)]
