"""Every metric of the service: its name, kind, labels and meaning."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from servicekit.telemetry.counters import Timings

# Name, values of the labels, and the value: one number, or a histogram's buckets and its sum.
Sample = tuple[str, tuple[str, ...], list[float]]


class MetricDefinition(msgspec.Struct, frozen=True):
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    across: Literal["sum", "max"] = "sum"  # how the values of several workers combine

    def sample(self, value: float, *labels: str) -> Sample:
        return self.name, labels, [value]

    def histogram(self, timings: Iterable[Timings], *labels: str) -> Sample:
        timings = list(timings)
        buckets: list[float] = [
            sum(column) for column in zip(*(t.buckets for t in timings), strict=True)
        ]
        return self.name, labels, [*buckets, sum(t.seconds for t in timings)]


REQUESTS = MetricDefinition(
    "http_requests_total", "counter", "Requests answered.", ("route", "method", "status")
)
REQUEST_DURATION = MetricDefinition(
    "http_request_duration_seconds",
    "histogram",
    "From arrival to the last byte.",
    ("route", "method"),
)
IN_FLIGHT = MetricDefinition("http_requests_in_flight", "gauge", "Requests in flight.")
SHED = MetricDefinition(
    "http_requests_shed_total", "counter", "Requests rejected by a worker at capacity."
)
DEADLINES = MetricDefinition(
    "http_deadlines_exceeded_total", "counter", "Requests that exceeded their deadline."
)

QUERY_DURATION = MetricDefinition(
    "database_query_duration_seconds",
    "histogram",
    "Time of a statement.",
    ("pool",),
)
ACQUIRE_DURATION = MetricDefinition(
    "database_acquire_duration_seconds", "histogram", "Wait for a connection.", ("pool",)
)
ACQUIRES_SLOW = MetricDefinition(
    "database_acquires_slow_total",
    "counter",
    "Waits for a connection of more than half of DB_ACQUIRE_TIMEOUT.",
    ("pool",),
)
POOL_CONNECTIONS = MetricDefinition(
    "database_pool_connections", "gauge", "Connections that are open.", ("pool", "state")
)
POOL_WAITERS = MetricDefinition(
    "database_pool_waiters", "gauge", "Callers that wait for a connection.", ("pool",)
)

CACHE_READS = MetricDefinition(
    "cache_reads_total", "counter", "Reads, by the layer that had the entry.", ("cache", "layer")
)
CACHE_REFRESHES = MetricDefinition(
    "cache_refreshes_total", "counter", "Refreshes in the background.", ("cache", "outcome")
)
CACHE_CORRUPT = MetricDefinition(
    "cache_corrupt_total", "counter", "Entries that could not be read.", ("cache",)
)
CACHE_INVALIDATIONS = MetricDefinition(
    "cache_invalidations_total", "counter", "Keys invalidated after a write.", ("cache", "origin")
)

UPSTREAM_REQUESTS = MetricDefinition(
    "upstream_requests_total", "counter", "Calls of the upstream.", ("outcome",)
)
UPSTREAM_DURATION = MetricDefinition(
    "upstream_request_duration_seconds", "histogram", "The same, timed."
)

BREAKER_STATE = MetricDefinition(
    "breaker_state", "gauge", "0 closed, 1 half open, 2 open.", ("name",), across="max"
)

GC_PAUSES = MetricDefinition(
    "python_gc_pause_seconds", "histogram", "Pauses for garbage collection."
)
GC_COLLECTIONS = MetricDefinition(
    "python_gc_collections_total", "counter", "Garbage collections.", ("generation",)
)
LOOP_LAG = MetricDefinition(
    "event_loop_lag_seconds", "gauge", "How late the loop was, at most, in 15 s.", across="max"
)
TASKS = MetricDefinition("asyncio_tasks", "gauge", "Tasks that are not done.")
THREADS = MetricDefinition("process_threads", "gauge", "Threads of the workers.")
RESIDENT = MetricDefinition("process_resident_memory_bytes", "gauge", "Memory of the workers.")
OPEN_FILES = MetricDefinition(
    "process_open_fds", "gauge", "Open files of the worker with most.", (), "max"
)
WORKERS = MetricDefinition("worker_processes", "gauge", "Workers that are connected.")
WORKER_STARTS = MetricDefinition(
    "worker_starts_total", "counter", "Workers started, respawns among them."
)

LOG_DROPPED = MetricDefinition(
    "log_lines_dropped_total",
    "counter",
    "Log lines that standard output did not take.",
)

PROFILE_REFUSED = MetricDefinition(
    "profile_requests_refused_total", "counter", "Profiles asked for without the secret."
)

METRICS = {
    value.name: value for value in list(vars().values()) if isinstance(value, MetricDefinition)
}
