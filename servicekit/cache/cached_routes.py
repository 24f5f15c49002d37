"""Cached routes are answered without routing, by the same bytes as with it."""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.types import HTTPScope, Receive, Send

from servicekit.cache.entries import Entry
from servicekit.cache.fast_path_rules import obstacles, routed, shared_paths
from servicekit.cache.memory_fast_path import PathIndex
from servicekit.cache.representation import FastResponse, Representation, bypasses_cache
from servicekit.cache.results import CacheResult
from servicekit.cache.single_flight import InFlightLoads
from servicekit.cache.two_level import TwoLevelCache
from servicekit.http.problems import EXCEPTION_HANDLERS, error_response
from servicekit.http.responses import HttpApp
from servicekit.telemetry.requests import FastPathRecorder

logger = logging.getLogger(__name__)


class CachedRoute(msgspec.Struct, frozen=True):
    """A GET handler whose response comes from a cache, so that it can be given without routing.

    `keys` matches the path's last segment where it needs no validation. `read` gives the
    handler's result. A handler with guards, hooks, middleware, response headers, DTOs or
    exception handlers is always routed: a fast path would skip them. So is one whose `keys` match
    the path of another route, such as /items/latest.
    """

    handler: HTTPRouteHandler
    keys: re.Pattern[str]
    cache: TwoLevelCache
    representation: Representation
    read: Callable[[str], Awaitable[CacheResult]]


class FastRoute(msgspec.Struct, frozen=True):
    """A cached route as the fast paths know it."""

    template: str
    route: CachedRoute
    recorder: FastPathRecorder

    def render(self, entry: Entry) -> FastResponse:
        rendered = self.route.representation.render(CacheResult.from_memory(entry))
        return rendered.for_fast_path(entry.stored_at, self.recorder)


class FastRoutes:
    """The cached routes that may skip routing, by the path above the key, such as /items."""

    def __init__(
        self,
        app: Litestar,
        routes: Iterable[CachedRoute],
        recorder: Callable[[str], FastPathRecorder],
    ) -> None:
        self._by_parent: dict[str, FastRoute] = {}
        for route in routes:
            template, handler = routed(app, route.handler)
            parent, _, key = template.rpartition("/")
            found = obstacles(app, handler, EXCEPTION_HANDLERS)
            found += shared_paths(app, template, handler, route.keys)
            if "{" in parent or not key.startswith("{"):
                found.append("path")
            if found:
                reason = {"route": template, "because_of": found}
                logger.info("cached route has no fast path", extra=reason)
            else:
                self._by_parent[parent] = FastRoute(template, route, recorder(template))

    def recorder_of(self, cache: TwoLevelCache) -> FastPathRecorder | None:
        for fast in self._by_parent.values():
            if fast.route.cache is cache:
                return fast.recorder
        return None

    def items(self) -> Iterable[tuple[str, FastRoute]]:
        return self._by_parent.items()

    def find(self, scope: HTTPScope) -> tuple[FastRoute, str] | None:
        """The route and the key of a request; None if the request has no fast path."""
        parent, _, key = scope["path"].rpartition("/")
        fast = self._by_parent.get(parent)
        if (
            fast is None
            or scope["method"] != "GET"
            or scope["query_string"]
            or not fast.route.keys.fullmatch(key)
            or bypasses_cache(scope)  # the handler decides
        ):
            return None
        return fast, key


class CachedRoutes:
    """Responds to a GET of a cached route without routing and dependency injection."""

    def __init__(
        self, app: HttpApp, routes: FastRoutes, paths: PathIndex, loads: InFlightLoads
    ) -> None:
        self._app = app
        self._routes = routes
        self._paths = paths
        for parent, fast in routes.items():
            loads.register(parent, fast.route.cache, fast.route.representation, fast.recorder)

    def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        if found := self._routes.find(scope):
            return self._respond(*found, scope, receive, send)
        return self._app(scope, receive, send)

    async def _respond(
        self, fast: FastRoute, key: str, scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        route = fast.route
        scope["path_template"] = fast.template
        try:
            result = await route.read(key)
        except Exception as error:  # Litestar's own handler is not around this
            response = error_response(scope, error)
        else:
            response = route.representation.answer(scope, result)
            hit = route.cache.memory_entry(key)
            if hit is not None and hit.fast_until:
                hit.render = fast.render
                self._paths.put(scope["path"], hit)
        await response(scope, receive, send)
