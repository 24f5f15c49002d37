"""The short ways to a cached answer: the same bytes as from the route, a fraction of the time."""

import functools
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import msgspec
from litestar import Litestar
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from servicekit.cache.memory import MemoryEntry
from servicekit.cache.representation import Rendered, Representation, matches
from servicekit.cache.single_flight import InFlightLoads
from servicekit.cache.two_level import CacheResult, TwoLevelCache
from servicekit.http.problems import error_response
from servicekit.http.request_id import ACCEPTED, new_request_id
from servicekit.http.responses import SECURITY_HEADERS
from servicekit.overload.load_shedding import FastRejection, Limits
from servicekit.telemetry.requests import FastPathRecorder


class CachedRoute(msgspec.Struct, frozen=True):
    """`keys` are those that need no validation; `read` answers as the route's handler does."""

    template: str
    keys: re.Pattern[str]
    cache: TwoLevelCache
    representation: Representation
    read: Callable[[str], Awaitable[CacheResult]]
    recorder: FastPathRecorder


class PathIndex:
    """What memory holds, by the path that asks for it."""

    def __init__(self) -> None:
        self._held: dict[str, MemoryEntry] = {}
        self.get = self._held.get

    def put(self, path: str, held: MemoryEntry) -> None:
        self._held[path] = held
        held.on_evict = functools.partial(self._held.pop, path, None)


class MemoryFastPath:
    """Answers a GET from memory, or when the load that others wait for ends, before anything else
    looks at it, if `admits` has nothing against it. What a full worker can't take is refused, where
    `refuse` is given. All else goes on to `app`."""

    def __init__(
        self,
        app: Litestar,
        paths: PathIndex,
        loads: InFlightLoads,
        limits: Limits,
        admits: Callable[[HTTPScope], object],
        refuse: FastRejection | None,
    ) -> None:
        self.app = app
        self._paths = paths
        self._loads = loads
        self._limits = limits
        self._admits = admits
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(cast("Any", scope), cast("Any", receive), cast("Any", send))
        short = scope["method"] == "GET" and not scope["query_string"]
        if short:
            begun = time.perf_counter()
            held = self._paths.get(scope["path"])
            if held is not None and time.time() < held.fast_until and self._admits(scope):
                held.recorder.reads += 1
                answer = held.rendered, held.entry.stored_at
                return await _answer(*answer, held.recorder, begun, scope, send)
        full = self._limits.refuses()
        if full and self._refuse and scope["path"] != "/health":
            return await self._refuse(scope, send)
        if short and not full:
            load = self._loads.get(scope["path"])
            if load is not None and self._admits(scope):
                rendered, stored, error = await self._limits.counted(load.subscribe())
                if rendered is not None:
                    return await _answer(rendered, stored, load.recorder, begun, scope, send)
                cast("Any", scope)["load_failed"] = error
        await self.app(cast("Any", scope), cast("Any", receive), cast("Any", send))


async def _answer(
    rendered: Rendered,
    stored: float,
    recorder: FastPathRecorder,
    begun: float,
    scope: HTTPScope,
    send: Send,
) -> None:
    # Written out, not composed of the route's parts: each call is a percent of such an answer.
    if_none_match = request_id = None
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            if_none_match = if_none_match or value
        elif name == b"x-request-id" and request_id is None and ACCEPTED.fullmatch(value):
            request_id = value
    if if_none_match is not None and matches(if_none_match, rendered.etag):
        status, headers, body = 304, rendered.unchanged, b""
    else:
        status, headers, body = 200, rendered.full, rendered.body
    age = (b"age", b"%d" % max(0, time.time() - stored))
    own_id = request_id or new_request_id()
    headers = [*headers, age, *SECURITY_HEADERS, (b"x-request-id", own_id)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
    recorder.answered(scope, status, own_id, time.perf_counter() - begun)


class CachedRoutes:
    """Answers a GET of what is cached, or can be, without routing and dependency injection.

    `routes` maps a path up to its last slash to what is cached below it.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Mapping[str, CachedRoute],
        paths: PathIndex,
        loads: InFlightLoads,
    ) -> None:
        self._app = app
        self._routes = routes
        self._paths = paths
        for parent, route in routes.items():
            loads.register(parent, route.cache, route.representation, route.recorder)

    def cached(self, scope: HTTPScope) -> tuple[CachedRoute, str] | None:
        """The route and the key of what is, or can be, cached."""
        parent, _, key = scope["path"].rpartition("/")
        route = self._routes.get(parent)
        if (
            route is None
            or scope["method"] != "GET"
            or scope["query_string"]
            or not route.keys.fullmatch(key)
        ):
            return None
        return route, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = cast("HTTPScope", scope)
        cached = self.cached(scope)
        if cached is None:
            return await self._app(scope, receive, send)
        route, key = cached
        scope["path_template"] = route.template
        try:
            if error := cast("Any", scope).get("load_failed"):  # the one that it waited for
                raise error
            found = await route.read(key)
        except Exception as error:  # the framework's own handler is not around this
            answer = error_response(scope, error)
        else:
            answer = route.representation.answer(scope, found)
            held = route.cache.memory_entry(key)
            if held is not None and held.fast_until:
                held.rendered = route.representation.render(held.entry, "memory")
                held.recorder = route.recorder
                self._paths.put(scope["path"], held)
        await answer(scope, receive, send)
