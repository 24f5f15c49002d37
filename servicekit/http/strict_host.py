import re
from http import HTTPStatus
from typing import cast

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from servicekit.http.problems import problem_response

_HOST = re.compile(rb"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


def has_valid_host_and_framing(scope: HTTPScope) -> bool:
    """True for a request with one valid Host and at most one transfer coding, `chunked`.

    Otherwise a proxy in front may read the request as another one, or as two (request smuggling;
    RFC 9112, sections 3.2 and 6.1).
    """
    host = coding = None
    for name, value in scope["headers"]:
        if name == b"host":
            if host is not None:
                return False
            host = value
        elif name == b"transfer-encoding":
            if coding is not None or value.lower() != b"chunked":
                return False
            coding = value
    if not host:  # Granian gives an empty Host where there is none, and "1" for HTTP/1.0
        return scope["http_version"] in ("1", "1.0")
    return _HOST.fullmatch(host) is not None


class StrictHostMiddleware:
    """Rejects requests with no valid Host, with several, or with several transfer codings."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = cast("HTTPScope", scope)
        if has_valid_host_and_framing(scope):
            return await self._app(scope, receive, send)
        detail = "The request needs one Host and at most one transfer coding."
        response = problem_response(scope, HTTPStatus.BAD_REQUEST, detail)
        # Bytes that follow on this connection may not be what they seem.
        response.headers.append((b"connection", b"close"))
        await response(scope, receive, send)
