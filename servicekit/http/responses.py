from collections.abc import Awaitable, Callable, Collection, Iterable
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.serialization import get_serializer
from litestar.types import HTTPScope, Receive, Scope, Send

T = TypeVar("T")
Headers = list[tuple[bytes, bytes]]
TextHeaders = list[tuple[str, str]]  # as RSGI takes them
HttpApp = Callable[[HTTPScope, Receive, Send], Awaitable[None]]  # ASGI, but for HTTP alone

# Security headers of every response: no MIME sniffing, no framing, HSTS.
SECURITY_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"strict-transport-security", b"max-age=31536000"),
]
_CACHE_CONTROL = b"cache-control"
_NO_STORE = (_CACHE_CONTROL, b"no-store")
_JSON = "application/json"
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
# What a route's declaration may add to a response, beside headers and encoders.
_MORE = ("background", "cookies", "encoded_headers", "is_head_response")


class RawResponse(msgspec.Struct, frozen=True):
    """A whole response, which is also the ASGI application that sends it."""

    status: int
    headers: Headers
    body: bytes

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class JsonResponse(Response[T]):
    """Litestar's response. One of JSON and headers alone is sent as a `RawResponse`: 10 µs less."""

    def to_asgi_response(self, app: Any, request: Any, **declared: Any) -> Any:
        kind = self.media_type or declared.get("media_type") or _JSON
        status = self.status_code or declared.get("status_code") or HTTPStatus.OK
        more = self.background or self.cookies or any(map(declared.get, _MORE))
        if more or kind != _JSON or status in _BODILESS:
            return super().to_asgi_response(app, request, **declared)

        def encode_unknown(value: Any) -> Any:
            encoders = {**(declared.get("type_encoders") or {}), **self.response_type_encoders}
            return get_serializer(encoders)(value)

        body = self.render(self.content, _JSON, encode_unknown)
        headers = {b"content-type": _JSON.encode(), b"content-length": b"%d" % len(body)}
        for name, value in {**(declared.get("headers") or {}), **self.headers}.items():
            headers[name.lower().encode("latin-1")] = value.encode("latin-1")
        return RawResponse(status, [*headers.items()], body)


def header(scope: HTTPScope, name: bytes) -> bytes | None:
    """The header's first value; None without one. `name` is in lower case."""
    for candidate, value in scope["headers"]:
        if candidate == name:
            return value
    return None


def as_text(headers: Collection[tuple[bytes, bytes]]) -> TextHeaders:
    """For RSGI, which would leave out a header that is not ASCII: its other bytes are escaped."""
    try:
        return [(name.decode("ascii"), value.decode("ascii")) for name, value in headers]
    except UnicodeDecodeError:
        return [(n.decode("ascii"), v.decode("ascii", "backslashreplace")) for n, v in headers]


def mark_response_started(scope: HTTPScope) -> None:
    scope["state"]["response_started"] = True


def response_started(scope: HTTPScope) -> bool:
    """True once the status and headers were sent."""
    return "response_started" in scope["state"]


def complete_headers(headers: Iterable[tuple[bytes, bytes]], request_id: bytes) -> Headers:
    """The headers of a response, with those that every response has.

    A response is not to be stored anywhere unless it says otherwise.
    """
    complete = [*headers, *SECURITY_HEADERS, (b"x-request-id", request_id)]
    for name, _ in complete:
        if name == _CACHE_CONTROL:
            return complete
    return [_NO_STORE, *complete]
