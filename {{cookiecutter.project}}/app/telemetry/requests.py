import time
from collections.abc import Iterator
from typing import cast

import msgspec
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from app.telemetry.counts import Timings
from app.telemetry.metrics import REQUEST_DURATION, REQUESTS, Row
from app.telemetry.request_id import request_id

NO_ROUTE = "(none)"  # whatever a client asks for that no route has is one label
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD = "(other)"
_NO_ANSWER = "none"  # the client left before there was one


class HotTally(msgspec.Struct, frozen=True):
    """Of one route's answers from memory: with the body, and 304."""

    full: Timings
    unchanged: Timings


class Tallies:
    """Answers by route, method and status, all of them bounded."""

    def __init__(self) -> None:
        self._by_kind: dict[tuple[str, str, int], Timings] = {}
        self._hot: dict[str, HotTally] = {}

    def add(self, route: str, method: str, status: int, seconds: float) -> None:
        kind = (route, method, status)
        timings = self._by_kind.get(kind)
        if timings is None:
            kind = (route, method if method in _METHODS else _OTHER_METHOD, status)
            timings = self._by_kind.setdefault(kind, Timings())
        timings.add(seconds)

    def hot(self, route: str) -> HotTally:
        return self._hot.setdefault(route, HotTally(Timings(), Timings()))

    def rows(self) -> Iterator[Row]:
        durations: dict[tuple[str, str], list[Timings]] = {}
        counts: dict[tuple[str, str, str], int] = {}
        for (route, method, status), timings in self._all():
            durations.setdefault((route, method), []).append(timings)
            kind = (route, method, str(status or _NO_ANSWER))
            counts[kind] = counts.get(kind, 0) + sum(timings.buckets)
        for kind, count in counts.items():
            yield REQUESTS.of(count, *kind)
        for kind, timed in durations.items():
            yield REQUEST_DURATION.timed(timed, *kind)

    def _all(self) -> Iterator[tuple[tuple[str, str, int], Timings]]:
        yield from self._by_kind.items()
        for route, hot in self._hot.items():
            yield (route, "GET", 200), hot.full
            yield (route, "GET", 304), hot.unchanged


class Requests:
    """Gives each request its id, each answer the header that says it, and counts both."""

    def __init__(self, app: ASGIApp, tallies: Tallies | None) -> None:
        self._app = app
        self._tallies = tallies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = cast("HTTPScope", scope)
        own_id = request_id(scope)
        scope["state"]["request_id"] = own_id.decode()
        begun = time.perf_counter()
        status = 0

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", own_id)]
            await send(message)

        try:
            await self._app(scope, receive, with_id)
        finally:
            if self._tallies is not None:
                route = scope.get("path_template", NO_ROUTE)
                took = time.perf_counter() - begun
                self._tallies.add(route, scope["method"], status, took)
