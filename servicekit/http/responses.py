from collections.abc import Iterable

import msgspec
from litestar.types import HTTPScope, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

# Security headers of every response: no MIME sniffing, no framing, HSTS.
SECURITY_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"strict-transport-security", b"max-age=31536000"),
]
_CACHE_CONTROL = b"cache-control"
_NO_STORE = (_CACHE_CONTROL, b"no-store")


class RawResponse(msgspec.Struct, frozen=True):
    """A whole response, which is also the ASGI application that sends it."""

    status: int
    headers: Headers
    body: bytes

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def header(scope: HTTPScope, name: bytes) -> bytes | None:
    """The header's first value; None without one. `name` is in lower case."""
    for candidate, value in scope["headers"]:
        if candidate == name:
            return value
    return None


def mark_response_started(scope: HTTPScope) -> None:
    scope["state"]["response_started"] = True


def response_started(scope: HTTPScope) -> bool:
    """True once the status and headers were sent."""
    return "response_started" in scope["state"]


def complete_headers(headers: Iterable[tuple[bytes, bytes]], request_id: bytes) -> Headers:
    """The headers of a response, with those that every response has.

    A response is not to be stored anywhere unless it says otherwise.
    """
    complete = [*headers]
    for name, _ in complete:
        if name == _CACHE_CONTROL:
            break
    else:
        complete.append(_NO_STORE)
    return [*complete, *SECURITY_HEADERS, (b"x-request-id", request_id)]
