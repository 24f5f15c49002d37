import asyncio
import time
from collections.abc import Awaitable
from http import HTTPStatus
from typing import TypeVar, cast

from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from servicekit.errors import MalformedBody
from servicekit.http.problems import BODILESS, rejection
from servicekit.http.request_id import request_id
from servicekit.http.responses import RawResponse, complete_headers
from servicekit.overload.admission_queue import Handover, stood_in_line
from servicekit.overload.loop_lag import Lag
from servicekit.telemetry.requests import RequestLog

T = TypeVar("T")
_ID = "#"


class Limits:
    """Bounds what a worker takes on: requests in flight, and the time that one may last.

    More requests than `max_in_flight`, or than the event loop keeps up with, are told 503 at once,
    which clients and the load balancer can act on; a queue would only let all of them time out.
    `/health` is always let in.
    """

    def __init__(
        self,
        app: ASGIApp,
        line: Handover,
        lag: Lag,
        max_in_flight: int,
        request_timeout: float,
    ) -> None:
        self._app = app
        self._line = line
        self._lag = lag
        self._max_in_flight = max_in_flight
        self._request_timeout = request_timeout
        self.in_flight = 0
        self.shed = 0  # refused as one too many, since the start
        self.expired = 0  # ended at their deadline

    def full(self) -> bool:
        """Whether those who are in flight, or stand in line to be, are as many as may be."""
        return self.in_flight + len(self._line) >= self._max_in_flight or self._lag.excessive

    def refuses(self) -> bool:
        """The request that is looked at now; who has stood in line is let in."""
        return not stood_in_line.get() and self.full()

    async def counted(self, answer: Awaitable[T]) -> T:
        """Waits for `answer` as a request in flight does; it has to have a deadline of its own."""
        self.in_flight += 1
        try:
            return await answer
        finally:
            self.in_flight -= 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.refuses() and scope["path"] != "/health":
            self.shed += 1
            return await _too_busy(cast("HTTPScope", scope))(scope, receive, send)
        exchange = _Exchange(receive, send)
        deadline = asyncio.timeout(self._request_timeout)
        self.in_flight += 1
        try:
            # All that is waited for ends with it: the body, the pool, the cache, the upstream.
            async with deadline:
                await self._app(scope, exchange.received, exchange.sent)  # pyright: ignore[reportArgumentType] (Litestar's own types of messages)
        except TimeoutError:
            self.expired += deadline.expired()
            if not deadline.expired() or exchange.answering:
                raise
            await exchange.spent(cast("HTTPScope", scope))(scope, receive, send)
        finally:
            self.in_flight -= 1


def _too_busy(scope: HTTPScope) -> RawResponse:
    return rejection(scope, HTTPStatus.SERVICE_UNAVAILABLE, "Too busy; try again.")


class FastRejection:
    """Says what `Limits` says, byte by byte, before anything else looks at the request: what a
    refusal costs, those pay who could be served."""

    def __init__(self, limits: Limits, requests: RequestLog) -> None:
        self._limits = limits
        self._requests = requests
        scope = cast("HTTPScope", {"method": "GET", "state": {"request_id": _ID}})
        answer = _too_busy(scope)
        self._begin, self._end = answer.body.split(_ID.encode())
        self._type, _, *self._headers = answer.headers

    async def __call__(self, scope: HTTPScope, send: Send) -> None:
        begun = time.perf_counter()
        self._limits.shed += 1
        own_id = request_id(scope)
        body = self._begin + own_id + self._end
        headers = [self._type, (b"content-length", b"%d" % len(body)), *self._headers]
        if scope["method"] not in BODILESS:
            headers.append((b"connection", b"close"))
        headers = complete_headers(headers, own_id)
        if scope["method"] == "HEAD":
            body = b""
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
        self._requests.answered(scope, 503, own_id.decode(), time.perf_counter() - begun)


class _Exchange:
    """A request and its answer: how far they have come when the time is over."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._reading = False
        self._whole = False  # the body
        self.answering = False

    async def received(self) -> object:
        self._reading = True
        message = await self._receive()
        self._reading = False
        if message["type"] == "http.request":
            self._whole = not message.get("more_body", False)
        elif not self._whole:
            raise MalformedBody("The body ended before it was whole.")  # the framework says 500
        return message

    async def sent(self, message: Message) -> None:
        self.answering = True
        await self._send(message)

    def spent(self, scope: HTTPScope) -> RawResponse:
        if self._reading:
            detail = "The body took too long to come."
            return rejection(scope, HTTPStatus.REQUEST_TIMEOUT, detail)
        return rejection(scope, HTTPStatus.GATEWAY_TIMEOUT, "The request took too long.")
