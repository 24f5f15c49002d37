"""Reads what the parts of the service count about themselves."""

from collections.abc import Iterator

from servicekit.cache.two_level import LAYERS, Cache
from servicekit.database.pool import Database
from servicekit.overload.bulkheads import Bulkheads
from servicekit.overload.load_shedding import Limits
from servicekit.resilience.circuit_breaker import STATES, CircuitBreaker
from servicekit.telemetry import metrics
from servicekit.telemetry.metrics import Row
from servicekit.telemetry.requests import HotRoute
from servicekit.telemetry.stdout import StdoutHandler


def breaker_rows(breaker: CircuitBreaker) -> Iterator[Row]:
    yield metrics.BREAKER_STATE.of(STATES.index(breaker.state), breaker.name)


def log_rows(log: StdoutHandler) -> Iterator[Row]:
    yield metrics.LOG_DROPPED.of(log.dropped)


def limits_rows(limits: Limits, bulkheads: Bulkheads) -> Iterator[Row]:
    yield metrics.IN_FLIGHT.of(limits.in_flight)
    yield metrics.SHED.of(limits.shed + bulkheads.refused)
    yield metrics.DEADLINES.of(limits.expired)


def database_rows(database: Database, pool: str) -> Iterator[Row]:
    counts = database.counts
    yield metrics.QUERY_DURATION.timed([counts.queries], pool)
    yield metrics.ACQUIRE_DURATION.timed([counts.acquires], pool)
    yield metrics.ACQUIRES_SLOW.of(counts.slow, pool)
    yield metrics.POOL_WAITERS.of(counts.waiting, pool)
    idle, used = database.connections()
    yield metrics.POOL_CONNECTIONS.of(idle, pool, "idle")
    yield metrics.POOL_CONNECTIONS.of(used, pool, "used")


def cache_rows(cache: Cache, hot: HotRoute) -> Iterator[Row]:
    """`hot` has the reads that memory answered before the cache was asked."""
    counts = cache.counts
    for layer in LAYERS:
        reads = counts.reads[layer] + (hot.reads if layer == "memory" else 0)
        yield metrics.CACHE_READS.of(reads, cache.name, layer)
    for outcome in ("ok", "failed"):
        yield metrics.CACHE_REFRESHES.of(counts.refreshes[outcome], cache.name, outcome)
    for origin in ("local", "remote"):
        yield metrics.CACHE_INVALIDATIONS.of(counts.invalidations[origin], cache.name, origin)
    yield metrics.CACHE_CORRUPT.of(counts.corrupt, cache.name)
