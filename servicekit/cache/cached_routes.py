"""Cached routes are answered without routing, by the same bytes as with it."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.types import HTTPScope, Receive, Send

from servicekit.cache.entries import Entry, OriginResponse
from servicekit.cache.fast_path_rules import obstacles, routed, shared_paths
from servicekit.cache.representation import FastResponse, Representation, bypasses_cache
from servicekit.cache.results import CacheResult
from servicekit.cache.two_level import TwoLevelCache
from servicekit.http.problems import EXCEPTION_HANDLERS, error_response
from servicekit.http.responses import HttpApp
from servicekit.telemetry.requests import FastPathRecorder

logger = logging.getLogger(__name__)


class CachedRoute(msgspec.Struct, frozen=True):
    """A GET handler whose response comes from a cache, so that it can be given without routing.

    `keys` matches the path's last segment where it needs no validation. That is the cache's key,
    and `load` gives the origin's response for it. A handler with guards, hooks, middleware,
    response headers, DTOs or exception handlers is always routed: a fast path would skip them. So
    is one whose `keys` match the path of another route, such as /items/latest.
    """

    handler: HTTPRouteHandler
    keys: re.Pattern[str]
    cache: TwoLevelCache
    representation: Representation
    load: Callable[[str], Awaitable[OriginResponse]]


class FastRoute(msgspec.Struct, frozen=True):
    """A cached route as the fast paths know it."""

    template: str
    route: CachedRoute
    recorder: FastPathRecorder

    async def read(self, key: str) -> CacheResult:
        return await self.route.cache.get(key, partial(self.route.load, key))

    def load(self, key: str) -> asyncio.Task[CacheResult]:
        return self.route.cache.load(key, partial(self.route.load, key))

    def refresh(self, key: str) -> None:
        self.route.cache.refresh(key, partial(self.route.load, key))

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

    def at(self, path: str) -> tuple[FastRoute, str] | None:
        """The route and the key of a path."""
        parent, _, key = path.rpartition("/")
        fast = self._by_parent.get(parent)
        return (fast, key) if fast is not None and fast.route.keys.fullmatch(key) else None

    def find(self, scope: HTTPScope) -> tuple[FastRoute, str] | None:
        """The route and the key of a request; None if the request has no fast path."""
        if scope["method"] != "GET" or scope["query_string"] or bypasses_cache(scope):
            return None  # the handler decides
        return self.at(scope["path"])


class CachedRoutes:
    """Responds to a GET of a cached route without routing and dependency injection."""

    def __init__(self, app: HttpApp, routes: FastRoutes) -> None:
        self._app = app
        self._routes = routes

    def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        if found := self._routes.find(scope):
            return self._respond(*found, scope, receive, send)
        return self._app(scope, receive, send)

    async def _respond(
        self, fast: FastRoute, key: str, scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        scope["path_template"] = fast.template
        try:
            result = await fast.read(key)
        except Exception as error:  # Litestar's own handler is not around this
            response = error_response(scope, error)
        else:
            response = fast.route.representation.answer(scope, result)
        await response(scope, receive, send)
