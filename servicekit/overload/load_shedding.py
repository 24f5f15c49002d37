import asyncio
import time
from http import HTTPStatus
from typing import Any, cast

from litestar.types import HTTPScope, Receive, Send

from servicekit.errors import MalformedBody
from servicekit.http.problems import BODILESS, rejection
from servicekit.http.request_id import request_id
from servicekit.http.responses import (
    HttpApp,
    RawResponse,
    as_text,
    complete_headers,
    response_started,
)
from servicekit.http.rsgi import Reply, RsgiRequest
from servicekit.overload.admission import Admission
from servicekit.telemetry.requests import NO_ROUTE, RequestRecorder

_ID = "#"


class LoadShedding:
    """Bounds a worker's requests in flight, and the seconds that one may take.

    A request above the bound gets 503 at once, which clients and the load balancer can act on; in a
    queue, all of them would time out. `/health` is always admitted. A route with `opt=STREAMING`
    has no deadline once its response has begun.
    """

    def __init__(self, app: HttpApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        admission = self._admission
        if admission.rejects() and scope["path"] != "/health":
            admission.rejected += 1
            return await _too_busy(scope)(scope, receive, send)
        # Ends every wait of the request: for its body, the pool, the cache, the upstream.
        deadline = admission.deadlines.open(scope)
        body = None
        if scope["method"] not in BODILESS:
            body = _Body(receive)
            receive = body.receive
        admission.admit()
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if not deadline.caused_cancellation():
                raise
            admission.deadlines_exceeded += 1
            if response_started(scope):
                raise TimeoutError from None
            await _timed_out(scope, body)(scope, receive, send)
        finally:
            admission.deadlines.close(deadline)
            admission.in_flight -= 1


def _too_busy(scope: HTTPScope) -> RawResponse:
    return rejection(scope, HTTPStatus.SERVICE_UNAVAILABLE, "Too busy; try again.")


class FastRejection:
    """Gives the response of `LoadShedding`, byte by byte, before any layer sees the request."""

    def __init__(self, admission: Admission, recorder: RequestRecorder) -> None:
        self._admission = admission
        self._recorder = recorder
        scope = cast("HTTPScope", {"method": "GET", "state": {"request_id": _ID}})
        response = _too_busy(scope)
        self._before_id, self._after_id = response.body.split(_ID.encode())
        self._type, _, *self._headers = response.headers

    def __call__(self, request: RsgiRequest, reply: Reply) -> None:
        begun = time.perf_counter()
        self._admission.rejected += 1
        method, own = request.method, request_id(request.headers.get("x-request-id"))
        own_id = own.encode()
        body = self._before_id + own_id + self._after_id
        headers = [self._type, (b"content-length", b"%d" % len(body)), *self._headers]
        if method not in BODILESS:
            headers.append((b"connection", b"close"))
        headers = as_text(complete_headers(headers, own_id))
        reply(503, headers, b"" if method == "HEAD" else body)
        seconds = time.perf_counter() - begun
        self._recorder.answered(NO_ROUTE, method, request.path, 503, own, seconds)


class _Body:
    """How much of a request's body has arrived when the deadline ends."""

    __slots__ = ("_complete", "_receive", "reading")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._complete = False
        self.reading = False

    async def receive(self) -> Any:
        self.reading = True
        message = await self._receive()
        self.reading = False
        if message["type"] == "http.request":
            self._complete = not message.get("more_body", False)
        elif not self._complete:
            raise MalformedBody("The body ended before it was whole.")  # Litestar would say 500
        return message


def _timed_out(scope: HTTPScope, body: _Body | None) -> RawResponse:
    if body is not None and body.reading:
        detail = "The body took too long to come."
        return rejection(scope, HTTPStatus.REQUEST_TIMEOUT, detail)
    return rejection(scope, HTTPStatus.GATEWAY_TIMEOUT, "The request took too long.")
