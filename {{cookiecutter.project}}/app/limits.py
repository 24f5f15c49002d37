import asyncio
from http import HTTPStatus

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.problems import RETRY_AFTER, problem_body
from app.telemetry.request_id import request_id_of


class Limits:
    """Bounds what a worker takes on: requests in flight, and the time that one may last.

    More requests than `max_in_flight` are told 503 at once, which clients and the load balancer
    can act on; a queue would only let all of them time out. `/health` is always let in.
    """

    def __init__(self, app: ASGIApp, max_in_flight: int, request_timeout: float) -> None:
        self._app = app
        self._max_in_flight = max_in_flight
        self._request_timeout = request_timeout
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._in_flight >= self._max_in_flight and scope["path"] != "/health":
            return await _refuse(
                scope, send, HTTPStatus.SERVICE_UNAVAILABLE, "Too busy; try again."
            )
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        self._in_flight += 1
        deadline = asyncio.timeout(self._request_timeout)
        try:
            async with deadline:
                await self._app(scope, receive, watched)
        except TimeoutError:
            if not deadline.expired() or started:
                raise
            await _refuse(scope, send, HTTPStatus.GATEWAY_TIMEOUT, "The request took too long.")
        finally:
            self._in_flight -= 1


async def _refuse(scope: Scope, send: Send, status: HTTPStatus, detail: str) -> None:
    body = problem_body(status, detail, request_id_of(scope))
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", RETRY_AFTER.encode()),
        (b"connection", b"close"),  # a body that was not read must not be taken for a request
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
