"""The way from memory to a response, before any layer: the bytes of the route, in less time."""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any, cast

from litestar import Litestar
from litestar.types import Receive, Scope, Send

from servicekit.cache.memory import MemoryEntry
from servicekit.cache.representation import FastResponse
from servicekit.cache.single_flight import InFlightLoads
from servicekit.http.preconditions import is_excluded
from servicekit.http.request_id import request_id
from servicekit.http.responses import SECURITY_HEADERS, TextHeaders, as_text
from servicekit.http.rsgi import Reply, RequestOverAsgi, RsgiHeaders, RsgiRequest
from servicekit.overload.admission import Admission
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
    requests go to `app`.
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        replies: list[tuple[int, TextHeaders, bytes]] = []
        if scope["type"] == "http":
            request = RequestOverAsgi(scope)
            route, error = await self.respond(request, lambda *reply: replies.append(reply))
            if route and route != NO_ROUTE:
                scope["path_template"] = route
            cast("Any", scope)["load_failed"] = error
        for status, text, body in replies:
            headers = [(name.encode(), value.encode()) for name, value in text]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            return await send({"type": "http.response.body", "body": body, "more_body": False})
        await self.app(cast("Any", scope), cast("Any", receive), cast("Any", send))

    async def respond(
        self, request: RsgiRequest, reply: Reply
    ) -> tuple[str | None, Exception | None]:
        """The route whose response was sent, if any was, and what ended the load that it waited
        for. Without a route, the request has to go to the layers."""
        begun = time.perf_counter()
        hit = error = None
        try:
            cacheable = request.method == "GET" and not request.query_string
            path = request.path
            hit = self._paths.get(path) if cacheable else None
            if (
                hit is not None
                and time.monotonic() < hit.fast_until
                and self._admits(headers := request.headers)
            ):
                rendered, stored, recorder = hit.rendered, hit.entry.stored_at, hit.recorder
                if _responds(rendered, stored, recorder, begun, path, headers, reply):
                    recorder.reads += 1
                    return recorder.route, None
            elif self._admission.rejects():
                if self._reject and path != "/health":
                    self._reject(request, reply)
                    return NO_ROUTE, None
            elif cacheable:
                load = self._loads.get(path)
                if load is not None and self._admits(headers := request.headers):
                    result = await self._admission.counted(load.subscribe())
                    rendered, stored, error = result
                    recorder = load.recorder
                    if rendered and _responds(
                        rendered, stored, recorder, begun, path, headers, reply
                    ):
                        return recorder.route, None
        except Exception as failure:  # any: the layers can still give a response
            logger.error("the fast path failed", exc_info=failure)
        return None, error


def _responds(
    rendered: FastResponse,
    stored: float,
    recorder: FastPathRecorder,
    begun: float,
    path: str,
    headers: RsgiHeaders,
    reply: Reply,
) -> bool:
    """False, with nothing sent, if there is an If-Match: 412 has a body of the route's."""
    if "if-match" in headers:
        return False
    status, sent, body = 200, rendered.full, rendered.body
    if "if-none-match" in headers:
        conditions = headers.get_all("if-none-match")
        # mostly the tag that the client was given, alone or in a list
        given = conditions[0].split(", ") if len(conditions) == 1 else ()
        if rendered.etag in given or is_excluded(rendered.etag, conditions):
            status, sent, body = 304, rendered.unchanged, b""
    own_id = request_id(headers.get("x-request-id"))
    age = ("age", str(max(0, int(time.monotonic() - stored))))
    reply(status, [*sent, age, *_SECURITY_HEADERS, ("x-request-id", own_id)], body)
    recorder.answered(path, status, own_id, time.perf_counter() - begun)
    return True


def wants_cached(headers: RsgiHeaders) -> bool:
    """Whether the request doesn't say `Cache-Control: no-cache`, as `bypasses_cache` tells."""
    return "cache-control" not in headers or not any(
        "no-cache" in value.lower() for value in headers.get_all("cache-control")
    )
