"""Samples of the counters that the components of the service keep."""

from collections.abc import Iterator

from servicekit.cache.results import LAYERS
from servicekit.cache.two_level import TwoLevelCache
from servicekit.database.pool import DatabasePool
from servicekit.overload.admission import Admission
from servicekit.resilience.circuit_breaker import STATES, CircuitBreaker
from servicekit.telemetry import metrics
from servicekit.telemetry.metrics import Sample
from servicekit.telemetry.requests import FastPathRecorder
from servicekit.telemetry.stdout import StdoutHandler


def breaker_samples(breaker: CircuitBreaker) -> Iterator[Sample]:
    yield metrics.BREAKER_STATE.sample(STATES.index(breaker.state), breaker.name)


def log_samples(log: StdoutHandler) -> Iterator[Sample]:
    yield metrics.LOG_DROPPED.sample(log.dropped)


def admission_samples(admission: Admission) -> Iterator[Sample]:
    yield metrics.IN_FLIGHT.sample(admission.in_flight)
    yield metrics.SHED.sample(admission.rejected)
    yield metrics.DEADLINES.sample(admission.deadlines_exceeded)


def database_samples(database: DatabasePool, pool: str) -> Iterator[Sample]:
    counts = database.counts
    yield metrics.QUERY_DURATION.histogram([counts.queries], pool)
    yield metrics.ACQUIRE_DURATION.histogram([counts.acquires], pool)
    yield metrics.ACQUIRES_SLOW.sample(counts.slow, pool)
    yield metrics.POOL_WAITERS.sample(counts.waiting, pool)
    idle, used = database.connections()
    yield metrics.POOL_CONNECTIONS.sample(idle, pool, "idle")
    yield metrics.POOL_CONNECTIONS.sample(used, pool, "used")


def cache_samples(cache: TwoLevelCache, fast: FastPathRecorder | None) -> Iterator[Sample]:
    """`fast` counts the reads that memory answered before the cache was asked."""
    counts = cache.counts
    for layer in LAYERS:
        reads = counts.reads[layer] + (fast.reads if fast and layer == "memory" else 0)
        yield metrics.CACHE_READS.sample(reads, cache.name, layer)
    for outcome in ("ok", "failed"):
        yield metrics.CACHE_REFRESHES.sample(counts.refreshes[outcome], cache.name, outcome)
    for origin in ("local", "remote"):
        yield metrics.CACHE_INVALIDATIONS.sample(counts.invalidations[origin], cache.name, origin)
    yield metrics.CACHE_CORRUPT.sample(counts.corrupt, cache.name)
