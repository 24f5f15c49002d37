import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
from typing import TypeVar, cast

from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from app.answers import Answer
from app.problems import problem

T = TypeVar("T")


class Limits:
    """Bounds what a worker takes on: requests in flight, and the time that one may last.

    More requests than `max_in_flight` are told 503 at once, which clients and the load balancer
    can act on; a queue would only let all of them time out. `/health` is always let in.
    """

    def __init__(self, app: ASGIApp, max_in_flight: int, request_timeout: float) -> None:
        self._app = app
        self._max_in_flight = max_in_flight
        self._request_timeout = request_timeout
        self.in_flight = 0
        self.shed = 0  # refused as one too many, since the start
        self.expired = 0  # ended at their deadline

    @property
    def full(self) -> bool:
        return self.in_flight >= self._max_in_flight

    async def counted(self, answer: Awaitable[T]) -> T:
        """Waits for `answer` as a request in flight does; it has to have a deadline of its own."""
        self.in_flight += 1
        try:
            return await answer
        finally:
            self.in_flight -= 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.full and scope["path"] != "/health":
            self.shed += 1
            refusal = _refusal(scope, HTTPStatus.SERVICE_UNAVAILABLE, "Too busy; try again.")
            return await refusal(scope, receive, send)
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        self.in_flight += 1
        deadline = asyncio.timeout(self._request_timeout)
        try:
            async with deadline:
                await self._app(scope, receive, watched)
        except TimeoutError:
            self.expired += deadline.expired()
            if not deadline.expired() or started:
                raise
            refusal = _refusal(scope, HTTPStatus.GATEWAY_TIMEOUT, "The request took too long.")
            await refusal(scope, receive, send)
        finally:
            self.in_flight -= 1


def _refusal(scope: Scope, status: HTTPStatus, detail: str) -> Answer:
    answer = problem(cast("HTTPScope", scope), status, detail)
    # A body that was not read must not be taken for the next request.
    answer.headers.append((b"connection", b"close"))
    return answer
