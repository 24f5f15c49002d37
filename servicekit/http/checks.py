from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from servicekit.http.responses import RawResponse

# Gives the response that rejects a request, or None.
Check = Callable[[HTTPScope], RawResponse | None]


class ChecksMiddleware:
    """Rejects a request by the first check that gives a response.

    One layer for all checks that need no I/O: a layer of its own costs each request 1 to 2 µs.
    """

    def __init__(self, app: ASGIApp, checks: Sequence[Check]) -> None:
        self._app = app
        self._checks = checks

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        scope = cast("HTTPScope", scope)
        for check in self._checks:
            response = check(scope)
            if response is not None:
                return response(scope, receive, send)
        return self._app(scope, receive, send)
