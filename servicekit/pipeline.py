"""The service around routing: what a request passes, from the first layer to its handler."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from litestar import Litestar
from litestar.types import ASGIApp

from servicekit.auth.middleware import AuthenticationMiddleware
from servicekit.auth.rate_limit import RateLimitMiddleware
from servicekit.auth.tokens import TokenVerifier
from servicekit.cache.cached_routes import CachedRoutes, FastRoutes
from servicekit.cache.invalidations import listen_for_invalidations
from servicekit.cache.memory_fast_path import MemoryFastPath, wants_cached
from servicekit.domain import Domain
from servicekit.http.checks import ChecksMiddleware
from servicekit.http.cors import CorsMiddleware
from servicekit.http.direct import Constant
from servicekit.http.head import HeadMiddleware
from servicekit.http.health import ReadinessCheck, health, ready
from servicekit.http.openapi import openapi_config, to_documentation
from servicekit.http.plugin import HttpPlugin
from servicekit.http.proxy_headers import ProxyHeaders
from servicekit.http.routes import DirectRouting
from servicekit.http.rsgi import RsgiHeaders, RsgiService, Service
from servicekit.http.strict_host import has_valid_host_and_no_coding, host_rejection
from servicekit.overload.bulkheads import Bulkheads, Databases
from servicekit.overload.garbage_collection import rare_collections
from servicekit.overload.load_shedding import FastRejection, LoadShedding
from servicekit.parts import Parts
from servicekit.settings import Settings
from servicekit.telemetry.collectors import cache_samples
from servicekit.telemetry.requests import RequestLog

Layer = Callable[[ASGIApp], ASGIApp]


def service(parts: Parts[Any], domains: Sequence[Domain]) -> Service:
    """The domains' routes, the layers around routing, and the fast paths to cached responses."""
    app = litestar_app(parts, domains)
    cached = [domain.cached for domain in domains if domain.cached]
    routes = FastRoutes(app, cached, parts.metrics.fast_path_recorder)
    for cache in parts.caches:
        parts.metrics.register(cache_samples, cache, routes.recorder_of(cache))
    for read in (read for domain in domains for read in domain.metrics):
        parts.metrics.register(read)
    for layer in reversed(layers(parts, domains, app, routes)):
        app.asgi_handler = layer(app.asgi_handler)

    settings, admission = parts.settings, parts.admission
    # A page of another origin can't read a response without CORS headers.
    early = None if settings.origins else FastRejection(admission, parts.metrics.requests)
    admits = _admits(settings, parts.tokens)
    fast_path = MemoryFastPath(app, routes, admission, admits, early)
    if parts.tracing:
        return RsgiService(parts.tracing.around(fast_path), None)
    return RsgiService(fast_path, fast_path)


def layers(
    parts: Parts[Any], domains: Sequence[Domain], app: Litestar, routes: FastRoutes
) -> list[Layer]:
    """The layers around routing, outermost first: they bound and mark unknown paths, too."""
    settings, admission, tokens = parts.settings, parts.admission, parts.tokens
    bulkheads = Bulkheads(_databases(domains), routes.find, admission)
    chosen: list[Any] = [
        # Every response, a rejection as well, gets an id, security headers and a count.
        partial(RequestLog, recorder=parts.metrics.requests),
        # Later layers and handlers know GET alone.
        HeadMiddleware,
        # Later layers see the client's address, not the load balancer's.
        settings.proxies and partial(ProxyHeaders, proxies=settings.proxies),
        # Before any rejection: a browser hides a response without these headers from its page.
        settings.origins and partial(CorsMiddleware, origins=settings.origins),
        # Before load shedding: a request that its database can't serve takes no place in flight.
        # Before any layer that trusts a header.
        partial(ChecksMiddleware, checks=[bulkheads.rejection, host_rejection]),
        partial(LoadShedding, admission=admission),
        tokens
        and partial(AuthenticationMiddleware, tokens=tokens, public_paths=settings.public_paths),
        # After authentication: a client is the subject of its token, if it has one.
        settings.rate_limit and partial(RateLimitMiddleware, valkey=parts.valkey, limit=settings),
        partial(CachedRoutes, routes=routes),
        partial(DirectRouting, litestar=app),
    ]
    return [layer for layer in chosen if layer]


def _databases(domains: Sequence[Domain]) -> Databases:
    return {domain.controller.path.strip("/"): (domain.reads, domain.writes) for domain in domains}


def litestar_app(parts: Parts[Any], domains: Sequence[Domain]) -> Litestar:
    """Routing: the domains' controllers, /health and /ready."""
    settings = parts.settings
    readiness_check = ReadinessCheck(
        parts.primary, parts.replica, parts.valkey, settings.build_id, settings.stopping_file
    )
    documented = openapi_config(settings)
    values: dict[str, object] = {"readiness_check": readiness_check}
    for domain in domains:
        values |= domain.dependencies
    return Litestar(
        route_handlers=[
            health,
            ready,
            *(domain.controller for domain in domains),
            *([to_documentation] if documented else []),
        ],
        dependencies={name: Constant(value) for name, value in values.items()},
        lifespan=[
            rare_collections,
            parts.admission.lifespan,
            *(database.lifespan for database in parts.databases),
            parts.valkey.lifespan,
            lambda _app: listen_for_invalidations(parts.valkey, *parts.caches),
            *(lifespan for domain in domains for lifespan in domain.lifespans),
            *([parts.tokens.lifespan] if parts.tokens else []),
            parts.metrics.lifespan,
        ],
        plugins=[HttpPlugin()],
        openapi_config=documented,
        request_max_body_size=settings.max_body_bytes,
        logging_config=None,
    )


def _admits(settings: Settings, tokens: TokenVerifier | None) -> Callable[[RsgiHeaders], object]:
    """The check that stands for all layers on the way to a response from memory."""
    if settings.rate_limit or settings.origins:
        return lambda _headers: False

    def admits(headers: RsgiHeaders) -> bool:
        return has_valid_host_and_no_coding(headers) and wants_cached(headers)

    if tokens:
        return lambda headers: (
            admits(headers) and tokens.cached_claims(headers.get("authorization") or "")
        )
    return admits
