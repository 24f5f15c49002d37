"""The way from memory to a response, before any layer: the bytes of the route, in less time."""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any, cast

from litestar import Litestar
from litestar.types import HTTPScope, Receive, Scope, Send

from servicekit.cache.memory import MemoryEntry
from servicekit.cache.representation import Rendered, bypasses_cache
from servicekit.cache.single_flight import InFlightLoads
from servicekit.http.preconditions import status_of_read
from servicekit.http.request_id import ACCEPTED, new_request_id
from servicekit.http.responses import SECURITY_HEADERS
from servicekit.overload.admission import Admission
from servicekit.overload.load_shedding import FastRejection
from servicekit.telemetry.requests import FastPathRecorder

logger = logging.getLogger(__name__)


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
        admits: Callable[[HTTPScope], object],
        reject: FastRejection | None,
    ) -> None:
        self.app = app
        self._paths = paths
        self._loads = loads
        self._admission = admission
        self._admits = admits
        self._reject = reject

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(cast("Any", scope), cast("Any", receive), cast("Any", send))
        cacheable = scope["method"] == "GET" and not scope["query_string"]
        hit = rendered = None
        rejects = False
        begun = time.perf_counter()
        try:
            hit = self._paths.get(scope["path"]) if cacheable else None
            if (
                hit is not None
                and time.monotonic() < hit.fast_until
                and not bypasses_cache(scope)
                and self._admits(scope)
            ):
                rendered, stored, recorder = hit.rendered, hit.entry.stored_at, hit.recorder
            elif self._admission.rejects():
                rejects = self._reject is not None and scope["path"] != "/health"
            elif cacheable:
                load = self._loads.get(scope["path"])
                if load is not None and not bypasses_cache(scope) and self._admits(scope):
                    recorder = load.recorder
                    rendered, stored, error = await self._admission.counted(load.subscribe())
                    cast("Any", scope)["load_failed"] = error
        except Exception as error:  # any: the layers can still give a response
            logger.error("the fast path failed", exc_info=error)
        if rendered is not None:
            if await _responds(rendered, stored, recorder, begun, scope, send):
                if hit is not None:
                    recorder.reads += rendered is hit.rendered
                return
        elif rejects and self._reject:
            return await self._reject(scope, send)
        await self.app(cast("Any", scope), cast("Any", receive), cast("Any", send))


async def _responds(
    rendered: Rendered,
    stored: float,
    recorder: FastPathRecorder,
    begun: float,
    scope: HTTPScope,
    send: Send,
) -> bool:
    """False, with nothing sent, where If-Match names another entity tag: 412 has a route's body."""
    # Written out, not composed of the route's functions: each call is 1 % of such a response.
    condition = request_id = None
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            condition = value if condition is None else b""
        elif name == b"if-match":
            condition = b""
        elif name == b"x-request-id" and request_id is None and ACCEPTED.fullmatch(value):
            request_id = value
    if condition is None:
        status = 200
    else:  # mostly the tag that the client was given, alone or in a list
        tags = condition.split(b", ")
        status = 304 if rendered.etag in tags else status_of_read(scope, rendered.etag)
    if status == 200:
        headers, body = rendered.full, rendered.body
    elif status == 304:
        headers, body = rendered.unchanged, b""
    else:
        return False
    age = (b"age", b"%d" % max(0, time.monotonic() - stored))
    own_id = request_id or new_request_id()
    headers = [*headers, age, *SECURITY_HEADERS, (b"x-request-id", own_id)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
    recorder.answered(scope, status, own_id, time.perf_counter() - begun)
    return True
