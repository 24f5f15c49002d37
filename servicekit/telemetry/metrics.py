"""Every metric of the service: its name, kind, labels and meaning."""

from collections.abc import Iterable
from functools import partial
from typing import Literal, get_args

import msgspec

from servicekit.telemetry.counters import Timings

# Name, values of the labels, and the value: one number, or a histogram's buckets and its sum.
Sample = tuple[str, tuple[str, ...], list[float]]


Kind = Literal["counter", "gauge", "histogram"]
Across = Literal["sum", "max"]


class MetricDefinition(msgspec.Struct, frozen=True):
    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    across: Across  # how the values of several workers combine

    def sample(self, value: float, *labels: str) -> Sample:
        return self.name, labels, [value]

    def histogram(self, timings: Iterable[Timings], *labels: str) -> Sample:
        timings = list(timings)
        buckets: list[float] = [
            sum(column) for column in zip(*(t.buckets for t in timings), strict=True)
        ]
        return self.name, labels, [*buckets, sum(t.seconds for t in timings)]


def _metric(
    kind: Kind, name: str, help: str, *labels: str, across: Across = "sum"
) -> MetricDefinition:
    return MetricDefinition(name, kind, help, labels, across)


_counter, _gauge, _histogram = (partial(_metric, kind) for kind in get_args(Kind))

REQUESTS = _counter("http_requests_total", "Requests answered.", "route", "method", "status")
REQUEST_DURATION = _histogram(
    "http_request_duration_seconds", "From arrival to the last byte.", "route", "method"
)
IN_FLIGHT = _gauge("http_requests_in_flight", "Requests in flight.")
SHED = _counter("http_requests_shed_total", "Requests rejected by a worker at capacity.")
DEADLINES = _counter("http_deadlines_exceeded_total", "Requests that exceeded their deadline.")

QUERY_DURATION = _histogram("database_query_duration_seconds", "Time of a statement.", "pool")
ACQUIRE_DURATION = _histogram("database_acquire_duration_seconds", "Wait for a connection.", "pool")
ACQUIRES_SLOW = _counter(
    "database_acquires_slow_total",
    "Waits for a connection of more than half of DB_ACQUIRE_TIMEOUT.",
    "pool",
)
POOL_CONNECTIONS = _gauge(
    "database_pool_connections", "Connections that are open.", "pool", "state"
)
POOL_WAITERS = _gauge("database_pool_waiters", "Callers that wait for a connection.", "pool")

CACHE_READS = _counter(
    "cache_reads_total", "Reads, by the layer that had the entry.", "cache", "layer"
)
CACHE_REFRESHES = _counter(
    "cache_refreshes_total", "Refreshes in the background.", "cache", "outcome"
)
CACHE_CORRUPT = _counter("cache_corrupt_total", "Entries that could not be read.", "cache")
CACHE_INVALIDATIONS = _counter(
    "cache_invalidations_total", "Keys invalidated after a write.", "cache", "origin"
)

UPSTREAM_REQUESTS = _counter("upstream_requests_total", "Calls of the upstream.", "outcome")
UPSTREAM_DURATION = _histogram("upstream_request_duration_seconds", "The same, timed.")

BREAKER_STATE = _gauge("breaker_state", "0 closed, 1 half open, 2 open.", "name", across="max")

GC_PAUSES = _histogram("python_gc_pause_seconds", "Pauses for garbage collection.")
GC_COLLECTIONS = _counter("python_gc_collections_total", "Garbage collections.", "generation")
LOOP_LAG = _gauge(
    "event_loop_lag_seconds", "How late the loop was, at most, in 15 s.", across="max"
)
TASKS = _gauge("asyncio_tasks", "Tasks that are not done.")
THREADS = _gauge("process_threads", "Threads of the workers.")
RESIDENT = _gauge("process_resident_memory_bytes", "Memory of the workers.")
OPEN_FILES = _gauge("process_open_fds", "Open files of the worker with most.", across="max")
WORKERS = _gauge("worker_processes", "Workers that are connected.")
WORKER_STARTS = _counter("worker_starts_total", "Workers started, respawns among them.")

LOG_DROPPED = _counter("log_lines_dropped_total", "Log lines that standard output did not take.")

PROFILE_REFUSED = _counter(
    "profile_requests_refused_total", "Profiles asked for without the secret."
)

METRICS = {
    value.name: value for value in list(vars().values()) if isinstance(value, MetricDefinition)
}
