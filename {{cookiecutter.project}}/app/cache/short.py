"""The short ways to a cached answer: the same bytes as from the route, a fraction of the time."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import msgspec
from litestar import Litestar
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from app.cache.http import Rendered, Representation
from app.cache.layers import Cache, Found
from app.problems import problem_of
from app.telemetry.request_id import request_id


class CachedRoute(msgspec.Struct, frozen=True):
    """`keys` are those that need no validation; `read` answers as the route's handler does."""

    keys: re.Pattern[str]
    cache: Cache
    representation: Representation
    read: Callable[[str], Awaitable[Found]]


# A path up to its last slash, and what is cached below it.
CachedRoutes = Mapping[str, CachedRoute]


class HotAnswers:
    """Answers a GET from memory before anything else looks at it. All else goes on to `app`."""

    def __init__(self, app: Litestar, routes: CachedRoutes) -> None:
        self.app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _cached(self._routes, scope)
        if found is not None:
            route, key = found
            now = time.time()
            held = route.cache.hot(key, now)
            if held is not None:
                rendered = held.rendered
                if not isinstance(rendered, Rendered):
                    rendered = route.representation.render(held.entry, "memory")
                    held.rendered = rendered
                scope = cast("HTTPScope", scope)
                answer = rendered.answer(scope, now - held.entry.stored)
                answer.headers.append((b"x-request-id", request_id(scope)))
                return await answer(scope, receive, send)
        await self.app(cast("Any", scope), cast("Any", receive), cast("Any", send))


class ColdReads:
    """Answers a GET of what is cached, or can be, without routing and dependency injection."""

    def __init__(self, app: ASGIApp, routes: CachedRoutes) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _cached(self._routes, scope)
        if found is None or not found[0].keys.fullmatch(found[1]):
            return await self._app(scope, receive, send)
        route, key = found
        scope = cast("HTTPScope", scope)
        try:
            answer = route.representation.answer(scope, await route.read(key))
        except Exception as error:  # the framework's own handler is not around this
            answer = problem_of(scope, error)
        await answer(scope, receive, send)


def _cached(routes: CachedRoutes, scope: Scope) -> tuple[CachedRoute, str] | None:
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return None
    parent, _, key = scope["path"].rpartition("/")
    route = routes.get(parent)
    return None if route is None else (route, key)
