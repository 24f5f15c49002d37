"""The way from memory to a response, before any layer: the bytes of the route, in less time."""

import asyncio
import functools
import logging
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, cast

from litestar import Litestar
from litestar.types import HTTPScope, Receive, Scope, Send

from servicekit.cache.memory import MemoryEntry
from servicekit.cache.representation import FastResponse
from servicekit.cache.single_flight import InFlightLoads, LoadResult
from servicekit.http.preconditions import is_excluded
from servicekit.http.problems import error_response
from servicekit.http.request_id import request_id
from servicekit.http.responses import SECURITY_HEADERS, TextHeaders, as_text, complete_headers
from servicekit.http.rsgi import Ended, Reply, RequestOverAsgi, RsgiHeaders, RsgiRequest
from servicekit.overload.admission import Admission
from servicekit.overload.granian_scheduling import was_queued
from servicekit.overload.load_shedding import FastRejection
from servicekit.telemetry.requests import NO_ROUTE, FastPathRecorder

logger = logging.getLogger(__name__)

_SECURITY_HEADERS = as_text(SECURITY_HEADERS)


class PathIndex:
    """Entries in memory, by the path of their requests."""

    def __init__(self) -> None:
        self._entries: dict[str, MemoryEntry] = {}
        self.get = self._entries.get

    def put(self, path: str, entry: MemoryEntry) -> None:
        self._entries[path] = entry
        entry.on_evict = functools.partial(self._entries.pop, path, None)


class MemoryFastPath:
    """Responds to a GET from memory, or when the load that it waits for ends, before any layer.

    `admits` must agree. A worker at capacity rejects requests here if `reject` is given. All other
    requests go to `app`. Methods give the route whose response was sent, or None.
    """

    def __init__(
        self,
        app: Litestar,
        paths: PathIndex,
        loads: InFlightLoads,
        admission: Admission,
        admits: Callable[[RsgiHeaders], object],
        reject: FastRejection | None,
    ) -> None:
        self.app = app
        self._paths = paths
        self._loads = loads
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
        hit = self._paths.get(request.path)
        if hit is None or time.monotonic() >= hit.fast_until:
            return None
        begun, headers = time.perf_counter(), request.headers
        if not self._may_be_early(headers):
            return None
        if hit.rendered is None:  # the first read from memory
            hit.rendered = hit.render(hit.entry)
        response: FastResponse = hit.rendered
        _send(response, request.path, headers, reply, begun)
        response.recorder.reads += 1
        return response.recorder.route

    def rejected(self, request: RsgiRequest, reply: Reply) -> str | None:
        """A worker at capacity rejects the request. Another thread may call it, too."""
        if not self._reject or not self._admission.rejects() or request.path == "/health":
            return None
        self._reject(request, reply)
        return NO_ROUTE

    def after_load(self, request: RsgiRequest, reply: Reply, ended: Ended) -> bool:
        """True if the request waits for a load that another one has begun. `ended` is called at
        its end: with None, the load was cancelled, and the request has to go to the layers."""
        if request.method != "GET" or request.query_string:
            return False
        begun, path = time.perf_counter(), request.path
        load = self._loads.get(path)
        if load is None or not self._may_be_early(headers := request.headers):
            return False

        def loaded(result: LoadResult) -> None:
            self._admission.in_flight -= 1
            route = load.recorder.route
            try:
                if result.response:
                    _send(result.response, path, headers, reply, begun)
                elif result.error:
                    _send_error(result.error, load.recorder, path, headers, reply, begun)
                else:
                    route = None
            except Exception:  # any, as above
                logger.exception("the fast path failed")
                route = None
            ended(route)

        self._admission.admit()
        # Log lines are of this request, not of the one that began the load.
        load.subscribe(functools.partial(copy_context().run, loaded))
        return True

    def _may_be_early(self, headers: RsgiHeaders) -> object:
        # An If-Match may be answered by 412, whose body is the route's.
        return "if-match" not in headers and self._admits(headers)


def _send(
    response: FastResponse, path: str, headers: RsgiHeaders, reply: Reply, begun: float
) -> None:
    """Responds as the route does to a request without an If-Match."""
    status, sent, body = 200, response.full, response.body
    if "if-none-match" in headers:
        conditions = headers.get_all("if-none-match")
        # mostly the tag that the client was given, alone or in a list
        given = conditions[0].split(", ") if len(conditions) == 1 else ()
        if response.etag in given or is_excluded(response.etag, conditions):
            status, sent, body = 304, response.unchanged, b""
    own_id = request_id(headers.get("x-request-id"))
    age = ("age", str(max(0, int(time.monotonic() - response.stored_at))))
    reply(status, [*sent, age, *_SECURITY_HEADERS, ("x-request-id", own_id)], body)
    response.recorder.answered(path, status, own_id, time.perf_counter() - begun)


def _send_error(
    error: Exception,
    recorder: FastPathRecorder,
    path: str,
    headers: RsgiHeaders,
    reply: Reply,
    begun: float,
) -> None:
    own_id = request_id(headers.get("x-request-id"))
    scope = cast("HTTPScope", {"method": "GET", "state": {"request_id": own_id}})
    response = error_response(scope, error)
    text = as_text(complete_headers(response.headers, own_id.encode()))
    reply(response.status, text, response.body)
    recorder.answered(path, response.status, own_id, time.perf_counter() - begun)


def wants_cached(headers: RsgiHeaders) -> bool:
    """Whether the request doesn't say `Cache-Control: no-cache`, as `bypasses_cache` tells."""
    return "cache-control" not in headers or not any(
        "no-cache" in value.lower() for value in headers.get_all("cache-control")
    )
