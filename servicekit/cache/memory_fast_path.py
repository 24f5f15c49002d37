"""The way from a cache to a response, before any layer: the bytes of the route, in less time."""

import asyncio
import functools
import logging
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, cast

import msgspec
from litestar import Litestar
from litestar.types import HTTPScope, Receive, Scope, Send

from servicekit.cache.cached_routes import FastRoute, FastRoutes
from servicekit.cache.memory import MemoryEntry
from servicekit.cache.representation import FastResponse
from servicekit.cache.single_flight import InFlightLoad, InFlightLoads, LoadResult
from servicekit.errors import DeadlineExceeded
from servicekit.http.preconditions import is_excluded
from servicekit.http.problems import error_response
from servicekit.http.request_id import request_id
from servicekit.http.responses import SECURITY_HEADERS, TextHeaders, as_text, complete_headers
from servicekit.http.rsgi import Ended, Reply, RequestOverAsgi, RsgiHeaders, RsgiRequest
from servicekit.overload.admission import Admission
from servicekit.overload.granian_scheduling import was_queued
from servicekit.overload.load_shedding import FastRejection
from servicekit.telemetry.logs import LOG_CONTEXT
from servicekit.telemetry.requests import NO_ROUTE, FastPathRecorder

logger = logging.getLogger(__name__)

_SECURITY_HEADERS = as_text(SECURITY_HEADERS)


class FastEntry:
    """An entry in memory, and the response that its route makes of it at the first read."""

    __slots__ = ("_fast", "_key", "_loop", "fresh_until", "kept", "rendered")

    def __init__(self, kept: MemoryEntry, fast: FastRoute, key: str) -> None:
        self.kept = kept
        self.fresh_until = kept.entry.fresh_until
        self.rendered: FastResponse | None = None
        self._fast = fast
        self._key = key
        self._loop = asyncio.get_running_loop()

    def render(self) -> FastResponse:
        self.rendered = self._fast.render(self.kept.entry)
        return self.rendered

    def refresh(self, now: float) -> None:
        """In the event loop, as this may be called by another thread."""
        if self.kept.refresh_is_due(now):
            self._loop.call_soon_threadsafe(self._fast.refresh, self._key)


class PathIndex:
    """Entries in memory, by the path of their requests."""

    def __init__(self) -> None:
        self._entries: dict[str, FastEntry] = {}
        self.get = self._entries.get

    def register(self, parent: str, fast: FastRoute) -> None:
        """Holds each entry that the route's cache keeps from now on."""

        def keep(key: str, kept: MemoryEntry) -> None:
            if fast.route.keys.fullmatch(key):
                self.put(f"{parent}/{key}", FastEntry(kept, fast, key))

        fast.route.cache.on_keep = keep

    def put(self, path: str, entry: FastEntry) -> None:
        self._entries[path] = entry
        entry.kept.on_evict = functools.partial(self._entries.pop, path, None)


class MemoryFastPath:
    """Responds to a GET of a cached route before any layer: from memory, or at the end of a load.

    `admits` must agree. A worker at capacity rejects requests here if `reject` is given. All other
    requests go to `app`. Methods give the route whose response was sent, or None.
    """

    def __init__(
        self,
        app: Litestar,
        routes: FastRoutes,
        admission: Admission,
        admits: Callable[[RsgiHeaders], object],
        reject: FastRejection | None,
    ) -> None:
        self.app = app
        self._routes = routes
        self._paths = PathIndex()
        self._loads = InFlightLoads()
        for parent, fast in routes.items():
            self._paths.register(parent, fast)
            self._loads.register(parent, fast)
        self._admission = admission
        self._admits = admits
        self._reject = reject
        self._by_queue = False

    def starts_by_rsgi(self) -> None:
        """From now on the admission queue asks first, for each request that it starts."""
        self._admission.queue.early = self
        self._by_queue = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        replies: list[tuple[int, TextHeaders, bytes]] = []
        if scope["type"] == "http":
            request = RequestOverAsgi(scope)
            route = await self.respond(request, lambda *reply: replies.append(reply))
            if route and route != NO_ROUTE:
                scope["path_template"] = route
        for status, text, body in replies:
            scope.setdefault("state", {})["request_id"] = dict(text)["x-request-id"]
            headers = [(name.encode(), value.encode()) for name, value in text]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            return await send({"type": "http.response.body", "body": body, "more_body": False})
        await self.app(cast("Any", scope), cast("Any", receive), cast("Any", send))

    async def respond(self, request: RsgiRequest, reply: Reply) -> str | None:
        if self._by_queue and was_queued.get():
            return None

        def ended(route: str | None) -> None:
            if not waiting.done():
                waiting.set_result(route)

        try:
            if route := self.from_memory(request, reply) or self.rejected(request, reply):
                return route
            if not self.after_load(request, reply, ended):
                return None
            waiting = asyncio.get_running_loop().create_future()
            return await waiting
        except Exception:  # any: the layers can still respond
            logger.exception("the fast path failed")
            return None

    def from_memory(self, request: RsgiRequest, reply: Reply) -> str | None:
        """Another thread than the event loop's may call it."""
        if request.method != "GET" or request.query_string:
            return None
        hit, now = self._paths.get(request.path), time.monotonic()
        if hit is None or now >= hit.fresh_until or now >= hit.kept.expires_at:
            return None
        begun, headers = time.perf_counter(), request.headers
        if not self._may_be_early(headers):
            return None
        if now >= hit.kept.refresh_at:
            hit.refresh(now)
        response = hit.rendered or hit.render()
        _Client(request.path, headers, reply, begun).send(response)
        response.recorder.reads += 1
        return response.recorder.route

    def rejected(self, request: RsgiRequest, reply: Reply) -> str | None:
        """A worker at capacity rejects the request. Another thread may call it, too."""
        if not self._reject or not self._admission.rejects() or request.path == "/health":
            return None
        self._reject(request, reply)
        return NO_ROUTE

    def after_load(self, request: RsgiRequest, reply: Reply, ended: Ended) -> bool:
        """True if the request waits for a load: the one under way, or a new one. `ended` is called
        at its end: with None, the load was cancelled, and the request has to go to the layers."""
        if request.method != "GET" or request.query_string:
            return False
        begun, path, headers = time.perf_counter(), request.path, request.headers
        load = self._loads.get(path)
        found = None if load else self._routes.at(path)
        if not (load or found) or not self._may_be_early(headers):
            return False
        client = _Client(path, headers, reply, begun)
        load = load or (found and self._begin(*found, client))
        if not load:
            return False
        recorder = load.recorder

        def loaded(result: LoadResult) -> None:
            self._admission.in_flight -= 1
            route = recorder.route
            try:
                if result.response:
                    client.send(result.response)
                elif result.error:
                    if isinstance(result.error, DeadlineExceeded):
                        self._admission.deadlines_exceeded += 1
                    client.send_error(result.error, recorder)
                else:
                    route = None
            except Exception:  # any, as above
                logger.exception("the fast path failed")
                route = None
            ended(route)

        self._admission.admit()
        # Log lines are of this request, not of the one that began the load.
        load.subscribe(functools.partial(copy_context().run, loaded), began=bool(found))
        return True

    def _begin(self, fast: FastRoute, key: str, client: "_Client") -> InFlightLoad | None:
        """None if memory has the key, as absent or stale: the layers respond."""
        if fast.route.cache.memory_entry(key):
            return None
        outer = LOG_CONTEXT.set({**LOG_CONTEXT.get(), "request_id": client.own_id})
        try:
            fast.load(key)
        finally:
            LOG_CONTEXT.reset(outer)
        return self._loads.get(client.path)

    def _may_be_early(self, headers: RsgiHeaders) -> object:
        # An If-Match may be answered by 412, whose body is the route's.
        return "if-match" not in headers and self._admits(headers)


class _Client(msgspec.Struct):
    """A request as the fast path has it, and the way to respond to it."""

    path: str
    headers: RsgiHeaders
    reply: Reply
    begun: float
    own_id: str = ""

    def __post_init__(self) -> None:
        self.own_id = request_id(self.headers.get("x-request-id"))

    def send(self, response: FastResponse) -> None:
        """Responds as the route does to a request without an If-Match."""
        status, sent, body = 200, response.full, response.body
        if "if-none-match" in self.headers:
            conditions = self.headers.get_all("if-none-match")
            # mostly the tag that the client was given, alone or in a list
            given = conditions[0].split(", ") if len(conditions) == 1 else ()
            if response.etag in given or is_excluded(response.etag, conditions):
                status, sent, body = 304, response.unchanged, b""
        age = ("age", str(max(0, int(time.monotonic() - response.stored_at))))
        headers = [*sent, age, *_SECURITY_HEADERS, ("x-request-id", self.own_id)]
        self.reply(status, headers, body)
        self._record(response.recorder, status)

    def send_error(self, error: Exception, recorder: FastPathRecorder) -> None:
        scope = cast("HTTPScope", {"method": "GET", "state": {"request_id": self.own_id}})
        response = error_response(scope, error)
        text = as_text(complete_headers(response.headers, self.own_id.encode()))
        self.reply(response.status, text, response.body)
        self._record(recorder, response.status)

    def _record(self, recorder: FastPathRecorder, status: int) -> None:
        recorder.answered(self.path, status, self.own_id, time.perf_counter() - self.begun)


def wants_cached(headers: RsgiHeaders) -> bool:
    """Whether the request doesn't say `Cache-Control: no-cache`, as `bypasses_cache` tells."""
    return "cache-control" not in headers or not any(
        "no-cache" in value.lower() for value in headers.get_all("cache-control")
    )
