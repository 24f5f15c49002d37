import time
from collections.abc import Awaitable, Iterator
from http import HTTPStatus

from litestar.types import HTTPScope, Message, Receive, Send

from servicekit.http.problems import unhandled_error_response
from servicekit.http.request_id import request_id
from servicekit.http.responses import HttpApp, complete_headers, header, mark_response_started
from servicekit.telemetry.access_log import AccessLog
from servicekit.telemetry.counters import Timings
from servicekit.telemetry.logs import LOG_CONTEXT
from servicekit.telemetry.metrics import REQUEST_DURATION, REQUESTS, Sample

NO_ROUTE = "(none)"  # one label for all paths without a route
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "(other)"
_NO_ANSWER = "none"  # the client left before there was one


class RequestCounters:
    """Durations by route, method and status; each label has a bounded set of values.

    Granian's thread and the event loop may add at once.
    """

    def __init__(self) -> None:
        self._by_kind: dict[tuple[str, str, int], Timings] = {}

    def add(self, route: str, method: str, status: int, seconds: float) -> None:
        kind = (route, method, status)
        timings = self._by_kind.get(kind)
        if timings is None:
            kind = (route, method if method in METHODS else OTHER_METHOD, status)
            timings = self._by_kind.setdefault(kind, Timings())
        timings.add(seconds)

    def samples(self) -> Iterator[Sample]:
        durations: dict[tuple[str, str], list[Timings]] = {}
        counts: dict[tuple[str, str, str], int] = {}
        for (route, method, status), timings in self._by_kind.copy().items():
            durations.setdefault((route, method), []).append(timings)
            kind = (route, method, str(status or _NO_ANSWER))
            counts[kind] = counts.get(kind, 0) + sum(timings.buckets)
        for kind, count in counts.items():
            yield REQUESTS.sample(count, *kind)
        for kind, timed in durations.items():
            yield REQUEST_DURATION.histogram(timed, *kind)


class FastPathRecorder:
    """Counts and logs the responses of one route's fast path."""

    __slots__ = ("_access", "_counters", "reads", "route")

    def __init__(self, route: str, counters: RequestCounters | None, access: AccessLog) -> None:
        self.route = route
        self._access = access
        self._counters = counters
        self.reads = 0  # responses from memory, without a lookup in the cache

    def answered(self, path: str, status: int, own_id: str, seconds: float) -> None:
        if self._counters:
            self._counters.add(self.route, "GET", status, seconds)
        if self._access.due(status, seconds):
            self._access.line("GET", path, self.route, status, seconds, own_id)


class RequestRecorder:
    """Counts each response, and logs the share that the access log wants."""

    def __init__(self, counters: RequestCounters | None, access: AccessLog) -> None:
        self._counters = counters
        self._access = access

    def answered(
        self, route: str, method: str, path: str, status: int, own_id: str, seconds: float
    ) -> None:
        if self._counters:
            self._counters.add(route, method, status, seconds)
        # Early rejections are only counted: a line for each would cost what rejecting saves.
        rejected = route == NO_ROUTE and status == HTTPStatus.SERVICE_UNAVAILABLE
        if self._access.due(0 if rejected else status, seconds):
            self._access.line(method, path, route, status, seconds, own_id)


class RequestLog:
    """Gives each request an id, adds it and the security headers to the response, counts and logs.

    Answers an exception that nothing within has handled with a problem.
    """

    def __init__(self, app: HttpApp, recorder: RequestRecorder) -> None:
        self._app = app
        self._recorder = recorder

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        given = header(scope, b"x-request-id")
        own = scope["state"]["request_id"] = request_id(
            None if given is None else given.decode("latin-1")
        )
        own_id = own.encode()
        outer = LOG_CONTEXT.set({**LOG_CONTEXT.get(), "request_id": own})
        begun = time.perf_counter()
        status = 0

        def with_id(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                mark_response_started(scope)
                message["headers"] = complete_headers(message["headers"], own_id)
            return send(message)

        try:
            await self._app(scope, receive, with_id)
        except Exception as error:  # any that escaped: the server would answer text/plain
            if status:
                raise  # the response has begun; the server ends the connection
            await unhandled_error_response(scope, error)(scope, receive, with_id)
        finally:
            route = scope.get("path_template", NO_ROUTE)
            seconds = time.perf_counter() - begun
            self._recorder.answered(route, scope["method"], scope["path"], status, own, seconds)
            LOG_CONTEXT.reset(outer)
