from collections.abc import Awaitable, Callable, Sequence

from litestar.types import HTTPScope, Receive, Send

from servicekit.http.responses import HttpApp, RawResponse

# Gives the response that rejects a request, or None.
Check = Callable[[HTTPScope], RawResponse | None]


class ChecksMiddleware:
    """Rejects a request by the first check that gives a response.

    One layer for all checks that need no I/O: a layer of its own costs each request 1 to 2 µs.
    """

    def __init__(self, app: HttpApp, checks: Sequence[Check]) -> None:
        self._app = app
        self._checks = checks

    def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        for check in self._checks:
            response = check(scope)
            if response is not None:
                return response(scope, receive, send)
        return self._app(scope, receive, send)
