import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from granian.utils.proxies import wrap_asgi_with_proxy_headers
from litestar import Litestar
from litestar.di import Provide
from litestar.types import ASGIApp, HTTPScope
from servicekit.auth.middleware import AuthenticationMiddleware
from servicekit.auth.rate_limit import RateLimitMiddleware
from servicekit.auth.tokens import TokenVerifier
from servicekit.cache.cached_routes import CachedRoutes, MemoryFastPath, PathIndex
from servicekit.cache.entries import CachePolicy
from servicekit.cache.leases import Leases
from servicekit.cache.single_flight import InFlightLoads
from servicekit.cache.two_level import TwoLevelCache, listen_for_invalidations
from servicekit.cache.valkey import Valkey
from servicekit.database.pool import Database
from servicekit.http.cors import CorsMiddleware
from servicekit.http.head import HeadMiddleware
from servicekit.http.health import ReadinessCheck, health, ready
from servicekit.http.openapi import openapi_config
from servicekit.http.plugin import HttpPlugin
from servicekit.http.strict_host import StrictHostMiddleware, has_valid_host_and_framing
from servicekit.overload.admission_queue import Handover
from servicekit.overload.bulkheads import Bulkheads
from servicekit.overload.load_shedding import FastRejection, Limits
from servicekit.overload.loop_lag import Lag
from servicekit.telemetry.collectors import (
    breaker_samples,
    cache_samples,
    database_samples,
    load_shedding_samples,
    log_samples,
)
from servicekit.telemetry.logs import configure_logging
from servicekit.telemetry.registry import MetricsRegistry
from servicekit.telemetry.requests import RequestLog
from servicekit.telemetry.spans import UNTRACED, Spans

from app.data.routes import DataController, cached_data
from app.data.upstream import Upstream
from app.items.routes import ItemController, cached_items
from app.items.store import ItemStore
from app.settings import Settings, load_settings

Service = MemoryFastPath
_LEASE = 6.0  # seconds; an upstream that is slower is asked by each worker
_NEW_ITEM_UNSEEN = 0.1  # seconds, at most, in a worker that was asked for it before it was there


def create_app(settings: Settings | None = None, spans: Spans = UNTRACED) -> Service:
    """The service, wired; the one place where its parts meet."""
    settings = settings or load_settings()
    log = configure_logging(settings.environment)
    handover = Handover(lambda: limited.full())
    lag = Lag(settings.request_timeout / 3, handover.wait)
    registry = MetricsRegistry(settings, handover.wait)
    tokens = TokenVerifier(settings.auth) if settings.auth else None
    database = Database(settings, settings.database_url)
    replica_url = settings.database_replica_url
    replica = Database(settings, replica_url, "replica") if replica_url else database
    valkey = Valkey(settings)
    item_policy = _policy(settings, settings.item_ttl, min(settings.missing_ttl, _NEW_ITEM_UNSEEN))
    data_policy = _policy(settings, settings.data_ttl, settings.missing_ttl)
    item_cache = TwoLevelCache("item", item_policy, settings, valkey)
    leases = Leases(valkey, min(_LEASE, settings.request_timeout / 2))
    data_cache = TwoLevelCache("data", data_policy, settings, valkey, leases)
    items = ItemStore(database, replica, item_cache)
    upstream = Upstream(settings, data_cache)
    for part in (database, replica, item_cache, data_cache, upstream):
        part.spans = spans
    readiness_check = ReadinessCheck(database, valkey, settings.build_id, settings.stopping_file)

    app = Litestar(
        route_handlers=[health, ready, ItemController, DataController],
        dependencies={
            "items": _provide(items),
            "upstream": _provide(upstream),
            "readiness_check": _provide(readiness_check),
        },
        lifespan=[
            rare_collections,
            handover.lifespan,
            lag.lifespan,
            *dict.fromkeys([database.lifespan, replica.lifespan]),
            valkey.lifespan,
            lambda _app: listen_for_invalidations(valkey, item_cache, data_cache),
            upstream.lifespan,
            *([tokens.lifespan] if tokens else []),
            registry.lifespan,
        ],
        plugins=[HttpPlugin()],
        openapi_config=openapi_config(settings),
        request_max_body_size=settings.max_body_bytes,
        logging_config=None,
    )
    cached = {
        "/items": cached_items(items, registry),
        "/data": cached_data(upstream, registry),
    }
    # Around the routing, so that what no route answers is bounded and marked, too.
    # The first to look at a request stands last.
    paths, loads = PathIndex(), InFlightLoads()
    reads = CachedRoutes(app.asgi_handler, cached, paths, loads)
    handler: ASGIApp = reads
    if settings.rate_limit:
        handler = RateLimitMiddleware(handler, valkey, settings.rate_limit, settings.rate_burst)
    if tokens:
        handler = AuthenticationMiddleware(handler, tokens)
    most, timeout = settings.max_in_flight, settings.request_timeout
    limited = Limits(StrictHostMiddleware(handler), handover, lag, most, timeout)
    bulkheads = Bulkheads(limited, {"items": (replica, database)}, reads.cached)
    handler = CorsMiddleware(bulkheads, settings.origins) if settings.origins else bulkheads
    if settings.proxies:
        handler = wrap_asgi_with_proxy_headers(handler, settings.proxies)
    handler = HeadMiddleware(handler)
    app.asgi_handler = requests = RequestLog(
        handler, registry.request_counters, registry.access_log
    )

    registry.register(log_samples, log)
    registry.register(load_shedding_samples, limited, bulkheads)
    registry.register(upstream.samples)
    _watch_stores(registry, database, replica, valkey, upstream)
    for route in cached.values():
        registry.register(cache_samples, route.cache, route.recorder)
    # Other sites' pages can't read an answer that says nothing of them.
    refuse = None if settings.origins else FastRejection(limited, requests)
    return MemoryFastPath(app, paths, loads, limited, _admission(settings, tokens), refuse)


def _watch_stores(
    registry: MetricsRegistry,
    database: Database,
    replica: Database,
    valkey: Valkey,
    upstream: Upstream,
) -> None:
    registry.register(database_samples, database, "primary")
    if replica is not database:
        registry.register(database_samples, replica, "replica")
    for part in (database, replica, valkey, upstream):
        registry.register(breaker_samples, part.breaker)


def _admission(settings: Settings, tokens: TokenVerifier | None) -> Callable[[HTTPScope], object]:
    """What has to agree to an answer that nothing else looks at."""
    if settings.rate_limit or settings.origins:
        return lambda _scope: False
    if tokens:
        return lambda scope: has_valid_host_and_framing(scope) and tokens.cached_claims(scope)
    return has_valid_host_and_framing


@asynccontextmanager
async def rare_collections(_app: object) -> AsyncIterator[None]:
    """Keeps the cyclic garbage collector from looking at each of many requests in flight over and
    over: it took a third of a worker's time with 12,500 of them, and found next to nothing."""
    defaults = gc.get_threshold()
    gc.collect()
    gc.freeze()  # what the imports made lives as long as the process
    gc.set_threshold(10_000, 250, 100)
    yield
    gc.set_threshold(*defaults)
    gc.unfreeze()


def _provide(part: object) -> Provide:
    def provided() -> Any:
        return part

    return Provide(provided, sync_to_thread=False)


def _policy(settings: Settings, fresh: float, missing: float) -> CachePolicy:
    return CachePolicy(ttl=fresh, stale_ttl=settings.stale_ttl, negative_ttl=missing)
